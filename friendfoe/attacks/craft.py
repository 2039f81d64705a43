"""Run the attack that a config names: on one batch, or on all images of a data set."""

from collections.abc import Iterator
from contextlib import nullcontext

import torch
from torch import Tensor, nn

from friendfoe.attacks.config import AttackConfig, GradientConfig, LoopConfig
from friendfoe.attacks.contract import Ids, Model, check_images
from friendfoe.attacks.white_box import white_box
from friendfoe.data.pixels import to_float, to_uint8
from friendfoe.data.store import Images
from friendfoe.runtime import batch_size


def craft(
    config: AttackConfig,
    model: Model,
    images: Tensor,
    labels: Tensor,
    *,
    eps: float,
    seed: int,
    sample_ids: Ids = None,
    early_stop: bool = False,
) -> Tensor:
    """Perturb images as a config says.

    Args:
        config: which attack, and its settings.
        model: gives logits [N, K].
        images: floating [N, C, H, W] in [0, 1].
        labels: int64 [N].
        eps: size of the perturbation, unless the config has its own.
        seed: of all that the attack draws.
        sample_ids: int64 [N], the identity of each image; its place in the batch where not given.
        early_stop: stop working on a sample once the model does not predict its label, for verdicts: whether a sample
            has fallen is to be asked of the image that is returned, and nothing else about that image counts.

    Returns:
        Perturbed images, like ``images``.

    Raises:
        ValueError: naming the argument that is wrong.
    """
    eps = eps if config.eps is None else config.eps
    if isinstance(config, GradientConfig) and config.label == "own":
        labels = _predictions(model, images)
    low = isinstance(config, LoopConfig) and config.precision == "bfloat16"
    with torch.autocast(images.device.type, torch.bfloat16) if low else nullcontext():
        return config.run(model, images, labels, eps=eps, seed=seed, sample_ids=sample_ids, early_stop=early_stop)


def crafted(
    config: AttackConfig, source: nn.Module, images: Images, labels: Tensor, *, eps: float, seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield batches of perturbed images: float in [0, 1], and uint8 rounded towards the clean image.

    Arguments and errors are those of :func:`craft`; ``source`` is the model that the perturbation is crafted on, and
    ``images`` are uint8 [N, C, H, W]. An image's perturbation does not depend on the batches.
    """
    device = next(source.parameters()).device
    for rows in torch.split(torch.arange(len(labels)), batch_size(device)):
        clean, truth, ids = images[rows].to(device), labels[rows].to(device), rows.to(device)
        perturbed = craft(config, source, to_float(clean), truth, eps=eps, seed=seed, sample_ids=ids)
        yield perturbed, to_uint8(perturbed, clean)


def _predictions(model: Model, images: Tensor) -> Tensor:
    """The classes that the model predicts, int64 [N]."""
    check_images(images)
    if not len(images):
        return torch.zeros(0, dtype=torch.int64, device=images.device)
    with white_box(model) as box:
        return box.logits(images).argmax(1)
