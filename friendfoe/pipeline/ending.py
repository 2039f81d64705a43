"""What a run ends with: verdicts, the main table, its time, its page, and whether it agrees with what is committed."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text

from friendfoe.comparison import kept
from friendfoe.comparison.compare import Comparison, compare
from friendfoe.comparison.reports import Report, report
from friendfoe.comparison.runs import HERE, Folder, find
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

HEAD = 20  # columns of the terminal that the headings of rows have at least
GAP = 2


def show(reports: Sequence[tuple[str, str]], took: str, console: Console) -> None:
    """Show what a run has come to; where all of it agrees with what is committed, the working tree is as committed.

    Args:
        reports: data set and study of each report that was made; of one alone all is shown, of several a line each.
        took: a line on the run itself.
        console: where.
    """
    found = _against_committed(reports)
    if found and len(found) == len(reports) and all(one.agrees and not one.other_code for one in found.values()):
        kept.put_aside({data for data, _ in reports})
    here = find(HERE)
    for data, study in reports:
        made = report(here, data, study)
        if len(reports) == 1:
            console.print(f"\n{made.head['title']}, on {data}", style="bold", markup=False, highlight=False)
            for line in verdicts(made):
                console.print(line, highlight=False)
            console.print()
            for part in main_table(made, console):
                console.print(part, highlight=False)
            console.print()
        else:
            console.print(counts(made), highlight=False)
    console.print(took, markup=False, highlight=False)
    for data, study in reports:
        page = paths.report(data, study) / PAGE
        console.print(Text.assemble("page: ", link(kept.files().get(page, page))), soft_wrap=True)
        if (data, study) in found:
            console.print(f"against the committed report: {agreement(found[data, study])}", highlight=False)


def verdicts(made: Report) -> Iterator[Table]:
    """A mark and the text of each claim; below one that is open, what would decide it."""
    for claim in made.head["claims"]:
        verdict = Verdict(claim["verdict"])
        mark, style = MARKS[verdict]
        line = Table.grid(padding=(0, 1))
        plain = verdict in (Verdict.REPRODUCED, Verdict.CONTRADICTED)
        line.add_row(Text(mark, style), Text(claim["text"] if plain else f"{claim['text']}: {verdict.value}"))
        for sentence in claim.get("open", ()):
            line.add_row("", Text(sentence, "dim"))
        yield line


def counts(made: Report) -> Text:
    """How many claims have which verdict."""
    marks = Counter(MARKS[Verdict(claim["verdict"])] for claim in made.head["claims"])
    known = [
        (f"{mark} {marks[mark, style]}", style) for mark, style in dict.fromkeys(MARKS.values()) if marks[mark, style]
    ]
    return Text.assemble(f"{made.title}: ", *(part for one in known for part in (one, "  ")))


def main_table(made: Report, console: Console) -> Iterator[RenderableType]:
    """The first table of the page, as it fits: whole, without published numbers, cells in two lines, or as a list."""
    block = next((block for block in made.head["blocks"] if block["kind"] == "table"), None)
    if not block:
        return
    yield Text(block["caption"], "italic")
    names = _headings(block["head"])
    rows = {row["head"]: [cell["text"] for cell in row["cells"]] for row in block["rows"]}
    ours = [place for place, name in enumerate(names) if "published" not in name]
    folded = {head: [text.replace(" ± ", "±").replace(" (", "\n(") for text in texts] for head, texts in rows.items()}
    for texts, places in ((rows, range(len(names))), (rows, ours), (folded, ours)):
        widths = [max(map(cell_len, _lines(names[at], *(cells[at] for cells in texts.values())))) for at in places]
        heading = min(HEAD, max(map(cell_len, (block["corner"], *rows))))
        if heading + sum(width + GAP for width in widths) > console.width:
            continue
        table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
        table.add_column(block["corner"])
        for at, width in zip(places, widths, strict=True):
            table.add_column(names[at], justify="right", min_width=width)
        for head, cells in texts.items():
            table.add_row(Text(head), *(Text(cells[at]) for at in places))
        yield table
        return
    for head, cells in rows.items():
        yield Text(head, "bold")
        for place in ours:
            yield Text(f"  {names[place]}: {cells[place]}")


def _lines(*texts: str) -> list[str]:
    return [line for text in texts for line in text.splitlines()]


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


def agreement(found: Comparison) -> str:
    """Whether a run agrees with the committed report, in a line."""
    if found.agrees:
        return conclusion(found)
    return f"{conclusion(found)}; `friendfoe verify {found.after.study} {found.after.data}` says where"


def _against_committed(reports: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Comparison]:
    """What is committed against what is here, of the reports that are committed."""
    try:
        committed = find("HEAD")
    except UserError:  # no repository, or nothing in it
        return {}
    known = [one for one in reports if one in committed.reports()]
    return {one: compare(report(committed, *one), report(Folder(HERE), *one)) for one in known}
