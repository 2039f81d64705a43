"""The explorer of a page: images and answers, packed so that a few lines of script show any of them.

Beside it stands what is read without script: the accuracies of one model, and one attack on an image of each class.
"""

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from friendfoe.evaluation.outcomes import Outcomes
from friendfoe.report.gallery import Answer, as_drawn

CLEAN = "clean"
BARS = 10  # probabilities of an image
STILL, STILL_VALUES, STILL_SIDE = 10, 300_000, 96  # images without script, their values together, their longer side
SIDE = 80  # CSS pixels of a picture on a phone, about; elsewhere twice as many

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Attack:
    """How an attack is shown.

    Attributes:
        title: its name.
        size: a format for its sizes, such as "eps {:g}".
        conditions: whose accuracies stand for it, as friend and as foe.
    """

    title: str
    size: str
    conditions: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Group:
    """Pictures of an attack and a goal: uint8 [M, E, n, C, H, W], and the probabilities [M, E, n, K] on them."""

    images: NDArray[np.uint8]
    probabilities: NDArray[np.float32]


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
        models: titles; others are shown by their names.
        attacks: by name; those of which `arrays` has nothing are left out.
        accuracies: by model and condition whether images are right, for the map of accuracies by class.
        conditions: titles of the map's columns; those without any accuracy are left out.
    """
    names = [str(name) for name in arrays["models"]]
    classes, labels, images = arrays["classes"].tolist(), arrays["labels"], arrays["images"]
    groups = {(CLEAN, ""): _clean(arrays)} | {
        (attack, goal): _Group(arrays[f"{key}/images"], arrays[f"{key}/probabilities"])
        for key in dict.fromkeys(name.rpartition("/")[0] for name in arrays if "/" in name)
        for attack, _, goal in [key.rpartition("/")]
        if attack in attacks
    }
    tiles, pictures = _tiles(images, [group.images for group in groups.values()])
    probabilities = np.concatenate([group.probabilities.reshape(-1, len(classes)) for group in groups.values()])
    bars = _bars(probabilities, labels)
    places = np.tile(np.arange(len(images)), len(probabilities) // len(images))
    firsts = dict(
        zip(groups, np.cumsum([0, *(group.images[..., 0, 0, 0].size for group in groups.values())]), strict=False)
    )
    known = [name for name in attacks if any(attack == name for attack, _ in groups)]
    height, width = images.shape[2:]
    small = max(1, SIDE // width) * width if width <= SIDE else SIDE
    return {
        "data": {
            "shape": list(images.shape[1:]),
            "classes": classes,
            "labels": labels.tolist(),
            "models": len(names),
            "bars": bars.tolist(),
            "attacks": [
                {
                    "sizes": [attacks[name].size.format(size) for size in _sizes(arrays, name)],
                    "goals": [[goal, int(first)] for (attack, goal), first in firsts.items() if attack == name],
                }
                for name in known
            ],
            "tiles": _packed(tiles),
            "pictures": _packed(pictures.astype("<u2")),
            "answers": _packed(probabilities.argmax(1).astype("<u2")),
            "percent": _packed(np.rint(np.take_along_axis(probabilities, bars[places], 1) * 100).astype(np.uint8)),
        },
        "models": [models.get(name, name) for name in names],
        "attacks": [attacks[name].title for name in known],
        "side": small,
        "still": _still(groups, classes, labels, images, known[0]),
        "map": _map(accuracies, names, conditions, known, attacks, classes, labels),
        "height": round(small * height / width),
    }


def _clean(arrays: Arrays) -> _Group:
    """The images as they are, as if every model had its own, of one size."""
    images, probabilities = arrays["images"][None, None], arrays["probabilities"][:, None]
    return _Group(np.broadcast_to(images, (*probabilities.shape[:2], *images.shape[2:])), probabilities)


def _sizes(arrays: Arrays, attack: str) -> list[float]:
    sizes: list[float] = next(value for name, value in arrays.items() if name.startswith(f"{attack}/")).tolist()
    return sizes


def _tiles(images: NDArray[np.uint8], groups: list[NDArray[np.uint8]]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The images, then what each picture adds to its image, modulo 256 and each once; and which of these it is.

    What is added is a few levels, which pack well; pictures of a tile are its image and it.
    """
    count = len(images)
    known: dict[bytes, int] = {}
    added = np.concatenate([(group - images).reshape(-1, *images.shape[1:]) for group in groups])
    numbers = [known.setdefault(change.tobytes(), count + len(known)) for change in added]
    changes = np.frombuffer(b"".join(known), dtype=np.uint8).reshape(-1, *images.shape[1:])
    return np.concatenate([images, changes]), np.array(numbers)


