"""Two reports of the same study on the same data set, number by number."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from friendfoe.comparison.differences import Difference, difference
from friendfoe.comparison.numbers import NAN, SHARES, Number, Row, pairs, worded
from friendfoe.comparison.reports import Report
from friendfoe.plan.provenance import setting_difference
from friendfoe.report.tables import estimate
from friendfoe.studies.claims import ERROR_RATE, holm

NOT_ITS_MEAN = "not the mean of its replicates, in {}: changed by hand"


@dataclass(frozen=True)
class Cell:
    """A number, or a word, in both reports.

    Attributes:
        table: its name.
        place: what is measured there.
        before, after: as texts.
        difference: of two numbers; none of words.
        p: corrected for all numbers of the report: the error rate at which they would still differ.
        problem: why they cannot agree, whatever the numbers are.
    """

    table: str
    place: str
    before: str
    after: str
    difference: Difference | None = None
    p: float = 1.0
    problem: str = ""

    @property
    def differs(self) -> bool:
        """Whether the two are further apart than chance explains."""
        return bool(self.problem) or self.p <= ERROR_RATE

    @property
    def is_open(self) -> bool:
        """Whether nothing says how far apart chance brings them."""
        return not self.differs and self.p != self.p


@dataclass(frozen=True)
class Comparison:
    """What two reports have in common and what not.

    Attributes:
        before, after: the reports.
        cells: all that stand in their tables, in the order of the page.
        paired: whether replicates have the same seeds, and are compared as pairs.
    """

    before: Report
    after: Report
    cells: Sequence[Cell]
    paired: bool

    @property
    def differing(self) -> list[Cell]:
        """The cells that differ, in the order of the page."""
        return [cell for cell in self.cells if cell.differs]

    @cached_property
    def altered(self) -> list[tuple[Report, str]]:
        """The files that are not as they came out of their run."""
        return [(report, path) for report in (self.before, self.after) for path in report.altered()]

    @property
    def agrees(self) -> bool:
        """Whether nothing differs but by chance, and nothing was altered by hand."""
        return not self.differing and not self.altered and not self.settings

    @property
    def same_files(self) -> bool:
        """Whether the one is a copy of the other, as it came out."""
        return self.before.files == self.after.files and not self.altered

    @property
    def same_bits(self) -> bool:
        """Whether no number differs at all."""
        same = (cell.difference.mean == 0 or cell.before == cell.after for cell in self.cells if cell.difference)
        return self.agrees and all(same)

    def by_table(self) -> dict[str, list[Cell]]:
        """The cells by the name of their table."""
        tables: dict[str, list[Cell]] = {}
        for cell in self.cells:
            tables.setdefault(cell.table, []).append(cell)
        return tables

    @cached_property
    def settings(self) -> list[str]:
        """The settings that the two reports were made by and that are not the same."""
        before, after = (each.provenance.get("plan", {}) for each in (self.before, self.after))
        both = ((name, {**before[name], "code": ""}, {**after[name], "code": ""}) for name in before if name in after)
        changed = [f"{name}: {setting_difference(one, other)}" for name, one, other in both if one != other]
        alone = [f"{name}: only in one of them" for name in before.keys() ^ after.keys()] if before and after else []
        return [*changed, *sorted(alone)]

    @property
    def other_code(self) -> bool:
        """Whether code that computes is not the same."""
        codes = [
            {name: job.get("code") for name, job in report.provenance.get("plan", {}).items()}
            for report in (self.before, self.after)
        ]
        return codes[0] != codes[1]

    def verdicts(self) -> list[tuple[str, str, str]]:
        """The claims whose verdict is another one: text, before, after; "–" where one of the reports lacks it."""
        found = [
            {claim["text"]: claim["verdict"] for claim in each.head["claims"]} for each in (self.before, self.after)
        ]
        texts = dict.fromkeys([*found[0], *found[1]])
        both = ((text, found[0].get(text, "–"), found[1].get(text, "–")) for text in texts)
        return [(text, one, other) for text, one, other in both if one != other]


def compare(before: Report, after: Report) -> Comparison:
    """Compare two reports; what differs is corrected for the number of numbers by Holm's method, as verdicts are.

    Raises:
        UserError: a file of them is damaged.
    """
    paired = _seeds(before) == _seeds(after)
    tables = before.tables(), after.tables()
    cells = [
        cell
        for name in dict.fromkeys([*tables[0], *tables[1]])
        for cell in _cells(name, tables[0].get(name, []), tables[1].get(name, []), (before.run, after.run), paired)
    ]
    chances = {place: cell.difference.p for place, cell in enumerate(cells) if cell.difference}
    judged = {place: p for place, p in chances.items() if p == p}
    for place, p in zip(judged, holm([*judged.values()]), strict=True):
        cells[place] = replace(cells[place], p=p)
    return Comparison(before, after, cells, paired)


def _seeds(report: Report) -> dict[str, int]:
    return {name: job["seed"] for name, job in report.provenance.get("plan", {}).items() if "seed" in job}


def _cells(
    table: str, before: Sequence[Row], after: Sequence[Row], runs: tuple[str, str], paired: bool
) -> Iterator[Cell]:
    columns = [list(dict.fromkeys(name for row in rows for name in row.labels)) for rows in (before, after)]
    telling = [name for rows, names in zip((before, after), columns, strict=True) for name in _telling(rows, names)]
    if before and after:
        yield from _columns(table, *columns)
    for one, other in pairs(before, after):
        row = one or other
        assert row
        place = ", ".join(text for name, text in row.labels.items() if name in telling)
        text, other_text = (_text(each) if each else "–" for each in (one, other))
        if not (one and other):
            yield Cell(table, place, text, other_text, problem="only in one of them")
            continue
        if one.number and other.number:
            found = difference(one.number, other.number, paired=paired)
            if text == other_text and found.mean:
                text, other_text = (f"{number.mean:.6g}" for number in (one.number, other.number))
            altered = [run for run, each in zip(runs, (one.number, other.number), strict=True) if not each.is_whole]
            problem = NOT_ITS_MEAN.format(" and ".join(altered)) if altered else ""
            yield Cell(table, place, text, other_text, found, NAN, problem)
        elif one.number or other.number:
            yield Cell(table, place, text, other_text, problem="a number only in one of them")
        elif one.labels == other.labels:
            yield Cell(table, place, text, other_text)
        yield from _labels(table, place, one, other)


def _columns(table: str, before: Sequence[str], after: Sequence[str]) -> Iterator[Cell]:
    """The columns that say what is measured in only one of them: that of another version may name them otherwise."""
    for name in dict.fromkeys([*before, *after]):
        if not (name in before and name in after):
            one, other = ("a column" if name in names else "–" for names in (before, after))
            yield Cell(table, name, one, other, problem="only in one of them")


def _labels(table: str, place: str, one: Row, other: Row) -> Iterator[Cell]:
    """What is another number, or has other words, in a column that says what is measured."""
    for name, before in one.labels.items():
        after, where = other.labels.get(name, before), f"{place}, {name}"
        if before == after:
            continue
        if SHARES.fullmatch(name):
            shares = (Number(float(text), images=row.images) for text, row in ((before, one), (after, other)))
            yield Cell(table, where, before, after, difference(*shares), NAN)
        elif worded(before) != worded(after) or _is_number(before):
            yield Cell(table, where, before, after, problem="not the same")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _text(row: Row) -> str:
    return estimate(row.number.mean, row.number.low, row.number.high) if row.number else "a row"


def _telling(rows: Sequence[Row], names: list[str]) -> list[str]:
    """The columns that tell rows from one another, as few as there may be."""

    def kinds(of: Sequence[str]) -> int:
        return len({tuple(row.labels.get(name, "") for name in of) for row in rows})

    for name in reversed(names):
        if len(names) > 1 and kinds(rest := [each for each in names if each != name]) == kinds(names):
            names = rest
    return names
