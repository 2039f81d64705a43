"""Attacks of many steps, pixels in [0, 1]: what is left of a network that was trained against a single step."""

from collections.abc import Sequence

from torch import Tensor, nn

from friendfoe.attacks.config import AttackConfig
from friendfoe.data.pixels import to_float
from friendfoe.evaluation.robust import robustness
from friendfoe.studies.fgsm.measures import Measured, answers, shifted
from friendfoe.studies.fgsm.names import at


def iterated(
    name: str,
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    signs: Tensor,
    eps: float,
    shares: Sequence[float],
    steps: int,
    seed: int,
) -> Measured:
    """Errors under PGD and, for comparison, clipped FGSM with each share of eps; at eps under AutoAttack, too.

    Args:
        name: of the model.
        network: attacked.
        images: uint8 [N, C, H, W], all attacked at once.
        labels: int64 [N].
        signs: `measures.direction` of the network on these images.
        eps: of the study.
        shares: of eps.
        steps: of PGD; AutoAttack is the standard one, and goes on with what PGD leaves.
        seed: of what the attacks draw.
    """
    device = next(network.parameters()).device
    pixels, truth = to_float(images.to(device)), labels.to(device)
    pgd = AttackConfig.model_validate({"attack": "pgd", "steps": steps})
    standard = AttackConfig.model_validate({"attack": "autoattack"})
    measured: Measured = {}
    for share in shares:
        attacks = {"pgd": pgd, **({"autoattack": standard} if share == 1 else {})}
        fallen = robustness(network, pixels, truth, attacks, eps=min(1.0, share * eps), seed=seed).fallen_to.cpu()
        for number, attack in enumerate(attacks, start=1):
            measured["error", name, at(attack, share)] = ((fallen >= 0) & (fallen <= number)).float()
        _, answered = answers(network, shifted(images, signs, share * eps, clip=True))
        measured["error", name, at("one-step", share)] = (answered != labels).float()
    return measured
