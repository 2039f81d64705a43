"""Robust accuracy: the share of samples that withstand every attack, with as little work as the verdicts allow."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from friendfoe.attacks.config import AttackConfig, GradientConfig
from friendfoe.attacks.contract import Model, check_labels, check_model, check_sample_ids
from friendfoe.attacks.craft import check_config, craft
from friendfoe.attacks.threat import Goal
from friendfoe.attacks.white_box import white_box

WITHSTOOD = -1


@dataclass(frozen=True)
class Robustness:
    """What became of each sample; the worst case over the attacks and all their restarts and steps."""

    attacks: tuple[str, ...]
    fallen_to: Tensor
    """int64 [N]: 0 where the clean image is misclassified, k where the k-th attack succeeded, else WITHSTOOD."""
    images: Tensor
    """[N, C, H, W]: the image that was misclassified; the clean one where there is none."""
    forward: int
    """Forward passes of the model, counted in images."""
    backward: int
    """Backward passes of the model, counted in images."""

    @property
    def clean(self) -> Tensor:
        """Which clean images are classified correctly, bool [N]."""
        return self.fallen_to != 0

    @property
    def robust(self) -> Tensor:
        """Which samples withstood everything, bool [N]."""
        return self.fallen_to == WITHSTOOD

    def accuracy_after(self, attacks: int) -> float:
        """Accuracy under the first so many attacks; 0 gives the clean accuracy."""
        standing = (self.fallen_to > attacks) | self.robust
        return int(standing.sum()) / max(1, len(standing))


def robustness(
    model: Model,
    images: Tensor,
    labels: Tensor,
    attacks: Mapping[str, AttackConfig],
    *,
    eps: float,
    seed: int,
    sample_ids: Tensor | None = None,
) -> Robustness:
    """Attack each sample with one attack after the other until it falls.

    A fallen sample costs nothing more, neither within an attack nor in those that follow. A verdict counts only when
    the model, in its own precision, confirms it on the final image.

    Args:
        model: gives logits [N, K].
        images: floating [N, C, H, W] in [0, 1]; any number, for attacks cut them to the size of the cache themselves.
        labels: int64 [N].
        attacks: settings by name, the cheapest first; their goal has to be foe.
        eps: size of the perturbations, unless an attack has its own.
        seed: of all that the attacks draw.
        sample_ids: int64 [N], the identity of each image; its place where not given.

    Raises:
        ValueError: naming the argument that is wrong.
    """
    check_model(model)
    check_labels(images, labels)
    _check_foes(attacks)
    sample_ids = check_sample_ids(sample_ids, images)
    perturbed = images.detach().clone()
    fallen_to = torch.full_like(labels, WITHSTOOD)
    counter = PassCounter(model)
    with white_box(counter, labels=labels) as answers:

        def misclassified(rows: Tensor, candidates: Tensor) -> Tensor:
            return (answers.logits(candidates).argmax(1) != labels[rows]).nonzero().squeeze(1)

        if len(images):
            fallen_to[misclassified(torch.arange(len(images), device=images.device), perturbed)] = 0
        for number, config in enumerate(attacks.values(), start=1):
            rows = (fallen_to == WITHSTOOD).nonzero().squeeze(1)
            if not len(rows):
                break
            attack = partial(craft, config, eps=eps, seed=seed, early_stop=True)
            candidates = attack(counter, perturbed[rows], labels[rows], sample_ids=sample_ids[rows])
            fallen = misclassified(rows, candidates)
            perturbed[rows[fallen]], fallen_to[rows[fallen]] = candidates[fallen], number
    return Robustness(tuple(attacks), fallen_to, perturbed, counter.forward_passes, counter.backward_passes)


def _check_foes(attacks: Mapping[str, AttackConfig]) -> None:
    if not isinstance(attacks, Mapping):
        raise ValueError(f"attacks: must map names to settings, got {type(attacks).__name__}")
    for name, config in attacks.items():
        check_config(f"attacks: '{name}'", config)
        if isinstance(config, GradientConfig) and config.goal != Goal.FOE:
            raise ValueError(f"attacks: '{name}' is a friend; robustness is asked of foes")


class PassCounter(nn.Module):
    """A model that counts the images which pass through it, forward and backward."""

    any_memory_format = True

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model
        # attacks run a twin, which shares it; on an accelerator as a tensor, which a graph of operations adds to, too
        self._passes: dict[str, int | Tensor] = {"forward": 0, "backward": 0}

    def forward(self, images: Tensor) -> Tensor:
        """Logits of the model."""
        self._add("forward", images)
        logits = self.model(images)
        if isinstance(logits, Tensor) and logits.requires_grad:
            logits.register_hook(self._count)  # type: ignore[no-untyped-call]
        return logits

    def _count(self, gradient: Tensor) -> None:
        self._add("backward", gradient)

    def _add(self, kind: str, images: Tensor) -> None:
        known = self._passes[kind]
        if images.device.type != "cpu" and not isinstance(known, Tensor):
            known = torch.full((), known, device=images.device)
        known += len(images)
        self._passes[kind] = known

    @property
    def forward_passes(self) -> int:
        """Images so far."""
        return int(self._passes["forward"])

    @property
    def backward_passes(self) -> int:
        """Images so far."""
        return int(self._passes["backward"])
