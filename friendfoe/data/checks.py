"""What is asked of images and of whom they show, refused in one line that names the argument."""

import torch
from torch import Tensor


def check_images(images: Tensor) -> None:
    """Raise ValueError unless images are floating [N, C, H, W] in [0, 1]."""
    if not images.is_floating_point():
        raise ValueError(f"images: must be floating point in [0, 1], got {images.dtype}")
    if images.dim() != 4:
        raise ValueError(f"images: must have the shape [N, C, H, W], got {list(images.shape)}")
    if len(images):
        low, high = (float(bound) for bound in images.detach().aminmax())
        if not (low >= 0 and high <= 1):  # so written, it refuses NaN too
            raise ValueError(f"images: must lie in [0, 1], got values from {low:g} to {high:g}")


def check_classes(name: str, classes: Tensor, count: int) -> None:
    """Raise ValueError unless classes are int64 [count] and none is negative."""
    if classes.dtype != torch.int64:
        raise ValueError(f"{name}: must be int64, got {classes.dtype}")
    if classes.shape != (count,):
        raise ValueError(f"{name}: must have the shape [{count}], one per image, got {list(classes.shape)}")
    if count and int(classes.min()) < 0:
        raise ValueError(f"{name}: must not be negative, got {int(classes.min())}")


def check_sample_ids(sample_ids: Tensor | None, images: Tensor) -> Tensor:
    """Who each image is, int64 [N]: what was given, checked, or the place in the batch."""
    if sample_ids is None:
        return torch.arange(len(images), device=images.device)
    check_classes("sample_ids", sample_ids, len(images))
    return sample_ids.to(images.device)
