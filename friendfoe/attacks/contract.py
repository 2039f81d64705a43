"""What attacks ask of their arguments, checked once per call and refused in one line that names the argument."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from friendfoe.attacks.threat import Norm, Threat
from friendfoe.data.checks import check_classes as check_classes
from friendfoe.data.checks import check_images as check_images
from friendfoe.data.checks import check_sample_ids as check_sample_ids

Model = Callable[[Tensor], Tensor]
"""Gives logits [N, K] for images [N, C, H, W]; usually a ``torch.nn.Module``."""

Ids = Tensor | None
"""The identity of each image, int64 [N], which names its random numbers; where None its place in the batch."""


def check_batch(images: Tensor, labels: Tensor) -> None:
    """Raise ValueError unless images are valid, and labels int64 [N] or probabilities [N, K]."""
    if not labels.is_floating_point():
        check_labels(images, labels)
        return
    check_images(images)
    if labels.dim() != 2 or len(labels) != len(images):
        raise ValueError(f"labels: probabilities must be [{len(images)}, K], got {list(labels.shape)}")


def check_labels(images: Tensor, labels: Tensor) -> None:
    """Raise ValueError unless images are valid and labels int64 [N]."""
    check_images(images)
    check_classes("labels", labels, len(images))


class NotFiniteError(ValueError):
    """The model answers with infinities or with what is not a number: no attack can go by that."""


def check_logits(logits: Tensor, count: int) -> None:
    """Raise ValueError unless the model's output is finite, floating and [count, K] with at least two classes."""
    if not isinstance(logits, Tensor) or logits.dim() != 2 or logits.shape[0] != count or logits.shape[1] < 2:
        got = list(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise ValueError(f"model: must give logits [{count}, K] with K at least 2, got {got}")
    if not logits.is_floating_point():
        raise ValueError(f"model: must give floating-point logits, got {logits.dtype}")
    if not bool(logits.detach().isfinite().all()):
        raise NotFiniteError("model: its logits are not finite")


def check_range(name: str, classes: Tensor, known: int) -> None:
    """Raise ValueError where classes (int64 [N], or probabilities [N, K]) are not those that the model knows."""
    if classes.is_floating_point():
        if classes.shape[1] != known:
            raise ValueError(f"{name}: {classes.shape[1]} probabilities per image, the model has {known} classes")
    elif len(classes) and int(classes.max()) >= known:
        raise ValueError(f"{name}: must be below {known}, the number of the model's classes, got {int(classes.max())}")


def check_mask(mask: Tensor, images: Tensor) -> Tensor:
    """The mask as bool, on the images' device; ValueError unless it is of zeros and ones and fits the images."""
    fits = mask.dim() == 4 and all(m in (1, i) for m, i in zip(mask.shape, images.shape, strict=True))
    if not fits or mask.shape[2:] != images.shape[2:]:
        known = f"[N or 1, C or 1, H, W] for images {list(images.shape)}"
        raise ValueError(f"mask: must be {known}, got {list(mask.shape)}")
    allowed = mask.bool()
    if mask.dtype != torch.bool and not bool((allowed == mask).all()):
        raise ValueError("mask: must hold only 0 and 1")
    return allowed.to(images.device)


def check_norm(threat: Threat, *known: Norm) -> None:
    """Raise ValueError unless the attack knows the threat's norm."""
    if threat.norm not in known:
        raise ValueError(f"threat: this attack knows the norm {' and '.join(known)}, got {threat.norm}")


def check_counts(*, least: int = 1, **counts: int) -> None:
    """Raise ValueError unless each is an integer not below the least one allowed."""
    for name, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"{name}: must be an integer, at least {least}, got {value!r}")


def check_positive(**values: float) -> None:
    """Raise ValueError unless each is finite and above 0."""
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name}: must be finite and above 0, got {value!r}")
