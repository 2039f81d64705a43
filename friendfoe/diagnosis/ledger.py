"""What is known of every image so far, kept in a folder, so that a killed run goes on where it was."""

import json
import time
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from friendfoe.diagnosis.unfit import UnfitError
from friendfoe.evaluation import outcomes
from friendfoe.evaluation.outcomes import Key, Outcomes
from friendfoe.runtime.files import atomic_path

OUTCOMES, PICTURES, SETTINGS = "outcomes.npz", "pictures.npz", "settings.json"
ANSWER, CONFIDENCE, ACCURACY = "answer", "confidence", "accuracy"
"""Metrics: the class that is answered, its probability, and whether it is right."""

_EVERY = 10.0  # seconds between two writes within a condition

PICTURED = 24  # images whose pictures are kept at least, for the gallery to choose from
EACH = 8  # of a class, at most
_PICTURES = 1 << 24  # bytes of pictures that are kept under one condition where this is more

Floats = NDArray[np.float32]


class Ledger:
    """Answers by condition, image by image; nan where an image was not asked yet.

    Args:
        folder: where it is kept; None: nowhere.
        settings: all that the answers depend on. What a folder holds of other settings is refused.
        conditions: all that are asked, in the order in which they are kept.
        samples: int64 [N], who the images are.
        labels: int64 [N].
        size: bytes of an image: of small ones more pictures are kept.

    Raises:
        UnfitError: the folder is damaged, or holds another evaluation.
    """

    def __init__(
        self,
        folder: Path | None,
        settings: Mapping[str, Any],
        conditions: Sequence[str],
        samples: NDArray[np.int64],
        labels: NDArray[np.int64],
        size: int = _PICTURES,
    ) -> None:
        self._folder, self.settings, self._conditions = folder, dict(settings), list(conditions)
        self.samples, self.labels, self._most = samples, labels, max(PICTURED, _PICTURES // size)
        self.answers: dict[str, Floats] = {}
        self.confidences: dict[str, Floats] = {}
        self.pictures: dict[str, NDArray[np.uint8]] = {}
        self._written = time.monotonic()
        if folder is not None:
            self._take_up(folder)

    def open(self, condition: str) -> NDArray[np.int64]:
        """The places of the images that a condition still has to be asked of, in order."""
        for table in (self.answers, self.confidences):
            table.setdefault(condition, np.full(len(self.labels), np.nan, dtype=np.float32))
        return np.flatnonzero(np.isnan(self.answers[condition]))

    def add(self, condition: str, rows: NDArray[np.int64], answers: NDArray[Any], confidences: NDArray[Any]) -> None:
        """Answers on the images at some places."""
        self.answers[condition][rows], self.confidences[condition][rows] = answers, confidences
        if time.monotonic() - self._written > _EVERY:
            self.write()

    def right(self, condition: str) -> NDArray[np.bool_]:
        """Which images are answered correctly, bool [N]."""
        right: NDArray[np.bool_] = self.answers[condition] == self.labels
        return right

    def pictured(self) -> list[int]:
        """The places of the images whose pictures are kept: the first of each class, as many of each."""
        found = [np.flatnonzero(self.labels == label) for label in np.unique(self.labels)]
        each = min(EACH, max(1, self._most // len(found)))
        return [int(row) for rows in found for row in rows[:each]][: self._most]

    def outcomes(self) -> dict[Key, Outcomes]:
        """All of it, under (metric, model, condition), as of one replicate."""
        name, images = str(self.settings["model"]), str(self.settings["images"])
        tables: dict[Key, Floats] = {}
        for condition in self._conditions:  # the same file, whatever order they were asked or read in
            if condition not in self.answers:
                continue
            answers = self.answers[condition]
            right = np.where(np.isnan(answers), np.nan, answers == self.labels)
            tables[ACCURACY, name, condition] = right.astype(np.float32)
            tables[ANSWER, name, condition] = answers
            tables[CONFIDENCE, name, condition] = self.confidences[condition]
        return outcomes.stacked(images, self.samples, self.labels, [tables])

    def write(self, folder: Path | None = None) -> None:
        """Keep what is known, in another folder if one is named."""
        self._written = time.monotonic()
        folder = folder or self._folder
        if folder is None:
            return
        with atomic_path(folder / OUTCOMES) as partial:
            outcomes.write(partial, self.outcomes())
        with atomic_path(folder / PICTURES) as partial, partial.open("wb") as file:
            np.savez_compressed(file, **{name: self.pictures[name] for name in sorted(self.pictures)})  # type: ignore[arg-type]

    def _take_up(self, folder: Path) -> None:
        path = folder / SETTINGS
        if path.is_file():
            try:
                before = json.loads(path.read_text(encoding="utf-8"))
            except ValueError as error:
                raise self._damaged(path, error) from None
            now = json.loads(json.dumps(self.settings))
            if other := [key for key in now if before.get(key) != now[key]]:
                differ = ", ".join(_differ(key, before.get(key), now[key]) for key in other[:3])
                raise UnfitError(f"{folder} holds another evaluation ({differ}); name another folder, or remove it")
        else:
            with atomic_path(path) as partial:
                partial.write_text(json.dumps(self.settings, indent=1) + "\n", encoding="utf-8")
        try:
            if (folder / OUTCOMES).is_file():
                for (metric, _, condition), table in outcomes.read(folder / OUTCOMES).items():
                    if metric == ANSWER:
                        self.answers[condition] = table.values[0].copy()
                    elif metric == CONFIDENCE:
                        self.confidences[condition] = table.values[0].copy()
            if (folder / PICTURES).is_file():
                with np.load(folder / PICTURES, allow_pickle=False) as arrays:
                    self.pictures = {name: arrays[name] for name in arrays.files}
                if any(len(kept) not in (0, len(self.pictured())) for kept in self.pictures.values()):
                    raise ValueError("pictures of other images, as another version keeps them")
        except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
            raise self._damaged(folder, error) from None

    @staticmethod
    def _damaged(path: Path, error: Exception) -> UnfitError:
        return UnfitError(f"{path} is damaged ({error}); remove it, and evaluate again")


def _differ(key: str, before: object, now: object) -> str:
    """How an evaluation differs from another, in words."""
    if key in _DIGESTS:
        return _DIGESTS[key]
    return f"{key} {before}, and now {now}"


_DIGESTS = {"weights": "of other weights, or of another normalisation", "images": "of other images"}
