"""A comparison on the terminal: a line per table, and what differs."""

from collections.abc import Iterator, Sequence

from rich.table import Table
from rich.text import Text

from friendfoe.comparison.compare import Cell, Comparison
from friendfoe.comparison.differences import Difference
from friendfoe.comparison.reports import Report

Line = str | Table
MOST = 40  # rows of what differs


def show(found: Comparison, before: str, after: str) -> Iterator[Line]:
    """All of a comparison; `before` and `after`: what the two runs are called."""
    if found.same_files:
        yield f"{found.after.title}: {after} is the {before} one itself ({origin(found.before)})"
        return
    yield f"{found.after.title}: {after} against {before} ({origin(found.before)})"
    if found.other_code:
        yield "  the code that computes is not the same"
    if not found.paired:
        yield "  seeds are not the same: replicates are compared as two groups"
    for line in found.settings:
        yield f"  other settings: {line}"
    for each, path in found.altered:
        yield f"  {path} of {each.run} is not as it came out of its run"
    for name, cells in found.by_table().items():
        yield f"  {name}: {agreement(cells)}"
    for text, one, other in found.verdicts():
        yield f"  verdict {one} → {other}: {text}"
    if found.differing:
        yield differing(found, before, after)


def conclusion(found: Comparison) -> str:
    """In a line."""
    if found.same_bits:
        return f"agrees, all {len(found.cells)} cells to the last digit"
    if found.agrees:
        return f"agrees, {agreement(found.cells)}"
    reasons = [agreement(found.cells)] * bool(found.differing)
    reasons += ["files were changed by hand"] * bool(found.altered)
    reasons += ["settings are not the same"] * bool(found.settings)
    return f"DISAGREES: {', '.join(reasons)}"


def agreement(cells: Sequence[Cell]) -> str:
    """How many cells agree, and of how many nothing says it."""
    opened = sum(cell.is_open for cell in cells)
    agree = sum(not cell.differs for cell in cells) - opened
    text = f"{agree} of {len(cells)} cells within their intervals"
    return f"{text}, {opened} have none" if opened else text


def origin(report: Report) -> str:
    """Of which commit, day and processor a report is."""
    drawn = report.provenance.get("drawn")
    if not drawn:
        return "of an earlier version"
    return f"commit {(drawn['commit'] or 'unknown')[:10]} of {drawn['date'][:10]}, {drawn['gpu'] or drawn['processor']}"


def differing(found: Comparison, before: str, after: str) -> Table:
    """A row for each cell that differs."""
    table = Table("table", "cell", before, after, "difference", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for cell in found.differing[:MOST]:
        table.add_row(*map(Text, (cell.table, cell.place, cell.before, cell.after, reason(cell))))
    if (more := len(found.differing) - MOST) > 0:
        table.add_row("", f"and {more} more")
    return table


def reason(cell: Cell) -> str:
    """Why a cell differs: what is wrong, or by how much."""
    return cell.problem or (interval(cell.difference) if cell.difference else "")


def interval(one: Difference) -> str:
    """A difference with its interval."""
    text = f"{one.mean:+.4g}"
    return text if one.low != one.low or one.low == one.high else f"{text} ({one.low:+.4g} to {one.high:+.4g})"
