"""What strong augmentation does to images: torchvision's operations, each image with a strength of its own.

torchvision takes one strength for a whole batch, which the host has to know. Here strengths are tensors, so that images
that have drawn different ones go through an operation together, and a GPU is not waited for. On the CPU the bits are
those of `torchvision.transforms.v2`, whose definitions these are.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Interpolation = Literal["nearest", "bilinear"]
_Row = tuple[Tensor | float, Tensor | float, Tensor | float]

_WHITE = 255


def apply(
    levels: Tensor, names: Sequence[str], chosen: Tensor, strengths: Tensor, interpolation: Interpolation
) -> Tensor:
    """Do to each image the operation that it has chosen.

    Args:
        levels: uint8 [N, 1 or 3, H, W]; may be written into.
        names: of operations, as in torchvision.
        chosen: int64 [N], the place of an image's operation among the names; another number: none.
        strengths: float64 [N], torchvision's magnitudes with their signs.
        interpolation: of pixels that move.

    Returns:
        Likewise [N, C, H, W].
    """
    for place, name in enumerate(names):
        selected = chosen == place
        if levels.device.type == "cpu":
            rows = selected.nonzero().squeeze(1)
            if len(rows):
                levels[rows] = _carried_out(name, levels[rows], strengths[rows], interpolation)
        else:  # to all, since the host does not know which
            changed = _carried_out(name, levels, strengths, interpolation)
            levels = torch.where(selected.view(-1, 1, 1, 1), changed, levels)
    return levels


def _carried_out(name: str, levels: Tensor, strengths: Tensor, interpolation: Interpolation) -> Tensor:
    if name in _MOVES:
        return _moved(levels, *_MOVES[name](strengths, *levels.shape[-2:]), interpolation)
    return _VALUES[name](levels, strengths.float().view(-1, 1, 1, 1))


def _rotated(degrees: Tensor, height: int, width: int) -> tuple[_Row, _Row]:
    angle = torch.deg2rad(degrees)
    return (angle.cos(), -angle.sin(), 0), (angle.sin(), angle.cos(), 0)


# (strengths [N], height, width) -> where the pixel (x, y) comes from: (a, b, c) for a x + b y + c, seen from the middle
_MOVES: dict[str, Callable[[Tensor, int, int], tuple[_Row, _Row]]] = {
    "ShearX": lambda by, height, width: ((1, by, by * (height / 2)), (0, 1, 0)),
    "ShearY": lambda by, height, width: ((1, 0, 0), (by, 1, by * (width / 2))),
    "TranslateX": lambda by, height, width: ((1, 0, -by.trunc()), (0, 1, 0)),
    "TranslateY": lambda by, height, width: ((1, 0, 0), (0, 1, -by.trunc())),
    "Rotate": _rotated,
}


def _moved(levels: Tensor, x_from: _Row, y_from: _Row, interpolation: Interpolation) -> Tensor:
    """Black comes in from outside."""
    height, width = levels.shape[-2:]
    x = torch.arange(width, device=levels.device) - (width - 1) / 2
    y = (torch.arange(height, device=levels.device) - (height - 1) / 2).unsqueeze(1)
    places = levels.new_empty(len(levels), height, width, 2, dtype=torch.float32)
    for axis, (row, size) in enumerate(((x_from, width), (y_from, height))):
        # from -1 to 1; divided by a tensor, since a GPU multiplies by the inverse of a number
        half = x.new_full((), size / 2)
        a, b, c = (
            (part.float() if isinstance(part, Tensor) else x.new_full((1,), part)).view(-1, 1, 1) / half for part in row
        )
        places[..., axis] = x * a + y * b + c
    moved = F.grid_sample(levels.float(), places, interpolation, "zeros", align_corners=False)
    return moved.round_().to(torch.uint8)


def _blended(levels: Tensor, other: Tensor, by: Tensor) -> Tensor:
    """1 + `by` times the image less `by` times the other."""
    return _sum(levels * (1 + by), -by, other)


def _sum(start: Tensor, factor: Tensor, other: Tensor) -> Tensor:
    """The levels of `start` + `factor` * `other`, rounded once, as by a fused multiply-add."""
    return _as_levels((start.double() + factor.double() * other).float())


def _as_levels(values: Tensor) -> Tensor:
    return values.clamp_(0, _WHITE).to(torch.uint8)


def _grey(levels: Tensor) -> Tensor:
    """Its channels as one, float [N, 1, H, W]."""
    if levels.shape[1] == 1:
        return levels.float()
    red, green, blue = levels.split_with_sizes([1, 1, 1], 1)
    return (red * 0.2989).add_(green, alpha=0.587).add_(blue, alpha=0.114).floor_()


def _with_colour(levels: Tensor, by: Tensor) -> Tensor:
    return levels if levels.shape[1] == 1 else _blended(levels, _grey(levels), by)


def _with_contrast(levels: Tensor, by: Tensor) -> Tensor:
    return _blended(levels, _grey(levels).mean((1, 2, 3), keepdim=True), by)


def _sharpened(levels: Tensor, by: Tensor) -> Tensor:
    """Away from the mean over 3 x 3 pixels, of which the middle one counts five times; the border stays."""
    if min(levels.shape[-2:]) <= 2:
        return levels
    inner = levels[..., 1:-1, 1:-1].float()
    # thirteenths of whole numbers are never half-way between two levels: however they are added up, they round alike
    smooth = ((9 * F.avg_pool2d(levels.float(), 3, 1) + 4 * inner) / 13).round_()
    sharpened = levels.clone()
    sharpened[..., 1:-1, 1:-1] = _sum(inner, -by, smooth - inner)
    return sharpened


def _posterized(levels: Tensor, bits: Tensor) -> Tensor:
    return levels & (256 - (1 << (8 - bits.int()))).to(torch.uint8)


def _with_full_contrast(levels: Tensor, by: Tensor) -> Tensor:
    """Each channel from black to white."""
    least, most = (of(levels, (2, 3), keepdim=True).float() for of in (torch.amin, torch.amax))
    flat, scale = least == most, (most - least) * (1.0 / _WHITE)
    return _as_levels((levels - least.masked_fill(flat, 0)) / scale.masked_fill(flat, 1))


def _equalized(levels: Tensor, by: Tensor) -> Tensor:
    """torchvision's, which takes no strength, and each channel by itself."""
    import torchvision.transforms.v2

    functional: Any = torchvision.transforms.v2.functional  # untyped: it does not say what it exports
    equalized: Tensor = functional.equalize(levels)
    return equalized


_VALUES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {  # (uint8 [N, C, H, W], strengths [N, 1, 1, 1]) -> levels
    "Identity": lambda levels, by: levels,
    "Brightness": lambda levels, by: _as_levels(levels * (1 + by)),
    "Color": _with_colour,
    "Contrast": _with_contrast,
    "Sharpness": _sharpened,
    "Posterize": _posterized,
    "Solarize": lambda levels, by: torch.where(levels >= _WHITE * by, ~levels, levels),
    "AutoContrast": _with_full_contrast,
    "Equalize": _equalized,
    "Invert": lambda levels, by: ~levels,
}
