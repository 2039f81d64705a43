"""Run the attack that a config names: on one batch, or on all images of a data set."""

from collections.abc import Iterator
from contextlib import nullcontext

import torch
from torch import Tensor, nn

from friendfoe.attacks.config import AttackConfig, GradientConfig, LoopConfig
from friendfoe.attacks.contract import Ids, Model, check_finite, check_images
from friendfoe.attacks.white_box import white_box
from friendfoe.data.pixels import to_float, to_uint8
from friendfoe.data.store import Images
from friendfoe.runtime.batches import in_batches
from friendfoe.runtime.draws import Seed
from friendfoe.runtime.precision import fast


def craft(
    config: AttackConfig,
    model: Model,
    images: Tensor,
    labels: Tensor,
    *,
    eps: float,
    seed: Seed,
    sample_ids: Ids = None,
    early_stop: bool = False,
) -> Tensor:
    """Perturb images as a config says. What is not said here is the contract of `friendfoe.attacks`.

    Args:
        eps: size of the perturbation, unless the config has its own.
        early_stop: for verdicts: whether a sample has fallen is to be asked of the image that is returned, and nothing
            else about that image counts.
    """
    check_config("config:", config)
    eps = eps if config.eps is None else config.eps
    if isinstance(config, GradientConfig) and config.label == "own" and len(images):
        check_images(images)
        with white_box(model) as box:
            labels = box.logits(images).argmax(1)
    low = isinstance(config, LoopConfig) and config.precision == "bfloat16"
    with fast(images.device), torch.autocast(images.device.type, torch.bfloat16) if low else nullcontext():
        perturbed = config.run(model, images, labels, eps=eps, seed=seed, sample_ids=sample_ids, early_stop=early_stop)
    check_finite(f"attack: the images of {type(config).__name__} are", perturbed)
    return perturbed


def check_config(place: str, config: object) -> None:
    """Raise ValueError unless the config is one of an attack."""
    if not isinstance(config, AttackConfig):
        made = "AttackConfig.model_validate makes one of {'attack': NAME, ...}"
        raise ValueError(f"{place} must be an AttackConfig, got {type(config).__name__}; {made}")


def crafted(
    config: AttackConfig, source: nn.Module, images: Images, labels: Tensor, *, eps: float, seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield batches of perturbed images: float in [0, 1], and uint8 rounded towards the clean image.

    Arguments and errors are those of `craft`; ``source`` is the model that the perturbation is crafted on, and
    ``images`` are uint8 [N, C, H, W]. An image's perturbation does not depend on the batches.
    """
    device = next(source.parameters()).device

    def both(rows: Tensor) -> tuple[Tensor, Tensor]:
        clean, truth, ids = images[rows].to(device), labels[rows].to(device), rows.to(device)
        perturbed = craft(config, source, to_float(clean), truth, eps=eps, seed=seed, sample_ids=ids)
        return perturbed, to_uint8(perturbed, clean)

    yield from in_batches(torch.arange(len(labels)), device, both, "attacks", model=source, shape=images.shape)