def _bars(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """The classes [n, B] whose probabilities are shown of each image: its label, and the likeliest of all pictures."""
    count, known = len(labels), probabilities.shape[1]
    highest = probabilities.reshape(-1, count, known).max(0)
    highest[np.arange(count), labels] = np.inf
    return np.sort(np.argsort(-highest, axis=1, kind="stable")[:, : min(BARS, known)], axis=1)


def _map(
    accuracies: Mapping[tuple[str, str], Outcomes],
    models: list[str],
    conditions: Mapping[str, str],
    known: list[str],
    attacks: Mapping[str, Attack],
    classes: list[str],
    labels: NDArray[np.int64],
) -> dict[str, Any]:
    """Accuracy in percent of each model by class (rows) and condition; which attack each column opens."""
    shown = [name for name in conditions if any((model, name) in accuracies for model in models)]
    opens = {name: number for number, attack in enumerate(known) for name in attacks[attack].conditions}
    rows = list(dict.fromkeys(labels.tolist()))
    return {
        "rows": [{"number": row, "name": classes[row]} for row in rows],
        "columns": [{"title": conditions[name], "attack": opens.get(name)} for name in shown],
        "percent": [
            [[_percent(accuracies.get((model, name)), row) for name in shown] for row in rows] for model in models
        ],
    }


def _percent(outcomes: Outcomes | None, label: int) -> int | None:
    """The mean over replicates and images of a class; None where nothing was asked."""
    if outcomes is None:
        return None
    values = outcomes.values[:, outcomes.labels == label]
    values = values[~np.isnan(values)]
    return round(float(values.mean()) * 100) if len(values) else None


def _still(
    groups: Mapping[tuple[str, str], _Group],
    classes: list[str],
    labels: NDArray[np.int64],
    images: NDArray[np.uint8],
    attack: str,
) -> dict[str, Any]:
    """The first image of some classes under an attack at its whole size, and what the first model answers."""
    goals = [goal for name, goal in groups if name == attack]
    first = [int(np.flatnonzero(labels == label)[0]) for label in dict.fromkeys(labels.tolist())]
    values = min(images[0].size, STILL_SIDE**2 * images.shape[1]) * (1 + 2 * len(goals))
    rows = []
    for number in first[: max(1, min(STILL, STILL_VALUES // values))]:
        label = int(labels[number])
        name, clean = classes[label], groups[CLEAN, ""]
        cells = [_cell(images[number], f"{name} as it is", _answer(clean.probabilities[0, 0, number], classes, label))]
        for goal in goals:
            group = groups[attack, goal]
            picture = group.images[0, -1, number]
            signal, times = magnified(picture, images[number])
            answer = _answer(group.probabilities[0, -1, number], classes, label)
            cells += [
                _cell(signal, f"what is added to {name}, {goal}", f"×{times:.3g}"),
                _cell(picture, f"{name}, {goal}", answer),
            ]
        rows.append({"name": name, "cells": cells})
    return {"goals": goals, "rows": rows}


def magnified(picture: NDArray[np.uint8], image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float]:
    """What a picture adds to an image, [C, H, W], as far from grey as can be; and how many times larger that is."""
    change = picture.astype(float) - image
    times = 127.5 / max(np.abs(change).max(), 1)
    return np.rint(127.5 + times * change).astype(np.uint8), float(times)


def _answer(probabilities: NDArray[np.float32], classes: list[str], label: int) -> str:
    answer = int(probabilities.argmax())
    return str(Answer(classes[answer], float(probabilities[answer]), answer == label))


def _cell(pixels: NDArray[np.uint8], alt: str, text: str) -> dict[str, str]:
    from PIL import Image

    content, picture = BytesIO(), Image.fromarray(as_drawn(pixels))
    picture.thumbnail((STILL_SIDE, STILL_SIDE))
    picture.save(content, "PNG")
    return {"image": "data:image/png;base64," + base64.b64encode(content.getvalue()).decode(), "alt": alt, "text": text}


def _packed(values: ArrayLike) -> str:
    """Numbers as text: their bytes, deflated (RFC 1950), in base 64."""
    return base64.b64encode(zlib.compress(np.ascontiguousarray(values).tobytes(), 9)).decode()
