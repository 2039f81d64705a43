"""How much work the analysis of the study is: passes through its models, and networks that are trained again."""

from collections.abc import Iterator

from friendfoe.attacks.autoattack import AutoAttackConfig
from friendfoe.studies.classwise.names import (
    ATTACK,
    DEFENCES,
    MODEL,
    STANDARD,
    STRONGEST,
    TEMPERATURES,
    VARIANTS,
    is_reduced,
)
from friendfoe.studies.classwise.settings import Settings
from friendfoe.studies.job import AnalysisJob
from friendfoe.studies.passes import STANDING, Passes, of_attack


def effort(job: AnalysisJob, settings: Settings, train: int, test: int) -> Iterator[tuple[str, Passes | float]]:
    """By model: passes of one replicate, or how often it is trained again."""
    assert job.attacks
    attacked = min(job.images or test, test)
    validation = job.retrained[MODEL].training.validation
    held_out = round(train * job.share * validation.share) if validation else 0
    pgd, strongest = of_attack(job.attacks[ATTACK]), of_attack(job.attacks[STRONGEST])
    runs = len(TEMPERATURES)
    for model in DEFENCES:  # confusion and the last epoch; restarts and temperatures; temperatures on held-out images
        yield model, pgd * (attacked * (2 + 2 * STANDING * runs) + held_out * (runs + 1))
    yield MODEL, pgd * held_out * len(settings.mitigation.strengths)
    yield MODEL, (pgd + strongest) * attacked * len(VARIANTS)
    if is_reduced(
        job.attacks[STRONGEST].model_dump(), (standard := AutoAttackConfig(attack="autoattack")).model_dump()
    ):
        for model in STANDARD:  # of one replicate
            yield model, of_attack(standard) * (min(settings.standard.images, attacked) / job.replicates)
    homing = settings.homing
    yield MODEL, float(homing.removals + (homing.group >= 2))
