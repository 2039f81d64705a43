"""The two published tables, ours beside them."""

from friendfoe.report.tables import Table
from friendfoe.studies.assistive.names import CONDITIONS, LABEL_KNOWN, MODELS, ON
from friendfoe.studies.assistive.settings import Settings
from friendfoe.studies.comparison import comparison
from friendfoe.studies.estimates import accuracy_estimates
from friendfoe.studies.published import published, readings
from friendfoe.studies.results import Results

HALVES = ("clean-half", "assist-half")

# what the article leaves open, and under which of our names its numbers stand
THEIRS = readings(published("assistive"), "model", {"mixed-matched": "mixed"})
THEIRS = readings(THEIRS, "condition", {"attack-self": "attack"})


def table_1(study: Results[Settings], note: str) -> Table:
    """Accuracy of A, B, C in both readings and any further model, under every condition."""
    return comparison(
        "table-1",
        "Table 1. Accuracy, by what the model was trained on (columns) and what it is shown (rows)",
        accuracy_estimates(study.evaluations),
        THEIRS[THEIRS["table"] == "table 1"],
        data=study.data,
        rows={name: CONDITIONS.get(name, name) for name in study.conditions if name != "own-train"},
        columns={name: MODELS.get(name, name) for name in study.models if name not in HALVES},
        notes=(
            "A: clean images; B: assistive images alone; C: both, all of each; C (half): both, half of each.",
            LABEL_KNOWN,
            f"{ON} The article says neither on which its attacked images were crafted nor which of the two C is: its "
            "numbers stand beside both readings. Its remark that the attack presumes an accurate classifier fits on "
            "itself. Its library attacks the model's own answer where no label is given; ours attacks the true label.",
            note,
        ),
    )


def table_2(study: Results[Settings], note: str) -> Table:
    """Accuracy of A′ and B′, trained on half as many images."""
    return comparison(
        "table-2",
        "Table 2. Accuracy after training on half of the images: does an assistive image teach more?",
        accuracy_estimates(study.evaluations),
        THEIRS[THEIRS["table"] == "table 2"],
        data=study.data,
        rows={name: CONDITIONS[name] for name in ("own-train", "clean")},
        columns={name: MODELS[name] for name in HALVES},
        notes=(
            "A′ and B′ are trained on the same half of the images: clean for A′, with the assistive signal for B′.",
            LABEL_KNOWN,
            note,
        ),
    )
