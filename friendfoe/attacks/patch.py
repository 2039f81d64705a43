"""The patch (sticker): a part of the image that alone may be perturbed."""

import torch
from torch import Tensor

from friendfoe.attacks.contract import check_counts


def square_patch(shape: tuple[int, int], side: int, top: int, left: int) -> Tensor:
    """A mask bool [1, 1, H, W] that is true on a square: its side, first row and first column, in pixels.

    It is a ValueError where the square is empty, or does not lie in an image of that shape (height and width).
    """
    height, width = shape
    check_counts(side=side)
    check_counts(least=0, top=top, left=left)
    if not top <= height - side:
        raise ValueError(f"top: rows {top} to {top + side - 1} do not lie in an image {height} pixels high")
    if not left <= width - side:
        raise ValueError(f"left: columns {left} to {left + side - 1} do not lie in an image {width} pixels wide")
    mask = torch.zeros(1, 1, height, width, dtype=torch.bool)
    mask[..., top : top + side, left : left + side] = True
    return mask
