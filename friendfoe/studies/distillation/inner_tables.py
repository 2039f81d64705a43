"""The tables on what happens inside the networks: gradients, logits, distances, fooling images, masked gradients."""

from itertools import pairwise

import pandas as pd

from friendfoe.report.tables import Table
from friendfoe.studies.distillation.names import HOTTEST, UNDISTILLED, label
from friendfoe.studies.distillation.tables import index, numbers_of, published
from friendfoe.studies.estimates import shown
from friendfoe.studies.published import heading

BINS = (-324, -45, -30, -20, -10, -5, -3)  # decimal exponents; at the first two float64 and float32 end


def gradients(estimates: pd.DataFrame, shares: pd.DataFrame, models: list[str], notes: tuple[str, ...]) -> Table:
    """How large the gradients of the softmax are.

    Args:
        estimates: over replicates.
        shares: share of images, a row per model and a column per bin (`bin_shares`).
        models: in the order of the rows.
        notes: below the table.
    """
    cells = {"median of log10": [shown(estimates, "median", model, "gradient", digits=1) for model in models]}
    cells |= {str(name): [f"{share:.3f}" for share in shares.loc[models, name]] for name in shares.columns}
    frame = pd.DataFrame(cells, index=index(models))
    numbers = shares.loc[models].reset_index()
    caption = "Amplitude of the softmax's gradient at T = 1: share of images by powers of ten"
    return Table("gradients", caption, frame, numbers, notes)


def bin_shares(gradients: pd.DataFrame) -> pd.DataFrame:
    """The share of images by amplitude of the gradient: a row per model, a column per bin, smallest first."""
    edges = [float("-inf"), *BINS, float("inf")]
    names = [
        f"< 1e{BINS[0]}",
        *(f"1e{a} to 1e{b}" for a, b in pairwise(BINS)),
        f"≥ 1e{BINS[-1]}",
    ]
    bins = pd.cut(gradients["log10"], edges, labels=names, right=False)
    return pd.crosstab(gradients["model"], bins, normalize="index", dropna=False)


def distances(
    estimates: pd.DataFrame, theirs: pd.DataFrame, data: str, models: list[str], notes: tuple[str, ...]
) -> Table:
    """Size of the logits, and the least change that CW-L2 needs."""
    source = heading(theirs["data"].iloc[0], data)
    measures = {
        ("logits", "clean"): ("mean absolute logit", 1),
        ("success", "cw-l2"): ("CW-L2: success", 3),
        ("distance", "cw-l2"): ("CW-L2: mean distance", 3),
    }
    cells = {}
    for (metric, of), (title, digits) in measures.items():
        cells[title, "ours"] = [shown(estimates, metric, model, of, digits=digits) for model in models]
        cells[title, source] = [published(theirs, metric, model, of, digits)[0] for model in models]
    frame = pd.DataFrame(cells, index=index(models))
    numbers = numbers_of(estimates, ["logits", "success", "distance"], models, theirs)
    caption = "What distillation does: larger logits; and what it does not: farther adversarial images"
    return Table("distances", caption, frame, numbers, notes)


def fooling(estimates: pd.DataFrame, confidence: float, notes: tuple[str, ...]) -> Table:
    """How much noise is taken for a class, before and after it is driven there."""
    models = [UNDISTILLED, HOTTEST]
    cells = {
        "noise as it is": [shown(estimates, "before", model, "fooling") for model in models],
        "driven to a class": [shown(estimates, "after", model, "fooling") for model in models],
    }
    frame = pd.DataFrame(cells, index=index(models))
    caption = f"Fooling images: share of noise images with a confidence above {confidence:.0%}"
    return Table("fooling", caption, frame, numbers_of(estimates, ["before", "after"], models), notes)


def masking_checks(checks: dict[str, pd.DataFrame], notes: tuple[str, ...]) -> Table:
    """Which gradient-masking checks the networks pass, in how many replicates.

    Args:
        checks: model -> `Results.masking_checks`.
        notes: below the table.
    """
    passed = {
        model: table.drop_duplicates(["replicate", "check"]).groupby("check", sort=False)["passed"]
        for model, table in checks.items()
    }
    cells = {label(model): [f"{sum(of)} of {len(of)}" for _, of in groups] for model, groups in passed.items()}
    questions = next(iter(checks.values())).drop_duplicates("check")["question"]
    frame = pd.DataFrame(cells, index=pd.Index(questions, name="check"))
    numbers = pd.concat([table.assign(model=model) for model, table in checks.items()])
    return Table("honesty", "Honesty checks passed: is the robustness real?", frame, numbers, notes)
