"""Reports as HTML: a page per study, per data set, and one above them; each a single file without script or network."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import Field

from friendfoe import runtime
from friendfoe.report.figures import DPI
from friendfoe.report.study import FILE
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.files import atomic_path
from friendfoe.runtime.paths import REPORTS
from friendfoe.runtime.strict import Strict

PAGE = "index.html"
EARLIER = " Judged by an earlier version: over replicates alone, and not corrected for their number."
INCH = 124  # CSS pixels for an inch of a figure: its text as large as that of the tables


class ReportJob(Strict):
    """The page of a data set."""

    data: str
    code: str = Field(default="", description="fingerprint of the code that writes it")


def write_study_page(directory: Path, template: str = "study.html") -> None:
    """Write `directory/index.html` from the report of a study in `directory`; a UserError where it is damaged."""
    study = _read(directory / FILE)
    figures = {block["name"]: block for block in study["blocks"] if block["kind"] == "figure"}
    with ThreadPoolExecutor(runtime.workers()) as threads:  # Pillow works outside of Python's lock
        pictures = (directory / "figures" / f"{name}.png" for name in figures)
        for block, image in zip(figures.values(), threads.map(_inline, pictures), strict=True):
            block |= image
    _render(template, directory / PAGE, study=study)


def write_data_page(data: str, root: Path = REPORTS) -> None:
    """Write `root/DATA/index.html`, an overview of the studies below `root/DATA`; a UserError if none is."""
    found = studies(root / data)
    if not found:
        raise UserError(f"{root / data} holds no study; `dvc repro pipelines/STUDY/dvc.yaml:plot@{data}` makes one")
    _render("data.html", root / data / PAGE, data=data, studies=found)


def write_top_page(root: Path = REPORTS) -> None:
    """Write `root/index.html`: the verdicts of all data sets that `root` holds, with links to their pages."""
    pages = {page.parent.name: studies(page.parent) for page in sorted(root.glob(f"*/{PAGE}"))}
    summaries: dict[str, dict[str, Any]] = {}
    for data, found in pages.items():
        for study in found:
            head = {"title": study["title"], "question": study["question"], "budgets": {}, "claims": {}}
            summary = summaries.setdefault(study["study"], head)
            earlier = "" if "judged" in study else EARLIER
            summary["budgets"][data] = f"{study['budget']}{earlier}"
            for claim in study["claims"]:
                summary["claims"].setdefault(claim["text"], {})[data] = claim["verdict"]
    _render("top.html", root / PAGE, pages=list(pages), studies=summaries)


def studies(directory: Path) -> list[dict[str, Any]]:
    """What the reports of a data set's studies say, by name of the study; a UserError where one is damaged."""
    return [_read(path) for path in sorted(directory.glob(f"*/{FILE}"))]


def _read(path: Path) -> dict[str, Any]:
    try:
        study: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}); delete {path.parent} and run `dvc repro` again") from None
    return study


def _render(template: str, path: Path, **context: Any) -> None:
    text = _environment().get_template(template).render(**context)
    with atomic_path(path) as partial:
        partial.write_text(text + "\n", encoding="utf-8")


@cache
def _environment() -> Environment:
    """One for all pages, which compiles what they have in common once."""
    loader = PackageLoader("friendfoe.report")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def _inline(path: Path) -> dict[str, Any]:
    """A PNG as data URL, and the size at which it is shown, in CSS pixels.

    It is inlined as WebP, without loss: less than half as large, in a page that Git keeps every version of.
    """
    from PIL import Image

    content = BytesIO()
    try:
        with Image.open(path) as image:
            image.save(content, "WEBP", lossless=True, method=2)
            width, height = image.size
    except OSError as error:  # no file, no image at all, or the beginning of one
        problem = "missing" if isinstance(error, FileNotFoundError) else f"damaged ({error})"
        raise UserError(f"{path} is {problem}; delete {path.parent.parent} and run `dvc repro` again") from None
    url = "data:image/webp;base64," + base64.b64encode(content.getvalue()).decode()
    return {"image": url, "width": round(width / DPI * INCH), "height": round(height / DPI * INCH)}
