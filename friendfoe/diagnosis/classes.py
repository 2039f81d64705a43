"""What the answers say of single classes: what they are taken for, and what an assistive signal does for them."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from friendfoe.diagnosis.result import CLEAN, Diagnosis, Kind, in_words
from friendfoe.evaluation.intervals import paired_difference, wilson
from friendfoe.report.tables import Table

MOST = 20  # rows that a table shows; its CSV has all


def confusion(answers: NDArray[np.float32], labels: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """The share of each class's images [K, K] that is taken for each class; nan in rows without images."""
    counts = _counts(answers, labels, classes)
    with np.errstate(invalid="ignore"):
        shares: NDArray[np.float64] = counts / counts.sum(axis=1, keepdims=True)
    return shares


def confusions(found: Diagnosis, conditions: list[str]) -> pd.DataFrame:
    """Every wrong answer that a class has got, with its interval.

    Returns:
        condition, class, answer, n (images of the class), taken (those that are taken for the answer), share, low,
        high; those first whose interval begins highest.
    """
    rows, labels, names = [], found.ledger.labels, found.classes
    sizes = np.bincount(labels, minlength=len(names))
    for condition in conditions:
        counts = _counts(found.ledger.answers[condition], labels, len(names))
        np.fill_diagonal(counts, 0)
        for label, answer in np.argwhere(counts):
            rows.append((condition, names[label], names[answer], int(sizes[label]), int(counts[label, answer])))
    table = pd.DataFrame(rows, columns=["condition", "class", "answer", "n", "taken"])
    low, high = wilson(table["taken"].to_numpy(), table["n"].to_numpy())
    table = table.assign(share=table["taken"] / table["n"], low=low, high=high)
    return table.sort_values("low", ascending=False, kind="stable", ignore_index=True)


def confusion_table(found: Diagnosis, conditions: list[str]) -> Table:
    """The confusions that are most certain: as many clean ones as there are under an attack."""
    data = confusions(found, conditions)
    each = MOST // len(conditions)
    shown = pd.concat([data[data["condition"] == condition].head(each) for condition in conditions])
    cells = pd.DataFrame(
        {
            "is taken for": shown["answer"].tolist(),
            "condition": shown["condition"].tolist(),
            "images": [f"{row['taken']} of {row['n']}" for _, row in shown.iterrows()],
            "share": [in_words(row["share"], (row["low"], row["high"])) for _, row in shown.iterrows()],
        },
        index=pd.Index(shown["class"], name="class"),
    )
    left = len(data) - len(shown)
    notes = (
        "Those whose share is surely large, by the lower end of its 95 % interval (Wilson)"
        + (f"; {left} further ones, of fewer images, are in the CSV." if left else "."),
    )
    return Table("confusions", "What is taken for what", cells, data, notes)


def help_table(found: Diagnosis, friend: str) -> Table:
    """What an assistive signal does for each class: images that it alone has right, less those that it loses."""
    labels, clean, helped = found.ledger.labels, found.right(CLEAN), found.right(friend)
    rows = []
    for label in np.unique(labels):
        own = labels == label
        won, lost = int((helped & ~clean)[own].sum()), int((clean & ~helped)[own].sum())
        gain, (low, high) = paired_difference(won, lost, int(own.sum()))
        rows.append((found.classes[label], int(own.sum()), clean[own].mean(), helped[own].mean(), gain, low, high))
    columns = ["class", "n", CLEAN, friend, "gain", "low", "high"]
    data = pd.DataFrame(rows, columns=columns).sort_values("low", ascending=False, kind="stable", ignore_index=True)
    shown = data.head(MOST)
    cells = pd.DataFrame(
        {
            "images": shown["n"].astype(str).tolist(),
            CLEAN: [f"{value:.3f}" for value in shown[CLEAN]],
            friend: [f"{value:.3f}" for value in shown[friend]],
            "gain": [f"{row['gain']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f})" for _, row in shown.iterrows()],
        },
        index=pd.Index(shown["class"], name="class"),
    )
    more = f"The {len(shown)} of {len(data)} classes that surely gain most. " if len(data) > len(shown) else ""
    short = int((data[friend] < 1).sum())
    notes = (
        f"{more}Differences are paired over images, with 95 % intervals (Agresti & Min 2005), of each class alone.",
        f"{short} of {len(data)} classes have images that are wrong even so."
        if short
        else "No image is wrong with it.",
    )
    return Table(f"help-{friend}", f"Which classes {friend} helps", cells, data, notes)


def friends(found: Diagnosis) -> list[str]:
    """The conditions that help."""
    return [name for name, kind in found.kinds.items() if kind is Kind.FRIEND]


def _counts(answers: NDArray[np.float32], labels: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """How many images of each class get each answer [K, K]."""
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (labels, answers.astype(np.int64)), 1)
    return counts
