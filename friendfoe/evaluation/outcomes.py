"""What became of each image in each replicate: the evidence behind every share, kept beside the counts.

A mean over replicates says how much seeds matter; how well so many images stand for all, and how far two models agree
on the same images, is in the outcome of every image alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Key = tuple[str, str, str]
"""Metric, model, condition."""


@dataclass(frozen=True)
class Outcomes:
    """The outcome of every image, replicate by replicate."""

    images: str  # which set they are of: the same row of the same set is the same image
    samples: NDArray[np.int64]  # [N], rows of that set
    labels: NDArray[np.int64]  # [N]
    values: NDArray[np.float32]  # [replicates, N]: 1 or 0, or any number; nan: not asked of this image
    single: bool = False  # whether all replicates are one network, which was given; files do not say it

    def __post_init__(self) -> None:
        """Refuse arrays that do not fit one another."""
        n = len(self.samples)
        if self.labels.shape != (n,) or self.values.ndim != 2 or self.values.shape[1] != n:
            shapes = f"{self.samples.shape}, {self.labels.shape} and {self.values.shape}"
            raise ValueError(f"outcomes: samples, labels and values must be [N], [N] and [replicates, N], got {shapes}")


def stacked(
    images: str, samples: ArrayLike, labels: ArrayLike, parts: Sequence[Mapping[Key, ArrayLike]]
) -> dict[Key, Outcomes]:
    """The outcomes [N] of the same images that every replicate has under every key, in the order of the replicates.

    Raises:
        ValueError: replicates have other keys than the first.
    """
    rows, truth = np.asarray(samples, dtype=np.int64), np.asarray(labels, dtype=np.int64)
    _same_keys(parts)
    return {
        key: Outcomes(images, rows, truth, np.stack([np.asarray(part[key], dtype=np.float32) for part in parts]))
        for key in (parts[0] if parts else ())
    }


def aligned(parts: Sequence[Mapping[Key, Outcomes]]) -> dict[Key, Outcomes]:
    """Replicates that have been asked of different images, put together: what one was not asked is nan there.

    Raises:
        ValueError: replicates have other keys than the first.
    """
    _same_keys(parts)
    return {key: _align([part[key] for part in parts]) for key in (parts[0] if parts else ())}


def _same_keys(parts: Sequence[Mapping[Key, Any]]) -> None:
    if any(set(part) != set(parts[0]) for part in parts):
        raise ValueError("outcomes: the replicates do not have the same keys")


def _align(parts: list[Outcomes]) -> Outcomes:
    first = parts[0]
    if all(np.array_equal(part.samples, first.samples) for part in parts):
        return Outcomes(first.images, first.samples, first.labels, np.concatenate([part.values for part in parts]))
    samples, at = np.unique(np.concatenate([part.samples for part in parts]), return_index=True)
    labels = np.concatenate([part.labels for part in parts])[at]
    values = np.full((sum(len(part.values) for part in parts), len(samples)), np.nan, dtype=np.float32)
    row = 0
    for part in parts:
        values[row : row + len(part.values), np.searchsorted(samples, part.samples)] = part.values
        row += len(part.values)
    return Outcomes(first.images, samples, labels, values)


def write(path: Path, outcomes: Mapping[Key, Outcomes]) -> None:
    """Write outcomes as NPZ: keys of the same images together, what is 0 or 1 as bits."""
    groups: dict[tuple[Any, ...], list[Key]] = {}
    for key, one in outcomes.items():
        binary = bool(np.isin(one.values, (0, 1)).all())
        same = (one.images, one.samples.tobytes(), one.labels.tobytes(), one.values.shape, binary)
        groups.setdefault(same, []).append(key)
    arrays: dict[str, Any] = {}
    for number, (same, keys) in enumerate(groups.items()):
        first, values = outcomes[keys[0]], np.stack([outcomes[key].values for key in keys])
        arrays |= {
            f"{number}/keys": np.array(keys),
            f"{number}/images": np.array(first.images),
            f"{number}/samples": first.samples,
            f"{number}/labels": first.labels,
            f"{number}/{'bits' if same[-1] else 'values'}": np.packbits(values > 0, axis=-1) if same[-1] else values,
        }
    with path.open("wb") as file:  # NumPy appends .npz to a path
        np.savez_compressed(file, **arrays)


def read(path: Path) -> dict[Key, Outcomes]:
    """The outcomes of a file.

    Raises:
        FileNotFoundError: there is none.
        ValueError, KeyError, OSError, zipfile.BadZipFile: it is damaged.
    """
    outcomes: dict[Key, Outcomes] = {}
    with np.load(path, allow_pickle=False) as arrays:
        numbers = [name.removesuffix("/keys") for name in arrays.files if name.endswith("/keys")]
        for number in numbers:
            samples, labels, images = (arrays[f"{number}/{name}"] for name in ("samples", "labels", "images"))
            packed = f"{number}/bits" in arrays
            values = arrays[f"{number}/{'bits' if packed else 'values'}"]
            if packed:
                values = np.unpackbits(values, axis=-1, count=len(samples)).astype(np.float32)
            for key, table in zip(arrays[f"{number}/keys"].tolist(), values, strict=True):
                metric, model, condition = key
                outcomes[metric, model, condition] = Outcomes(str(images), samples, labels, table)
    return outcomes
