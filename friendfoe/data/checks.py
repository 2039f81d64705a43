"""What is asked of images and of whom they show, refused in one line that names the argument."""

import math

import torch
from torch import Tensor

from friendfoe.runtime.waiting import may_look


def check_tensor(name: str, value: object) -> None:
    """Raise ValueError unless the value is a tensor."""
    if not isinstance(value, Tensor):
        kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
        raise ValueError(f"{name}: must be a torch.Tensor, got {kind}; torch.as_tensor makes one")


def check_images(images: Tensor) -> None:
    """Raise ValueError unless images are floating [N, C, H, W] in [0, 1]."""
    check_tensor("images", images)
    if not images.is_floating_point():
        raise ValueError(f"images: must be floating point in [0, 1], got {images.dtype}; divide 0, ..., 255 by 255")
    if images.dim() != 4:
        raise ValueError(f"images: must have the shape [N, C, H, W], got {list(images.shape)}")
    if images.is_meta:
        raise ValueError("images: are on the device meta, where they have no values")
    if len(images) and may_look(images):
        low, high = (float(bound) for bound in images.detach().aminmax())
        if not (low >= 0 and high <= 1):  # so written, it refuses NaN too
            raise ValueError(f"images: must lie in [0, 1], got values from {low!r} to {high!r}{_advice(low, high)}")


def _advice(low: float, high: float) -> str:
    """How images of such values come to lie in [0, 1]."""
    if low >= 0 and high > 2:
        return "; divide them by 255"
    if low > -0.01 and high < 1.01:
        return "; take a rounding off by images.clamp(0, 1)"
    return "; the model has to normalise them itself" if math.isfinite(low) else ""


def check_classes(name: str, classes: Tensor, count: int) -> None:
    """Raise ValueError unless classes are int64 [count] and none is negative."""
    check_tensor(name, classes)
    advice = f"; {name}.argmax(1) makes classes of one-hot rows" if classes.dim() == 2 else ""
    if classes.dim() == 2 and classes.shape[1] == 1:
        advice = f"; {name}.squeeze(1) makes them so"
    if classes.dtype != torch.int64:
        raise ValueError(f"{name}: must be int64, got {classes.dtype}{advice or f'; {name}.long() makes them so'}")
    if classes.shape != (count,):
        raise ValueError(f"{name}: must have the shape [{count}], one per image, got {list(classes.shape)}{advice}")
    if count and may_look(classes) and int(classes.min()) < 0:
        raise ValueError(f"{name}: must not be negative, got {int(classes.min())}")


def check_sample_ids(sample_ids: Tensor | None, images: Tensor) -> Tensor:
    """Who each image is, int64 [N]: what was given, checked, or the place in the batch."""
    if sample_ids is None:
        return torch.arange(len(images), device=images.device)
    check_classes("sample_ids", sample_ids, len(images))
    return sample_ids.to(images.device)
