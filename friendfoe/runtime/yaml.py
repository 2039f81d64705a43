"""YAML files, and what is wrong with them: the place, the line, and what pydantic says."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from friendfoe.runtime.errors import UserError


def parse(path: Path, *, with_lines: bool = False) -> Any:
    """What a YAML file holds; with lines, as containers that know where each key stands (a slower parser).

    Raises:
        UserError: the file is missing or not YAML.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="rt" if with_lines else "safe").load(path)
    except FileNotFoundError:
        raise UserError(f"{path} is missing; run this from the root of the project") from None
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        raise UserError(f"{path}{line}: not YAML: {getattr(error, 'problem', None) or error}") from None


def explain(error: ValidationError, raw: Any, path: Path, within: tuple[str, ...] = ()) -> UserError:
    """The first of pydantic's complaints about `raw`, the section at `within`, with the line of the file."""
    line = _line(path, [*within, *_place(error.errors()[0], raw)])
    return UserError(f"{path}{line}: {describe(error, raw, within)}")


def describe(error: ValidationError, raw: Any, within: tuple[str, ...] = ()) -> str:
    """The first of pydantic's complaints about `raw`, the section at `within`: its place, and what is wrong."""
    first, *others = error.errors()
    place = ".".join(map(str, (*within, *_place(first, raw))))
    text = first["msg"].removeprefix("Value error, ")
    text = text[0].lower() + text[1:] if first["type"] != "value_error" else text
    if first["type"] == "missing":
        text = "is missing"
    elif isinstance(first["input"], str | int | float):
        text = f"{first['input']!r}: {text}"
    more = f" (and {len(others)} more)" if others else ""
    return (f"{place}: {text}" if place else text) + more


def _place(error: ErrorDetails, raw: Any) -> list[int | str]:
    """Where the error is, without the tags that pydantic puts in for the members of a union."""
    place = []
    for word in error["loc"]:
        inside = (isinstance(raw, dict) and word in raw) or (isinstance(raw, list) and isinstance(word, int))
        if inside:
            raw = raw[word]
            place.append(word)
    return [*place, error["loc"][-1]] if error["type"] == "missing" else place


def _line(path: Path, place: list[int | str]) -> str:
    """The line of params.yaml that holds the last known part of `place`."""
    node: Any = parse(path, with_lines=True)
    line: int | None = None
    for word in place:
        try:
            line = _mark(node, word)
            node = node[word]
        except (KeyError, IndexError, TypeError, AttributeError):
            break
    return "" if line is None else f" line {line + 1}"


def _mark(node: Any, word: int | str) -> int:
    """The line, from 0, of an item of a list or a key of a mapping."""
    marks = node.lc
    line: int = marks.item(word)[0] if isinstance(word, int) else marks.key(word)[0]
    return line
