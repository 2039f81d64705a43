"""The explorer of a page: images and answers, packed so that a few lines of script show any of them.

Beside it stands what is read without script: the accuracies of one model, and one attack on an image of each class.
"""

import base64
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from friendfoe.evaluation.outcomes import Outcomes
from friendfoe.evaluation.sample import Sample
from friendfoe.report.gallery import Answer, as_drawn

BARS = 10  # classes whose probabilities are shown of an image
STILL, STILL_VALUES, STILL_SIDE = 10, 300_000, 96  # images without script, all their values, and their longer side
SIDE = 80  # CSS pixels of the width of a picture, about; where there is room, twice as many

Arrays = Mapping[str, NDArray[Any]]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Attack:
    """How an attack is shown.

    Attributes:
        title: its name.
        size: a format for its sizes, such as "eps {:g}".
        conditions: whose accuracies are its own, as friend or as foe.
    """

    title: str
    size: str
    conditions: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Group:
    """The pictures of an attack with one goal; or, without either, the images as they are."""

    attack: str
    goal: str
    sizes: list[float]
    images: Pixels  # [M, E, n, C, H, W]
    probabilities: NDArray[np.float32]  # [M, E, n, K]


def explorer(
    arrays: Arrays,
    models: Mapping[str, str],
    attacks: Mapping[str, Attack],
    accuracies: Mapping[tuple[str, str], Outcomes],
    conditions: Mapping[str, str],
) -> dict[str, Any]:
    """The explorer as a page takes it.

    Args:
        arrays: what `friendfoe.studies.explorer` has written.
        models: titles; others are called by their names.
        attacks: by name; those of which `arrays` has nothing are left out.
        accuracies: by model and condition whether images are right, for the map of accuracies by class.
        conditions: titles of the map's columns; those without any accuracy are left out.
    """
    groups = [*_groups(arrays, attacks)]
    names = [str(name) for name in arrays["models"]]
    known = [name for name in attacks if any(group.attack == name for group in groups)]
    height, width = arrays["images"].shape[2:]
    side = SIDE // width * width or SIDE  # pixels of the same size, where they are few
    return {
        "models": [models.get(name, name) for name in names],
        "attacks": [attacks[name].title for name in known],
        "data": {**_data(arrays, groups), "attacks": [_choices(name, attacks[name].size, groups) for name in known]},
        "map": {
            "rows": [{"number": row, "name": str(arrays["classes"][row])} for row in _rows(arrays)],
            **_map(accuracies, names, conditions, [attacks[name] for name in known], _rows(arrays)),
        },
        "still": _still(groups, arrays, known[0]),
        "side": side,
        "height": round(side * height / width),
    }


def magnified(picture: Pixels, image: Pixels) -> tuple[Pixels, float]:
    """What a picture adds to an image, [C, H, W], as far from grey as can be; and how many times larger that is."""
    change = picture.astype(float) - image
    times = 127.5 / max(np.abs(change).max(), 1)
    return np.floor(127.5 + times * change + 0.5).astype(np.uint8), float(times)


def _groups(arrays: Arrays, attacks: Mapping[str, Attack]) -> Iterator[_Group]:
    """The images as they are, as if every model had its own; then those of each attack and goal."""
    images, probabilities = arrays["images"], arrays["probabilities"][:, None]
    yield _Group("", "", [1.0], np.broadcast_to(images, (len(probabilities), 1, *images.shape)), probabilities)
    for key in (name.removesuffix("/sizes") for name in arrays if name.endswith("/sizes")):
        attack, _, goal = key.rpartition("/")
        if attack in attacks:
            of = {part: arrays[f"{key}/{part}"] for part in ("sizes", "images", "probabilities")}
            yield _Group(attack, goal, of["sizes"].tolist(), of["images"], of["probabilities"])


def _rows(arrays: Arrays) -> list[int]:
    """The classes that there are images of."""
    return list(dict.fromkeys(arrays["labels"].tolist()))


