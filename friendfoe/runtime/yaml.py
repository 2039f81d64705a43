"""YAML files, and what is wrong with them: the place, the line, and what pydantic says."""

import re
from itertools import chain, islice
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from friendfoe.runtime.errors import UserError
from friendfoe.runtime.strict import nearest

QUOTED = r"'([^']*)'"
BYTES, NODES, DEPTH = 1 << 19, 20_000, 20  # far more than params need, and read within seconds


def parse(path: Path) -> Any:
    """What a YAML file holds.

    Raises:
        UserError: the file is missing, not YAML, or holds far more than params do.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        if path.stat().st_size > BYTES:
            raise UserError(f"{path} has more than {BYTES >> 10} KiB; params are settings, not data")
        content = YAML(typ="safe").load(path)
        _check_size(content, path)
    except FileNotFoundError:
        raise UserError(f"{path} is missing; run this from the root of the project") from None
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        raise UserError(
            f"{path}{line}: not YAML: {getattr(error, 'problem', None) or ' '.join(str(error).split())}"
        ) from None
    except (UnicodeDecodeError, RecursionError):
        raise UserError(f"{path}: not YAML: it is no text in UTF-8, or nested too deeply") from None
    return content


def _check_size(content: Any, path: Path) -> None:
    """Refuse what is nested too deeply or has too many entries: aliases make it large, or endless, in few lines."""
    level = [content]
    count = 0
    for _ in range(DEPTH):
        if not level or count > NODES:
            break
        count += len(level)
        inner = (node.values() if isinstance(node, dict) else node for node in level if isinstance(node, dict | list))
        level = list(islice(chain.from_iterable(inner), NODES + 1))
    if level:
        what = f"has more than {NODES} entries" if count > NODES else f"is nested more than {DEPTH} deep"
        raise UserError(f"{path} {what}; params are settings, not data")


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
    if first["type"] in ("literal_error", "enum") and isinstance(first["input"], str):
        hint = nearest(first["input"], re.findall(QUOTED, first["ctx"]["expected"]))
        text += f"; {hint}" * hint.startswith("did you mean")
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
    from ruamel.yaml import YAML

    node: Any = YAML(typ="safe").compose(path)
    line: int | None = None
    for word in place:
        entries = node.value if isinstance(node.value, list) else []  # nodes of a sequence, pairs of them of a mapping
        pairs = [entry if isinstance(entry, tuple) else (entry, entry) for entry in entries]
        found = [pair for number, pair in enumerate(pairs) if word in (number, pair[0].value)]
        if not found:
            break
        key, node = found[0]
        line = key.start_mark.line
    return "" if line is None else f" line {line + 1}"
