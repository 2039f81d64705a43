"""The patch (sticker): a part of the image that alone may be perturbed."""

import torch
from torch import Tensor

from friendfoe.attacks.config import Patch


def square_patch(shape: tuple[int, int], side: int, top: int, left: int) -> Tensor:
    """A mask bool [1, 1, H, W] that is true on a square.

    Args:
        shape: height and width of the images, in pixels.
        side: side of the square, in pixels.
        top: first row of the square.
        left: first column of the square.

    Raises:
        ValueError: the square is empty or does not lie in the image.
    """
    height, width = shape
    if side < 1:
        raise ValueError(f"side: must be at least 1, got {side}")
    if not 0 <= top <= height - side:
        raise ValueError(f"top: rows {top} to {top + side - 1} do not lie in an image {height} pixels high")
    if not 0 <= left <= width - side:
        raise ValueError(f"left: columns {left} to {left + side - 1} do not lie in an image {width} pixels wide")
    mask = torch.zeros(1, 1, height, width, dtype=torch.bool)
    mask[..., top : top + side, left : left + side] = True
    return mask


def patch_mask(patch: Patch | None, images: Tensor) -> Tensor | None:
    """The mask of a patch on images [N, C, H, W], as :func:`square_patch` gives it; none without a patch."""
    if patch is None:
        return None
    height, width = images.shape[2:]
    side = max(1, round(patch.side * min(height, width)))
    return square_patch((height, width), side, round(patch.top * (height - side)), round(patch.left * (width - side)))
