"""The 15 corruptions of ImageNet-C and nine more of MNIST-C, at five severities, for images of any size.

Hendrycks & Dietterich 2019, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations"; Mu &
Gilmer 2019, "MNIST-C: A Robustness Benchmark for Computer Vision". The definitions and constants are those of the
authors' programs, for images of 224 (ImageNet-C), 32 (CIFAR-10-C) and 28 pixels (MNIST-C). What differs:

- Sizes in between get constants in between (`strength.py`); smaller images have those of 32 pixels.
- Frost is generated: the original lays photographs over the image (`frost.py`).
- ImageNet-C's elastic transform is the revised one of the package `imagecorruptions`; of the original, the severities
  1 and 2 move pixels more than 3 to 5 do. CIFAR-10-C's is as published and has that order.
- Four corruptions of MNIST-C have a single strength; `drawings.py` and `edges.py` say how it becomes five.
- The results are floats; the published files hold them as JPEG (ImageNet-C) or 8-bit values.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from friendfoe.data.checks import check_images, check_sample_ids
from friendfoe.data.corruptions import blur, digital, drawings, edges, frost, glass, noise, spatter, warps, weather
from friendfoe.data.corruptions.draws import Draws
from friendfoe.runtime import seed as derive_seed

Corruption = Callable[[Tensor, int, Draws], Tensor]
"""(images [N, C, H, W] in [0, 1], severity 1 to 5, random numbers) -> images, not yet clipped to [0, 1]."""

SEVERITIES = (1, 2, 3, 4, 5)

_IMAGENET_C: dict[str, Corruption] = {
    "gaussian_noise": noise.gaussian_noise,
    "shot_noise": noise.shot_noise,
    "impulse_noise": noise.impulse_noise,
    "defocus_blur": blur.defocus_blur,
    "glass_blur": glass.glass_blur,
    "motion_blur": blur.motion_blur,
    "zoom_blur": blur.zoom_blur,
    "snow": weather.snow,
    "frost": frost.frost,
    "fog": weather.fog,
    "brightness": weather.brightness,
    "contrast": digital.contrast,
    "elastic_transform": warps.elastic_transform,
    "pixelate": digital.pixelate,
    "jpeg_compression": digital.jpeg_compression,
}
_MNIST_C: dict[str, Corruption] = {
    "shear": warps.shear,
    "scale": warps.scale,
    "rotate": warps.rotate,
    "translate": warps.translate,
    "stripe": drawings.stripe,
    "spatter": spatter.spatter,
    "dotted_line": drawings.dotted_line,
    "zigzag": drawings.zigzag,
    "canny_edges": edges.canny_edges,
}

CORRUPTIONS = tuple(_IMAGENET_C)
"""The 15 of ImageNet-C, in the order of its paper."""

MNIST_C = tuple(_MNIST_C)
"""What MNIST-C has besides; its six others (shot and impulse noise, glass and motion blur, brightness, fog) are in
`CORRUPTIONS`."""

_CHUNK = 1 << 20  # values that are worked on at once: temporaries stay in a processor's cache


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
    known = _IMAGENET_C | _MNIST_C
    if name not in known:
        raise ValueError(f"name: there is no corruption {name!r}; known are {', '.join(known)}")
    if isinstance(severity, bool) or severity not in SEVERITIES:
        raise ValueError(f"severity: must be 1, 2, 3, 4 or 5, got {severity!r}")
    check_images(images)
    if images.shape[1] not in (1, 3):
        raise ValueError(f"images: must have 1 or 3 channels, got {images.shape[1]}")
    sample_ids = check_sample_ids(sample_ids, images)
    if not len(images):
        return images.clone()
    corruption_seed = derive_seed("corruption", seed, name, severity)
    pixels = images.detach().to(torch.promote_types(images.dtype, torch.float32)).contiguous()
    at_once = max(1, _CHUNK // images[0].numel()) if images.device.type == "cpu" else len(images)
    parts = [
        known[name](part, severity, Draws(corruption_seed, ids, part.dtype)).clamp_(0, 1)
        for part, ids in zip(torch.split(pixels, at_once), torch.split(sample_ids, at_once), strict=True)
    ]
    return torch.cat(parts).to(images.dtype)
