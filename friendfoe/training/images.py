"""The images that a model is trained on, kept on the device as uint8 and sliced by index."""

import hashlib
from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

from friendfoe import runtime
from friendfoe.data.store import Images, ReadImages, Split, load_images
from friendfoe.runtime import paths
from friendfoe.training.job import Job, ValidationConfig

_READ_BYTES = 2**26  # at once, where all are read


class TrainingImages:
    """Copies of one training split (clean, perturbed, ...), mixed by consecutive slices of one random order.

    With `share` 1 every copy is used whole. With `share` 0.5 and one copy, that is a random half of it; with two
    copies, one half of the first and the *other* half of the second, so that no image stands there twice. With
    `held_out` above 0 the end of the order is set aside (`held_out_rows`), as if the split were smaller.

    Args:
        copies: [N, C, H, W] each, of the same N images; uint8 tensors, views of a memory-mapped store, or floats in
            their unit (255 is white), which may lie beyond it.
        labels: int64 [N].
        share: of each copy, in (0, 1].
        order_seed: of the random order.
        device: where tensors are kept; views stay on the disk, and only a batch goes to the device.
        held_out: share of the images that are not trained on.
        limit: use so many of the others, as if there were no more; None: all.
    """

    def __init__(
        self,
        copies: Sequence[Images],
        labels: Tensor,
        share: float,
        order_seed: int,
        device: torch.device,
        held_out: float = 0.0,
        limit: int | None = None,
    ) -> None:
        order = _divide(len(labels), held_out, order_seed)[0][:limit]
        count = len(order)
        take = max(1, round(count * share))
        slices = [order[torch.arange(i * take, (i + 1) * take) % count] for i in range(len(copies))]
        self.device = device
        self.rows = torch.cat(slices)  # of the split
        self.labels = labels[self.rows].to(device)
        if all(isinstance(copy, Tensor) for copy in copies):
            self.copies: Sequence[Images] = [
                torch.cat([copy[rows] for copy, rows in zip(copies, slices, strict=True)]).to(device)
            ]
        else:
            self.copies = copies

    @property
    def on_device(self) -> bool:
        """Whether the images lie on the device, and not on the disk."""
        return isinstance(self.copies[0], Tensor)

    def order(self) -> Tensor:
        """All positions in random order, int64 [N], on the device where the images are."""
        order = torch.randperm(len(self))
        return order.to(self.device) if self.on_device else order

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Images float [n, C, H, W] in [0, 1] and labels int64 [n] at `positions` (int64 [n])."""
        on_device = positions.to(self.device)
        return self.stored(positions).float().div_(255), self.labels[on_device]

    def stored(self, positions: Tensor) -> Tensor:
        """The images as they are stored, [n, C, H, W] in the unit of uint8, on the device."""
        if len(self.copies) == 1 and isinstance(self.copies[0], Tensor):
            return self.copies[0][positions.to(self.device)]
        size = len(self.rows) // len(self.copies)
        images = torch.empty(len(positions), *self.copies[0].shape[1:], dtype=torch.uint8)
        for number, copy in enumerate(self.copies):
            selected = (positions // size) == number
            if selected.any():
                images[selected] = copy[self.rows[positions[selected]]]
        return images.to(self.device)

    def all(self) -> Images:
        """All images as they are stored, in order; read when they are asked for, where they are on the disk."""
        if self.on_device:
            return self.stored(torch.arange(len(self)))
        return ReadImages(torch.Size((len(self), *self.copies[0].shape[1:])), self.stored)

    def sha256(self) -> str:
        """What the images and labels are, in order."""
        digest = hashlib.sha256(self.labels.cpu().numpy().tobytes())
        rows = max(1, _READ_BYTES // prod(self.copies[0].shape[1:]))
        for positions in torch.split(torch.arange(len(self)), rows):
            digest.update(self.stored(positions).cpu().numpy().tobytes())
        return digest.hexdigest()


def held_out_rows(count: int, share: float, order_seed: int) -> Tensor:
    """The rows, int64 in ascending order, that `TrainingImages` leaves out: `share` of `count`, at least one."""
    return _divide(count, share, order_seed)[1].sort().values


def _divide(count: int, held_out: float, order_seed: int) -> tuple[Tensor, Tensor]:
    """A random order of rows, cut in two: those to train on, those to hold out."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(order_seed))
    cut = count - min(count - 1, max(1, round(count * held_out))) if held_out else count
    return order[:cut], order[cut:]


def training_images(job: Job, split: Split, replicate: int, validation: ValidationConfig | None) -> TrainingImages:
    """The images that a replicate of a job is trained on.

    Raises:
        UserError: a perturbed set is missing or damaged, or is not one of these images.
    """
    copies = [
        split.images
        if name == "train"
        else load_images(paths.replicate(paths.perturbed(job.data, job.study, "train", name), replicate), like=split)
        for name in job.images
    ]
    held_out = validation.share if validation else 0.0
    seed, device = job.order_seed(replicate), runtime.device()
    return TrainingImages(copies, split.labels, job.share, seed, device, held_out, job.train_images)
