"""Reports as HTML: a page per study, per data set, and one above them; none asks for anything from a network."""

import base64
import json
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from pydantic import Field

from friendfoe.report import overview
from friendfoe.report.study import FILE
from friendfoe.report.tables import Table, as_json
from friendfoe.runtime import locks
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.files import atomic_path
from friendfoe.runtime.paths import REPORTS
from friendfoe.runtime.strict import Strict

PAGE = "index.html"
INCH = 124  # CSS pixels for an inch of a figure: its text as large as that of the tables
LONGEST = 20  # characters of a word in a heading that is never broken
ORDER = ("assistive", "fgsm", "distillation", "classwise", "advprop")  # of the README; others follow by name

_SIZE = re.compile(r'<svg [^>]*?width="([\d.]+)pt" height="([\d.]+)pt"')
_ARXIV = re.compile(r"arXiv[: ](\d{4}\.\d{4,5})")


class ReportJob(Strict):
    """The page of a data set."""

    data: str
    code: str = Field(default="", description="fingerprint of the code that writes it")


def write_study_page(directory: Path, template: str = "study.html", *, alone: bool = False) -> None:
    """Write `directory/index.html` from the report of a study in `directory`; a UserError where it is damaged.

    Figures stay files beside the page, which Git then keeps once; a page that is to be passed on `alone` holds them.
    """
    study = _read(directory / FILE)
    for block in study["blocks"]:
        if block["kind"] == "figure":
            path = directory / "figures" / f"{block['name']}.svg"
            block |= _figure(path, path.relative_to(directory).as_posix(), alone=alone)
        elif block["kind"] in ("table", "claims"):
            block |= _texts(directory / "tables", block["name"])
    render(template, directory / PAGE, study=study, sections=sections(study["blocks"]))


def write_sweep_page(directory: Path, table: Table, data: str, study: str, name: str) -> None:
    """Write `directory/index.html` of a sweep whose table and `figure.svg` are in `directory`, as of `paths.sweep`."""
    figure = _figure(directory / "figure.svg", "figure.svg", alone=False)
    block = {**as_json(table), **_texts(directory, table.name)}
    render("sweep.html", directory / PAGE, block=block, figure=figure, data=data, study=study, name=name)


def write_data_page(data: str, root: Path = REPORTS) -> None:
    """Write `root/DATA/index.html`, an overview of the studies below `root/DATA`; a UserError if none is."""
    found = studies(root / data)
    if not found:
        raise UserError(f"{root / data} holds no study; `dvc repro pipelines/STUDY/dvc.yaml:plot@{data}` makes one")
    render("data.html", root / data / PAGE, data=data, studies=overview.by_study({data: found}, root))


def write_top_page(root: Path = REPORTS) -> None:
    """Write `root/index.html`: the verdicts of all data sets that `root` holds, with links to their pages.

    Beside it: the same for machines (`overview.write_claims`).
    """
    reports = {page.parent.name: studies(page.parent) for page in sorted(root.glob(f"*/{PAGE}"))}
    summaries = overview.by_study(reports, root)
    summaries.sort(key=lambda summary: _order(summary["study"]))
    sweeps = {
        page.parent.relative_to(root).as_posix(): page.parent.parts[-2:] for page in root.glob(f"*/sweeps/*/*/{PAGE}")
    }
    render("top.html", root / PAGE, pages=list(reports), studies=summaries, sweeps=dict(sorted(sweeps.items())))
    overview.write_claims(reports, root)


def write_pages_above(data: str) -> None:
    """Write the pages of a data set and of all, one process at a time: stages that run side by side all do.

    A study that another one is drawing is left out: its own stage writes these pages again.
    """
    while not (lock := locks.take("pages")):
        time.sleep(0.05)
    try:
        write_data_page(data)
        write_top_page()
    finally:
        locks.release(lock)


def studies(directory: Path) -> list[dict[str, Any]]:
    """What the reports of a data set's studies say, in the order of the README; a UserError where one is damaged.

    One that is being drawn anew is left out: it stands in a folder of another name, or in none for a moment.
    """
    found = []
    for path in sorted(directory.glob(f"*/{FILE}"), key=lambda path: _order(path.parent.name)):
        if not path.parent.suffix:
            with suppress(FileNotFoundError):
                found.append(_read(path))
    return found


def sections(blocks: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Blocks below their headings: id, text and blocks of each section; what stands before all headings has no text."""
    found: list[dict[str, Any]] = [{"id": "section-first", "text": "", "blocks": []}]
    for block in blocks:
        if block["kind"] == "heading":
            words = re.sub(r"\W+", "-", block["text"].lower()).strip("-")
            known = {section["id"] for section in found}
            names = (f"section-{words}{number}" for number in ("", *range(2, len(found) + 2)))
            free = next(name for name in names if name not in known)
            found.append({"id": free, "text": block["text"], "blocks": []})
        else:
            found[-1]["blocks"].append(block)
    return [section for section in found if section["text"] or section["blocks"]]


def _order(study: str) -> tuple[int, str]:
    return ORDER.index(study) if study in ORDER else len(ORDER), study


def _read(path: Path) -> dict[str, Any]:
    try:
        study: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}); delete {path.parent} and run `dvc repro` again") from None
    return study


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        problem = "missing" if isinstance(error, FileNotFoundError) else f"damaged ({error})"
        raise UserError(f"{path} is {problem}; delete {path.parent.parent} and run `dvc repro` again") from None


def _texts(folder: Path, table: str) -> dict[str, str]:
    """What of a table can be copied as it stands in its files."""
    return {"markdown": _text(folder / f"{table}.md"), "latex": _text(folder / f"{table}.tex")}


def _figure(path: Path, link: str, *, alone: bool) -> dict[str, Any]:
    """What an image element says of an SVG: where it is, or all of it, and the size in CSS pixels."""
    text = _text(path)
    size = _SIZE.search(text)
    if not size or not text.rstrip().endswith("</svg>"):
        raise UserError(f"{path} is damaged (no whole SVG); delete {path.parent.parent} and run `dvc repro` again")
    if alone:
        link = "data:image/svg+xml;base64," + base64.b64encode(text.encode()).decode()
    width, height = (round(float(points) / 72 * INCH) for points in size.groups())
    return {"image": link, "width": width, "height": height}


def render(template: str, path: Path, **context: Any) -> None:
    """Write a page from a template of this package and what it shows."""
    text = _environment().get_template(template).render(**context)
    with atomic_path(path) as partial:
        partial.write_text(text + "\n", encoding="utf-8")


@cache
def _environment() -> Environment:
    """One for all pages, which compiles what they have in common once."""
    loader = PackageLoader("friendfoe.report")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["linked"] = _linked
    environment.tests["long"] = lambda text: max(map(len, text.split()), default=0) > LONGEST
    environment.tests["in_kind"] = lambda verdict, kind: verdict.split()[0] == kind
    return environment


def _linked(text: str) -> Markup:
    """Text in which papers on arXiv are links."""
    return Markup(_ARXIV.sub(r'<a href="https://arxiv.org/abs/\1">\g<0></a>', str(escape(text))))