def _data(arrays: Arrays, groups: Sequence[_Group]) -> dict[str, Any]:
    """All pictures, group by group, and in these by model, size and image; and what is answered on each."""
    images, labels, known = arrays["images"], arrays["labels"], len(arrays["classes"])
    tiles, pictures = _tiles(images, groups)
    probabilities = np.concatenate([group.probabilities.reshape(-1, known) for group in groups])
    bars = _bars(probabilities, labels)
    of_picture = np.tile(bars, (len(probabilities) // len(images), 1))
    return {
        "shape": list(images.shape[1:]),
        "classes": arrays["classes"].tolist(),
        "labels": labels.tolist(),
        "bars": bars.tolist(),
        "tiles": _packed(tiles),
        "pictures": _packed(pictures.astype("<u2")),
        "answers": _packed(probabilities.argmax(1).astype("<u2")),
        "percent": _packed(np.rint(np.take_along_axis(probabilities, of_picture, 1) * 100).astype(np.uint8)),
    }


def _choices(attack: str, size: str, groups: Sequence[_Group]) -> dict[str, Any]:
    """The sizes of an attack, and its goals with the number of the first picture of each."""
    ends = np.cumsum([group.probabilities[..., 0].size for group in groups]).tolist()
    own = [(group, first) for group, first in zip(groups, [0, *ends], strict=False) if group.attack == attack]
    return {
        "sizes": [size.format(each) for each in own[0][0].sizes],
        "goals": [[group.goal, first] for group, first in own],
    }


def _tiles(images: Pixels, groups: Sequence[_Group]) -> tuple[Pixels, NDArray[np.int64]]:
    """The images, then what pictures add to theirs, each once; and of every picture which of these.

    What is added, modulo 256, is a few levels, which pack to a fraction of what pictures would.
    """
    tiles: dict[bytes, int] = {}
    added = np.concatenate([(group.images - images).reshape(-1, *images.shape[1:]) for group in groups])
    numbers = [tiles.setdefault(change.tobytes(), len(images) + len(tiles)) for change in added]
    changes = np.frombuffer(b"".join(tiles), dtype=np.uint8).reshape(-1, *images.shape[1:])
    return np.concatenate([images, changes]), np.array(numbers)


def _bars(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """The classes [n, B] whose probabilities are shown of each image: its own, and the likeliest of its pictures."""
    highest = probabilities.reshape(-1, len(labels), probabilities.shape[1]).max(0)
    highest[np.arange(len(labels)), labels] = np.inf
    return np.sort(np.argsort(-highest, axis=1, kind="stable")[:, :BARS], axis=1)


def _map(
    accuracies: Mapping[tuple[str, str], Outcomes],
    models: Sequence[str],
    conditions: Mapping[str, str],
    attacks: Sequence[Attack],
    rows: Sequence[int],
) -> dict[str, Any]:
    """Accuracies in percent by model, class and condition (`_percent`); and which attack is opened by a column."""
    shown = [name for name in conditions if any((model, name) in accuracies for model in models)]
    opens = {name: number for number, attack in enumerate(attacks) for name in attack.conditions}
    return {
        "columns": [{"title": conditions[name], "attack": opens.get(name)} for name in shown],
        "percent": [
            [[_percent(accuracies.get((model, name)), row) for name in shown] for row in rows] for model in models
        ],
    }


def _percent(outcomes: Outcomes | None, label: int) -> list[int] | None:
    """The mean over the replicates of a class, and its interval where there is one; None where no image was asked."""
    if outcomes is None or not (own := outcomes.labels == label).any():
        return None
    one = Sample.of(outcomes, own).estimate()
    numbers = (one.mean, one.low, one.high) if np.isfinite(one.low) else (one.mean,)
    return None if np.isnan(one.mean) else [round(number * 100) for number in numbers]


def _still(groups: Sequence[_Group], arrays: Arrays, attack: str) -> dict[str, Any]:
    """The first image of some classes under an attack at its whole size, and what the first model answers."""
    images, labels, classes = arrays["images"], arrays["labels"], arrays["classes"].tolist()
    own = [group for group in groups if group.attack == attack]
    values = min(images[0].size, STILL_SIDE**2 * images.shape[1]) * (1 + 2 * len(own))
    rows = []
    for row in _rows(arrays)[: max(1, min(STILL, STILL_VALUES // values))]:
        number = int(np.flatnonzero(labels == row)[0])

        def answer(group: _Group, row: int = row, number: int = number) -> str:
            probabilities = group.probabilities[0, -1, number]
            likeliest = int(probabilities.argmax())
            return str(Answer(classes[likeliest], float(probabilities[likeliest]), likeliest == row))

        cells = [_cell(images[number], f"{classes[row]} as it is", answer(groups[0]))]
        for group in own:
            picture = group.images[0, -1, number]
            change, times = magnified(picture, images[number])
            cells.append(_cell(change, f"What is added to {classes[row]}, {group.goal}", f"×{times:.3g}"))
            cells.append(_cell(picture, f"{classes[row]}, {group.goal}", answer(group)))
        rows.append({"number": row, "name": classes[row], "cells": cells})
    return {"goals": [group.goal for group in own], "rows": rows}


def _cell(pixels: Pixels, alt: str, text: str) -> dict[str, str]:
    from PIL import Image

    content, picture = BytesIO(), Image.fromarray(as_drawn(pixels))
    picture.thumbnail((STILL_SIDE, STILL_SIDE))
    picture.save(content, "PNG")
    return {"image": "data:image/png;base64," + base64.b64encode(content.getvalue()).decode(), "alt": alt, "text": text}


def _packed(values: NDArray[Any]) -> str:
    """Numbers as text: their bytes, deflated (RFC 1950), in base 64."""
    return base64.b64encode(zlib.compress(np.ascontiguousarray(values).tobytes(), 9)).decode()
