"""The sticker's counts as estimates over replicates."""

import pandas as pd

from friendfoe.report.tables import Table, estimate
from friendfoe.studies.estimates import over_replicates

COLUMNS = [("friend", "corner"), ("friend", "best"), ("foe", "corner"), ("foe", "best")]


def by_area(counts: pd.DataFrame) -> pd.DataFrame:
    """Mean and interval, indexed by measure ("accuracy", "true"), goal, place ("clean", "corner", "best") and area."""
    rows = counts[counts["place"].isin(["clean", "corner", "best"])]
    index = ["goal", "place", "area", "replicate"]
    values = rows.assign(accuracy=rows["correct"] / rows["n"]).set_index(index)
    parts = {measure: over_replicates(values[measure]) for measure in ("accuracy", "true")}
    return pd.concat(parts, names=["measure"])


def by_place(counts: pd.DataFrame) -> pd.DataFrame:
    """goal, area, top, left and accuracy, the mean over replicates."""
    rows = counts[counts["place"].str.contains("-")]
    place = rows["place"].str.split("-", expand=True).astype(int)
    rows = rows.assign(top=place[0], left=place[1], accuracy=rows["correct"] / rows["n"])
    return rows.groupby(["goal", "area", "top", "left"])["accuracy"].mean().reset_index()


def table(counts: pd.DataFrame, note: str) -> Table:
    """Accuracy by area: friend and foe, in the corner and in the best place of each image."""
    estimates = by_area(counts).loc["accuracy"]
    areas = sorted(set(counts["area"]) - {0.0})
    clean = _text(estimates, ("foe", "clean", 0.0))
    cells = {column: [clean, *(_text(estimates, (*column, area)) for area in areas)] for column in COLUMNS}
    sides = counts.drop_duplicates("area").set_index("area")["side"]
    index = pd.Index(["none", *(f"{area:.1%} ({sides[area]}×{sides[area]} pixels)" for area in areas)], name="area")
    frame = pd.DataFrame(cells, index=index)
    return Table("stickers", "Accuracy of A with a sticker", frame, estimates.reset_index(), (note,))


def _text(estimates: pd.DataFrame, key: tuple[str, str, float]) -> str:
    mean, low, high = estimates.loc[key, ["mean", "low", "high"]]
    return estimate(mean, low, high)
