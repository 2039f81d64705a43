"""Between stored pixels (uint8) and the images that networks and attacks see (float32 in [0, 1])."""

import torch

# A perturbed value is a few float32 roundings away from what it stands for: a rounding near 1 is 1.5e-5 levels of 255.
_ROUNDING_LEVELS = 1e-4


def to_float(images: torch.Tensor) -> torch.Tensor:
    """Give uint8 images as float32 in [0, 1]: level / 255, correctly rounded."""
    return images.float().div_(255)


def to_uint8(perturbed: torch.Tensor, clean: torch.Tensor) -> torch.Tensor:
    """Round perturbed images to the 256 levels, towards the clean image, so that a bound on the change still holds.

    |stored - clean| <= |255 * perturbed - clean| in levels. A value within 1e-4 levels (4e-7 in [0, 1]) of a level
    is that level: it differs only by float32 roundings, and 8/255 must not become 7/255.

    Args:
        perturbed: float [...] in [0, 1].
        clean: the images that were perturbed, uint8 [...], on the same device.

    Returns:
        uint8 [...].
    """
    clean = clean.float()
    change = perturbed.float() * 255 - clean
    levels = torch.floor(change.abs() + _ROUNDING_LEVELS) * change.sign()
    return (clean + levels).clamp_(0, 255).to(torch.uint8)
