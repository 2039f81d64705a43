"""A check of a reduced AutoAttack: the standard one on some of the test images."""

from collections.abc import Callable

from torch import Tensor

from friendfoe.attacks.autoattack import AutoAttackConfig
from friendfoe.evaluation.outcomes import Key, Outcomes, stacked
from friendfoe.studies.analysis import side_by_side
from friendfoe.studies.classwise.attacked import attacked
from friendfoe.studies.classwise.names import STANDARD, STRONGEST, is_reduced
from friendfoe.studies.classwise.settings import Settings
from friendfoe.studies.inputs import Inputs


def analyse(study: Inputs[Settings]) -> dict[Key, Outcomes]:
    """Which images the first replicate of each of `STANDARD` withstands the standard AutoAttack on.

    "accuracy-crafted", the model and "standard" -> 1 or 0 on so many images as the settings say; the same under the
    study's own AutoAttack stands in the evaluation. Nothing, where that is the standard one.
    """
    attacks, standard = study.job.attacks, AutoAttackConfig(attack="autoattack")
    assert attacks
    if not is_reduced(attacks[STRONGEST].model_dump(), standard.model_dump()):
        return {}
    whole = study.every_test_image.some(len(study.test))
    rows = study.test.some(study.settings.standard.images)
    images, labels = study.test.images[rows], study.test.labels[rows]

    def withstands(number: int, step: Callable[[], None]) -> Tensor:
        answered = attacked(study, standard, study.network(STANDARD[number], 0), images, labels, 0)
        step()
        return (answered == labels).float()

    results = side_by_side(f"the standard AutoAttack on {study.data}", len(STANDARD), withstands)
    outcomes = {("accuracy-crafted", model, "standard"): right for model, right in zip(STANDARD, results, strict=True)}
    return stacked("test", whole[rows].numpy(), labels.numpy(), [outcomes])
