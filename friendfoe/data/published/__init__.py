"""Published test sets of robustness, where the user has them under the data root; nothing is downloaded.

| benchmark         | folder            | holds                                  | source                        |
| ----------------- | ----------------- | -------------------------------------- | ----------------------------- |
| cifar10-c         | CIFAR-10-C        | CORRUPTION.npy, labels.npy             | Hendrycks & Dietterich 2019   |
| cifar100-c        | CIFAR-100-C       | likewise                               | Hendrycks & Dietterich 2019   |
| mnist-c           | mnist_c           | CORRUPTION/test_images.npy and _labels | Mu & Gilmer 2019              |
| imagenet-c        | ImageNet-C        | CORRUPTION/SEVERITY/CLASS/*.JPEG       | Hendrycks & Dietterich 2019   |
| imagenet-a        | imagenet-a        | CLASS/*.jpg of 200 classes             | Hendrycks et al. 2021         |
| stylized-imagenet | Stylized-ImageNet | val/CLASS/*.png                        | Geirhos et al. 2019           |

CLASS is a WordNet id, as the classes of a model are called that was trained on ImageNet's folders.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from friendfoe.data.published import readers
from friendfoe.data.published.images import CorruptedImages, Reader, Shape
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.strict import nearest

_READERS: dict[str, tuple[str, Reader]] = {
    "cifar10-c": ("CIFAR-10-C", readers.cifar_c),
    "cifar100-c": ("CIFAR-100-C", readers.cifar_c),
    "mnist-c": ("mnist_c", readers.mnist_c),
    "imagenet-c": ("ImageNet-C", readers.imagenet_c),
    "imagenet-a": ("imagenet-a", readers.imagenet_a),
    "stylized-imagenet": ("Stylized-ImageNet", readers.stylized_imagenet),
}

BENCHMARKS = tuple(_READERS)


def available(root: Path) -> list[str]:
    """Which of the `BENCHMARKS` have a folder under the data root."""
    return [name for name, (folder, _) in _READERS.items() if (root / folder).is_dir()]


def read(
    name: str, root: Path, classes: Sequence[str], shape: Shape, *, at_once: int = 250
) -> Iterator[CorruptedImages]:
    """A benchmark in batches, read as they are asked for; a batch has one corruption and one severity.

    Args:
        name: one of `BENCHMARKS`.
        root: the data root.
        classes: of the model, in the order of its logits.
        shape: channels, height and width of the images that the model takes; image files are resized and centre-cropped
            to it.
        at_once: images per batch, at most.

    Raises:
        UserError: the benchmark is not there, or not whole, or not of the model's classes or images.
    """
    if name not in _READERS:
        raise UserError(f"there is no benchmark {name!r}; {nearest(name, list(BENCHMARKS))}")
    folder, reader = _READERS[name]
    if not (root / folder).is_dir():
        raise UserError(
            f"there is no folder {root / folder}; unpack {name} there, or set FRIENDFOE_DATA to the folder that has it"
        )
    for corruption, severity, split, restricted in reader(name, root / folder, classes, shape):
        allowed = None if restricted is None else torch.from_numpy(restricted)
        for chunk in split.chunks(at_once):
            images, labels = map(torch.from_numpy, chunk)
            yield CorruptedImages(name, corruption, severity, images, labels, allowed)
