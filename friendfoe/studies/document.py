"""The page of a study as a document: Markdown in which sentences have words in braces, and tables and figures a place.

    # TITLE                           then the question, and a list of the sources
    ## HEADING
    [CAPTION](TABLE)                  and below it a list of notes
    ![WHAT IT SHOWS](FIGURE)          and below it the caption

Below a table stands, last of all, what its numbers rest on, unless it says `(TABLE "alone")`. The figure that says
`(FIGURE "headline")` stands for the study on the page of all data sets. All else are paragraphs.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

_PLACED = re.compile(
    r'(?P<mark>!?)\[(?P<text>.*?)\]\((?P<name>[^\s()"]+)(?: "(?P<word>alone|headline)")?\)\s*(?P<rest>.*)', re.DOTALL
)
_HEADING = re.compile(r"(?P<mark>##?) (?P<text>.*)", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A part of a page.

    Attributes:
        kind: "#", "##", "text", "list", "table" or "figure".
        text: of a table its caption, of a figure what it shows.
        name: of a table or a figure.
        items: of a list; the notes below a table.
        below: the caption of a figure.
        word: of a table "alone" where it stands without what its numbers rest on; of a figure "headline", or none.
    """

    kind: str
    text: str
    name: str = ""
    items: tuple[str, ...] = ()
    below: str = ""
    word: str = ""


def blocks(package: str, words: Mapping[str, Any]) -> Iterator[Block]:
    """The parts of `page.md` beside a package's modules, with its words filled in.

    Expressions are those of Jinja; `x | to("g")` writes a number in a format of Python's.

    Raises:
        jinja2.TemplateError: it does not parse, or has a word that is not given.
    """
    environment = Environment(
        loader=PackageLoader(package, ""), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["to"] = format
    text = environment.get_template("page.md").render(**words)
    return map(_block, re.split(r"\n\s*\n", text.strip()))


def _block(text: str) -> Block:
    if placed := _PLACED.fullmatch(text):
        title, rest, word = _joined(placed["text"]), placed["rest"], placed["word"] or ""
        if placed["mark"]:
            return Block("figure", title, placed["name"], below=_joined(rest), word=word)
        return Block("table", title, placed["name"], _items(rest), word=word)
    if heading := _HEADING.fullmatch(text):
        return Block(heading["mark"], _joined(heading["text"]))
    if text.startswith("- "):
        return Block("list", "", items=_items(text))
    return Block("text", _joined(text))


def _items(text: str) -> tuple[str, ...]:
    return tuple(_joined(item) for item in re.split(r"^- ", text, flags=re.MULTILINE)[1:])


def _joined(lines: str) -> str:
    """Lines as one."""
    return " ".join(line.strip() for line in lines.splitlines())
