"""What a run ends with: verdicts, the main table, where the page is, and whether it agrees with what is committed."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.style import Style
from rich.table import Table
from rich.text import Text

from friendfoe.comparison.compare import compare
from friendfoe.comparison.reports import Report, report
from friendfoe.comparison.runs import HERE, Folder, Run, find
from friendfoe.comparison.show import conclusion
from friendfoe.report.page import PAGE
from friendfoe.runtime import paths
from friendfoe.runtime.errors import UserError
from friendfoe.studies.claims import Verdict

MARKS = {
    Verdict.REPRODUCED: ("✓", "green"),
    Verdict.SMALLER: ("✓", "green"),
    Verdict.LARGER: ("✓", "green"),
    Verdict.CONTRADICTED: ("✗", "red"),
    Verdict.INCONCLUSIVE: ("?", "yellow"),
    Verdict.UNTESTABLE: ("–", "dim"),
}


def show(reports: Sequence[tuple[str, str]], console: Console) -> None:
    """Show what a run has come to.

    Args:
        reports: data set and study of each report that was made; of one alone all is shown, of several a line each.
        console: where.
    """
    committed = _committed()
    for data, study in reports:
        made = report(Folder(HERE), data, study)
        if len(reports) == 1:
            console.print(f"\n{made.head['title']}, on {data}", style="bold", markup=False, highlight=False)
            for line in verdicts(made):
                console.print(line, highlight=False)
            console.print()
            for part in main_table(made, console):
                console.print(part, highlight=False)
        else:
            console.print(counts(made), highlight=False)
        console.print(Text.assemble("page: ", link(paths.report(data, study) / PAGE)), highlight=False)
        if committed and (data, study) in committed.reports():
            console.print(
                f"against the committed report: {agreement(report(committed, data, study), made)}", highlight=False
            )


def verdicts(made: Report) -> Iterator[Table]:
    """A mark and the text of each claim."""
    for claim in made.head["claims"]:
        verdict = Verdict(claim["verdict"])
        mark, style = MARKS[verdict]
        line = Table.grid(padding=(0, 1))
        plain = verdict in (Verdict.REPRODUCED, Verdict.CONTRADICTED)
        line.add_row(Text(mark, style), Text(claim["text"] if plain else f"{claim['text']}: {verdict.value}"))
        yield line


def counts(made: Report) -> Text:
    """How many claims have which verdict."""
    marks = Counter(MARKS[Verdict(claim["verdict"])] for claim in made.head["claims"])
    known = [
        (f"{mark} {marks[mark, style]}", style) for mark, style in dict.fromkeys(MARKS.values()) if marks[mark, style]
    ]
    return Text.assemble(f"{made.title}: ", *(part for one in known for part in (one, "  ")))


def main_table(made: Report, console: Console) -> Iterator[RenderableType]:
    """The first table of the page: whole, without the published numbers, or row by row, as there is room."""
    block = next((block for block in made.head["blocks"] if block["kind"] == "table"), None)
    if not block:
        return
    yield Text(block["caption"], "italic")
    names = _headings(block["head"])
    ours = [place for place, name in enumerate(names) if "published" not in name]
    for columns in (range(len(names)), ours):
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column(block["corner"])
        for place in columns:
            table.add_column(names[place], justify="right")
        for row in block["rows"]:
            table.add_row(Text(row["head"]), *(Text(row["cells"][place]["text"]) for place in columns))
        needed = Measurement.get(console, console.options, table).maximum
        if needed <= console.width:
            yield table
            return
    for row in block["rows"]:
        yield Text(row["head"], "bold")
        for place in ours:
            yield Text(f"  {names[place]}: {row['cells'][place]['text']}")


def _headings(head: Sequence[Sequence[dict[str, Any]]]) -> list[str]:
    """Of each column, all levels in one text; "ours" says nothing where it stands alone."""
    levels = [[one["text"] for one in level for _ in range(one.get("span", 1))] for level in head]
    return [
        ", ".join(part for part in dict.fromkeys(parts) if part != "ours") or "ours"
        for parts in zip(*levels, strict=True)
    ]


def link(path: Path) -> Text:
    """A path that terminals open."""
    return Text(str(path), Style(link=path.absolute().as_uri()))


def agreement(before: Report, after: Report) -> str:
    """Whether a run agrees with the committed report, in a line."""
    found = compare(before, after)
    if found.agrees:
        return conclusion(found)
    return f"{conclusion(found)}; `friendfoe verify {after.study} {after.data}` says where"


def _committed() -> Run | None:
    """What is committed, where there is a repository, and it holds reports."""
    try:
        return find("HEAD")
    except UserError:
        return None
