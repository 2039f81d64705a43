"""The two published tables, ours beside them, and that of the sticker."""

import pandas as pd

from friendfoe.report.tables import Table
from friendfoe.studies.assistive.names import CONDITIONS, LABEL_KNOWN, MODELS, ON
from friendfoe.studies.assistive.settings import Settings
from friendfoe.studies.estimates import accuracy_estimates, cell, over_replicates, wilson_note
from friendfoe.studies.published import heading, published, readings
from friendfoe.studies.results import Results
from friendfoe.studies.tables import GREY, Comparison, numbers, sheet

HALVES = ("clean-half", "assist-half")
LINES = {
    ("friend", "best"): "friend, best place",
    ("friend", "corner"): "friend, corner",
    ("foe", "best"): "foe, best place",
    ("foe", "corner"): "foe, corner",
}


def published_numbers() -> pd.DataFrame:
    """The published rows, under all of our names for what the article leaves open."""
    rows = readings(published("assistive"), "model", {"mixed-matched": "mixed"})
    return readings(rows, "condition", {"attack-self": "attack"})


def table_1(study: Results[Settings]) -> Table:
    """Accuracy of A, B, C in both readings and any further model, under every condition."""
    return _comparison(
        study,
        "table 1",
        "Table 1. Accuracy, by what the model was trained on (columns) and what it is shown (rows)",
        {name: CONDITIONS.get(name, name) for name in study.conditions if name != "own-train"},
        {name: MODELS.get(name, name) for name in study.models if name not in HALVES},
        "A: clean images; B: assistive images alone; C: both, all of each; C (half): both, half of each.",
        LABEL_KNOWN,
        f"{ON} The article says neither on which its attacked images were crafted nor which of the two C is: its "
        "numbers stand beside both readings. Its remark that the attack presumes an accurate classifier fits on "
        "itself. Its library attacks the model's own answer where no label is given; ours attacks the true label.",
    )


def table_2(study: Results[Settings]) -> Table:
    """Accuracy of A′ and B′, trained on half as many images."""
    return _comparison(
        study,
        "table 2",
        "Table 2. Accuracy after training on half of the images: does an assistive image teach more?",
        {name: CONDITIONS[name] for name in ("own-train", "clean")},
        {name: MODELS[name] for name in HALVES},
        "A′ and B′ are trained on the same half of the images: clean for A′, with the assistive signal for B′.",
        LABEL_KNOWN,
    )


def _comparison(
    study: Results[Settings], name: str, caption: str, rows: dict[str, str], columns: dict[str, str], *notes: str
) -> Table:
    """Conditions down, models across; under a model with published numbers two columns, ours and published."""
    estimates, known = accuracy_estimates(study.evaluations), published_numbers()
    known = known[known["table"] == name]
    comparison = Comparison(estimates, {heading(known["data"].iloc[0], study.data): known})
    for model, title in columns.items():
        comparison.add(title, [(model, condition) for condition in rows])
    data = numbers(estimates, [(model, condition) for condition in rows for model in columns], known)
    notes = (wilson_note(data), *([GREY] if comparison.muted else []), *notes)
    return comparison.sheet(name.replace(" ", "-"), caption, "input images", rows.values(), data, *notes)


def by_area(counts: pd.DataFrame) -> pd.DataFrame:
    """Mean and interval of accuracy and of the probability of the true class, from the counts of `sticker.analyse`.

    Returns:
        mean, low, high, replicates; indexed by measure ("accuracy", "true"), goal, place ("best", "corner"), side and
        area. Side 0 is the image without sticker, in every place.
    """
    corner = counts[(counts["place"] == "grid") & (counts["top"] == 0) & (counts["left"] == 0)]
    clean = counts[counts["place"] == "clean"]
    best = counts[counts["place"] == "best"]
    rows = pd.concat([clean.assign(place="best"), best, clean.assign(place="corner"), corner.assign(place="corner")])
    index = ["goal", "place", "side", "area", "replicate"]
    values = rows.assign(accuracy=rows["correct"] / rows["n"]).set_index(index)
    parts = {name: over_replicates(values[name]) for name in ("accuracy", "true")}
    return pd.concat(parts, names=["measure"]).sort_index()


def by_place(counts: pd.DataFrame) -> pd.DataFrame:
    """goal, side, area, top, left and accuracy, the mean over replicates."""
    rows = counts[counts["place"] == "grid"]
    rows = rows.assign(accuracy=rows["correct"] / rows["n"])
    return rows.groupby(["goal", "side", "area", "top", "left"])["accuracy"].mean().reset_index()


def sticker_table(counts: pd.DataFrame, note: str) -> Table:
    """Accuracy by area: friend and foe, in the best place of each image and in the corner."""
    estimates = by_area(counts)
    sizes = dict(sorted(zip(counts["side"], counts["area"], strict=True)))
    cells = {
        title: [cell(estimates, "accuracy", *line, side, area) for side, area in sizes.items()]
        for line, title in LINES.items()
    }
    headings = [f"{area:.1%} ({side}×{side} pixels)" if side else "no sticker" for side, area in sizes.items()]
    caption = "Accuracy of A with a sticker, by goal, place and area"
    return sheet("stickers", caption, "area", headings, cells, estimates.reset_index(), note)
