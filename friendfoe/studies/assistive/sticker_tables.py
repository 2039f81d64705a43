"""The sticker's counts as estimates over replicates."""

import pandas as pd

from friendfoe.report.tables import Table
from friendfoe.studies.estimates import over_replicates, shown

LINES = {
    ("friend", "best"): "friend, best place",
    ("friend", "corner"): "friend, corner",
    ("foe", "best"): "foe, best place",
    ("foe", "corner"): "foe, corner",
}


def by_area(counts: pd.DataFrame) -> pd.DataFrame:
    """Mean and interval of accuracy and of the probability of the true class.

    Args:
        counts: as `sticker.analyse` writes them.

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


def table(counts: pd.DataFrame, note: str) -> Table:
    """Accuracy by area: friend and foe, in the best place of each image and in the corner."""
    estimates = by_area(counts)
    sizes = dict(sorted(zip(counts["side"], counts["area"], strict=True)))
    cells = {
        title: [shown(estimates, "accuracy", *line, side, area) for side, area in sizes.items()]
        for line, title in LINES.items()
    }
    headings = [f"{area:.1%} ({side}×{side} pixels)" if side else "no sticker" for side, area in sizes.items()]
    frame = pd.DataFrame(cells, index=pd.Index(headings, name="area"))
    caption = "Accuracy of A with a sticker, by goal, place and area"
    return Table("stickers", caption, frame, estimates.reset_index(), (note,))
