"""Temperature-PGD against PGD with as many gradients: five temperatures once each, or five starting points at one.

A single run of another attack finds images that PGD has missed, as does a second run of PGD. So all temperatures
together face PGD with as many restarts, and in both an image is wrong if any of the runs makes it so.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from friendfoe import runtime
from friendfoe.attacks.config import AttackConfig
from friendfoe.data.pixels import to_float
from friendfoe.evaluation.robust import robustness
from friendfoe.runtime import batch_size
from friendfoe.studies.classwise.names import ATTACK, RESTARTS, TEMPERATURES, TOGETHER_T
from friendfoe.studies.classwise.settings import Settings
from friendfoe.studies.inputs import Inputs


def withstood(study: Inputs[Settings], network: nn.Module, number: int) -> dict[str, Tensor]:
    """Which test images a replicate's network is right about after all runs: `RESTARTS`, `TOGETHER_T` -> 1 or 0 [N]."""
    attacks = study.job.attacks
    assert attacks
    restarted = attacks[ATTACK].model_copy(update={"restarts": len(TEMPERATURES)})
    return {
        RESTARTS: _withstood(study, network, number, {ATTACK: restarted}),
        TOGETHER_T: _withstood(study, network, number, {name: attacks[name] for name in TEMPERATURES}),
    }


def _withstood(study: Inputs[Settings], network: nn.Module, number: int, attacks: Mapping[str, AttackConfig]) -> Tensor:
    device, images, labels = runtime.device(), study.test.images, study.test.labels
    seed = runtime.crafting_seed(study.job.seed, study.data, number)
    parts = []
    for rows in torch.split(torch.arange(len(labels)), batch_size(device, images.shape)):
        clean, truth = to_float(images[rows].to(device)), labels[rows].to(device)
        found = robustness(network, clean, truth, attacks, eps=study.job.eps, seed=seed, sample_ids=rows.to(device))
        parts.append(found.robust.float().cpu())
    return torch.cat(parts)
