"""The 15 corruptions of ImageNet-C and nine more of MNIST-C, at five severities, for images of any size.

Hendrycks & Dietterich 2019, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations"; Mu &
Gilmer 2019, "MNIST-C: A Robustness Benchmark for Computer Vision". The definitions and constants are those of the
authors' programs, for images of 224 (ImageNet-C), 32 (CIFAR-10-C) and 28 pixels (MNIST-C). What differs:

- Sizes in between get constants in between (`contract.py`); smaller images have those of 32 pixels.
- Frost is generated: the original lays photographs over the image (`weather.py`).
- ImageNet-C's elastic transform is the revised one of the package `imagecorruptions`; of the original, the severities
  1 and 2 move pixels more than 3 to 5 do. CIFAR-10-C's is as published and has that order.
- Four corruptions of MNIST-C have a single strength; `drawings.py` says how it becomes five.
- The results are floats; the published files hold them as JPEG (ImageNet-C) or 8-bit values.
"""

from numbers import Integral

import torch
from torch import Tensor

from friendfoe.data.checks import check_images, check_sample_ids
from friendfoe.data.corruptions import blur, digital, drawings, noise, warps, weather
from friendfoe.data.corruptions.contract import Corruption, Draws
from friendfoe.runtime import seed as derive_seed

SEVERITIES = (1, 2, 3, 4, 5)

_IMAGENET_C: list[Corruption] = [
    noise.gaussian_noise, noise.shot_noise, noise.impulse_noise,
    blur.defocus_blur, blur.glass_blur, blur.motion_blur, blur.zoom_blur,
    weather.snow, weather.frost, weather.fog, weather.brightness,
    digital.contrast, warps.elastic_transform, digital.pixelate, digital.jpeg_compression,
]  # fmt: skip
_MNIST_C: list[Corruption] = [
    warps.shear, warps.scale, warps.rotate, warps.translate,
    drawings.stripe, weather.spatter, drawings.dotted_line, drawings.zigzag, drawings.canny_edges,
]  # fmt: skip
_BY_NAME = {corruption.__name__: corruption for corruption in [*_IMAGENET_C, *_MNIST_C]}

CORRUPTIONS = tuple(_BY_NAME)[: len(_IMAGENET_C)]
"""The 15 of ImageNet-C, in the order of its paper."""

MNIST_C = tuple(_BY_NAME)[len(_IMAGENET_C) :]
"""What MNIST-C has besides; its six others (shot and impulse noise, glass and motion blur, brightness, fog) are in
`CORRUPTIONS`."""

# values that are worked on at once: temporaries stay in a CPU's cache, or fit into a GPU's memory
_CHUNK, _CHUNK_OF_GPU = 1 << 20, 1 << 24


def corrupt(images: Tensor, name: str, severity: int, *, seed: int, sample_ids: Tensor | None = None) -> Tensor:
    """Corrupt images.

    Args:
        images: floating [N, 1 or 3, H, W] in [0, 1], on any device.
        name: one of `CORRUPTIONS` or `MNIST_C`.
        severity: 1 to 5.
        seed: what is drawn for an image depends on it, on the name, the severity and the image's identity alone.
        sample_ids: int64 [N], the identity of each image; its place in the batch where not given.

    Returns:
        Of the same shape, dtype and device, in [0, 1].

    Raises:
        ValueError: naming the argument that is wrong.
    """
    if name not in _BY_NAME:
        raise ValueError(f"name: there is no corruption {name!r}; known are {', '.join(_BY_NAME)}")
    if isinstance(severity, bool) or not isinstance(severity, Integral) or severity not in SEVERITIES:
        raise ValueError(f"severity: must be 1, 2, 3, 4 or 5, got {severity!r}")
    check_images(images)
    if images.shape[1] not in (1, 3):
        raise ValueError(f"images: must have 1 or 3 channels, got {images.shape[1]}")
    sample_ids = check_sample_ids(sample_ids, images)
    if not len(images):
        return images.clone()
    corruption_seed = derive_seed("corruption", seed, name, int(severity))
    pixels = images.detach().to(torch.promote_types(images.dtype, torch.float32)).contiguous()
    at_once = max(1, (_CHUNK if images.device.type == "cpu" else _CHUNK_OF_GPU) // images[0].numel())
    parts = [
        _BY_NAME[name](part, severity, Draws(corruption_seed, ids, part.dtype)).clamp_(0, 1)
        for part, ids in zip(torch.split(pixels, at_once), torch.split(sample_ids, at_once), strict=True)
    ]
    return torch.cat(parts).to(images.dtype)
