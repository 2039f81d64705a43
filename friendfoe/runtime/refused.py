"""What the library has refused while a stage ran: one line, with the place in params of the setting that it names.

The library raises `ValueError("eps: must be finite and above 0, got 0")`: the word before the colon is an argument,
mostly by the name of the setting that it comes from. Any other ValueError is a mistake of ours and keeps its traceback.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from friendfoe.runtime import jobs, paths
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.yaml import parse

_NAMED = re.compile(r"([a-z][a-z0-9_]*): ")
_SETTINGS = {"threat": "eps", "step_size": "rel_step"}  # arguments that come from a setting of another name
_COMPUTED = {"images", "labels", "logits", "mask", "radii", "sample_ids"}  # settings of these names are something else


def in_one_line(error: ValueError) -> UserError | None:
    """What to tell the user in its place; None: it names neither a setting of the job that ran nor its model."""
    named = _NAMED.match(str(error))
    if not named or named[1] in _COMPUTED:
        return None
    word, debug = _SETTINGS.get(named[1], named[1]), "FRIENDFOE_DEBUG=1 shows where it was refused"
    for path in jobs.were_read():
        data, *study, name = path.relative_to(paths.PLAN).with_suffix("").parts
        files = [*(paths.PIPELINES / each / "params.yaml" for each in study), Path("params.yaml")]
        places = [(file, place) for file in files if file.exists() for place in _places(parse(file), word, data)]
        if places:
            file, place = min(
                places, key=lambda one: (name not in one[1], data not in one[1])
            )  # the nearest to the job
            more = f", and in {len(places) - 1} more places" if len(places) > 1 else ""
            return UserError(f"{error} ({file}: {'.'.join(place)}{more}; {path} is what ran; {debug})")
        if word == "model":
            return UserError(f"{error} ({path} is what ran, by {' and '.join(map(str, files))}; {debug})")
    return None


def _places(section: Any, word: str, data: str, within: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where a key stands in params, other data sets left out."""
    for key, value in section.items() if isinstance(section, dict) else ():
        place = (*within, str(key))
        if within == ("data",) and key != data:
            continue
        if key == word:
            yield place
        yield from _places(value, word, data, place)
