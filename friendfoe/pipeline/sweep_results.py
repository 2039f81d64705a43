"""What a sweep comes to: a table and a figure of metrics against the values that were set."""

import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from friendfoe.evaluation.sample import Sample
from friendfoe.pipeline.points import Point
from friendfoe.report import figures, tables
from friendfoe.report.page import PAGE, write_sweep_page, write_top_page
from friendfoe.report.study import METRICS
from friendfoe.report.tables import Table, estimate
from friendfoe.runtime import paths
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.strict import nearest

MEASUREMENTS = Path("tables/measurements.csv")
ACROSS = 2  # panels
INTERVALS = "± is half the 95 % t interval over replicates; headline numbers have none."


@dataclass(frozen=True)
class Metric:
    """A quantity of a study's measurements."""

    metric: str
    model: str
    condition: str

    @classmethod
    def of(cls, text: str) -> "Metric":
        """From "METRIC(MODEL, CONDITION)", as reports write them.

        Raises:
            UserError: it is of another form.
        """
        found = re.fullmatch(r"\s*([^()]+?)\s*\(\s*([^(),]+?)\s*,\s*([^()]+?)\s*\)\s*", text)
        if not found:
            raise UserError(f"--metric {text}: must be METRIC(MODEL, CONDITION), such as 'accuracy(clean, attack)'")
        return cls(*found.groups())

    def __str__(self) -> str:
        return f"{self.metric}({self.model}, {self.condition})"


def results(points: Sequence[Point], reports: Sequence[tuple[str, str]], metrics: Sequence[Metric]) -> pd.DataFrame:
    """The metrics of all points that are finished: a row each, with the values, mean, low, high and replicates.

    Args:
        points: of one sweep.
        reports: data set and study of each report of a point.
        metrics: of measurements; the headline numbers where there are none.

    Raises:
        UserError: no report has such a metric; with the nearest.
    """
    rows = []
    for point in points:
        for data, study in reports if point.ref() else ():
            report = paths.report(data, study)
            for name, sample in (
                _measured(point, report, metrics) if metrics else _headline(point, report, data)
            ).items():
                one = sample.estimate()
                where = {**point.values, "data": data, "study": study, "metric": name}
                rows.append({**where, "mean": one.mean, "low": one.low, "high": one.high, "replicates": one.replicates})
    return pd.DataFrame(rows)


def _measured(point: Point, report: Path, metrics: Sequence[Metric]) -> dict[str, Sample]:
    content = point.read(report / MEASUREMENTS)
    if content is None:
        return {}
    known = pd.read_csv(io.BytesIO(content), dtype={"metric": str, "model": str, "condition": str})
    known["name"] = [str(Metric(*key)) for key in known[["metric", "model", "condition"]].to_numpy().tolist()]
    found = {}
    for metric in map(str, metrics):
        values = known.loc[known["name"] == metric].sort_values("replicate")["value"]
        if values.empty:
            raise UserError(f"{report}: there is no '{metric}'; {nearest(metric, sorted(known['name'].unique()))}")
        found[metric] = Sample.of_replicates(values)
    return found


def _headline(point: Point, report: Path, data: str) -> dict[str, Sample]:
    numbers = json.loads(point.read(report / METRICS) or "{}").get(data, {})
    return {name: Sample.of_replicates([value]) for name, value in numbers.items()}


def report(found: pd.DataFrame, keys: Sequence[str], name: str) -> list[Path]:
    """Have the reports hold a sweep that is finished, for each data set and study: the same files, and a page.

    Returns:
        The pages.
    """
    pages = []
    for (data, study), rows in found.groupby(["data", "study"], sort=False):
        folder = paths.sweep(str(data), str(study), name)
        write(rows, keys, folder)
        write_sweep_page(folder, _table(rows, keys), str(data), str(study), name)
        pages.append(folder / PAGE)
    write_top_page()
    return pages


def write(found: pd.DataFrame, keys: Sequence[str], folder: Path) -> list[Path]:
    """Write `table.csv`, `table.md`, `table.tex`, `figure.png` and `figure.svg` into a folder.

    Args:
        found: of `results`.
        keys: its columns that hold what was set; the first one is what is drawn against.
        folder: made where it is missing.
    """
    tables.write(_table(found, keys), folder)
    with figures.style():
        figures.save(_figure(found, keys), folder / "figure.png", folder / "figure.svg")
    return [folder / "table.md", folder / "table.csv", folder / "figure.png"]


def _table(found: pd.DataFrame, keys: Sequence[str]) -> Table:
    several = found[["data", "study"]].drop_duplicates().shape[0] > 1
    index = [*keys, *["data", "study"] * several]
    shown = found.assign(cell=[estimate(*row) for row in found[["mean", "low", "high"]].to_numpy().tolist()])
    cells = shown.pivot_table(index=index, columns="metric", values="cell", aggfunc="first", sort=False)
    cells = cells.reindex(columns=list(dict.fromkeys(found["metric"])))
    first, *others = index
    rows = cells.reset_index()
    cells = rows.set_index(first)[[*others, *cells.columns]].fillna("–")
    cells.index.name = first
    cells.columns.name = None
    columns = list(found.columns)
    of_all = [f"{name}={found[name].iloc[0]}" for name in columns[: columns.index("data")] if name not in keys]
    notes = (INTERVALS, *[f"At all points: {', '.join(of_all)}."] * bool(of_all))
    return Table("table", f"Metrics against {' and '.join(keys)}", cells, found, notes)


def _figure(found: pd.DataFrame, keys: Sequence[str]) -> Figure:
    first, *others = keys
    metrics = list(dict.fromkeys(found["metric"]))
    numbers = pd.to_numeric(found[first], errors="coerce")
    values = list(dict.fromkeys(found[first]))
    places = numbers if numbers.notna().all() else found[first].map({value: at for at, value in enumerate(values)})
    down, across = -(-len(metrics) // ACROSS), min(ACROSS, len(metrics))
    figure = figures.canvas(0.4 + 2.1 * down)
    panels = figure.subplots(down, across, sharex=True, squeeze=False).ravel()
    lines = [column for column in (*others, "data", "study") if found[column].nunique() > 1]
    for number, (panel, metric) in enumerate(zip(panels, metrics, strict=False)):
        panel.set_title(metric, loc="left")
        of_metric = found[found["metric"] == metric].assign(place=places)
        groups = of_metric.groupby(lines, sort=False) if lines else [((), of_metric)]
        for (words, line), colour in zip(groups, cycle(figures.COLOURS)):
            line = line.sort_values("place")
            label = ", ".join(f"{name} {word}" for name, word in zip(lines, words, strict=True)) or None
            figures.interval_line(panel, line["place"], line, "o-", colour, label)
        if numbers.isna().any():
            panel.set_xticks(range(len(values)), values)
        lowest = number + across >= len(metrics)
        panel.xaxis.set_tick_params(labelbottom=lowest)
        panel.set_xlabel(first if lowest else "")
    for panel in panels[len(metrics) :]:
        panel.set_axis_off()
    if lines:
        figures.legend_above(figure, panels[0])
    return figure
