"""What class names must be, so that they survive every table and figure, and what each class must have."""

import unicodedata
from collections.abc import Sequence

import numpy as np

from friendfoe.data.sources.config import Labels
from friendfoe.runtime.errors import UserError

_UNSEEN = {"Cc", "Cs", "Zl", "Zp"}  # controls, halves of characters, ends of lines: no table or figure can show these
_LONGEST = 1000  # characters


def check_classes(classes: Sequence[str], labels: Labels, data: str) -> None:
    """Check the class names of the data set `data`, and that each class is among its training labels, int64 [N].

    Raises:
        UserError: with the class, and what to do.
    """
    if len(classes) < 2:
        raise UserError(
            f"{data} has a single class, {classes[0]}: there is nothing to tell apart; add images of another"
        )
    seen: dict[str, int] = {}
    for label, name in enumerate(classes):
        if not name.strip():
            raise UserError(f"{data}: the name of class {label} is empty; give it one")
        if len(name) > _LONGEST:
            raise UserError(f"{data}: the name of class {label} has {len(name)} characters; {_LONGEST} must do")
        if any(unicodedata.category(character) in _UNSEEN for character in name):
            raise UserError(
                f"{data}: the name of class {label} has characters that cannot be seen: {name!r}; rename it"
            )
        first = seen.setdefault(_looks(name), label)
        if first != label:
            raise UserError(f"{data}: classes {first} and {label} are both called {name!r}; rename or join them")
    counts = np.bincount(labels, minlength=len(classes))
    if len(missing := np.flatnonzero(counts == 0)):
        others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise UserError(
            f"{data}: there is no training image of class {classes[missing[0]]!r} (label {missing[0]}){others}; add "
            "some, or leave it out and number the others from 0 without gaps"
        )


def _looks(name: str) -> str:
    """What is the same for names that a reader cannot tell apart."""
    return unicodedata.normalize("NFC", " ".join(name.split()))
