"""The claims of the paper (Tian et al. 2021, abstract), and two that its readers report."""

from collections.abc import Collection
from dataclasses import replace

from friendfoe.studies.claims import Claim, Part, above, claim
from friendfoe.studies.classwise.names import (
    ATTACK,
    CONTROLS,
    DEFENCES,
    MODEL,
    MODELS,
    PLAIN,
    RESTARTS,
    STRONGEST,
    TOGETHER,
    TOGETHER_T,
    VARIANTS,
    before,
)
from friendfoe.studies.classwise.quantities import ACCURACY, ALL, has_ranking
from friendfoe.studies.expressions import Expression, mean, value

PLACE = "abstract"
HALF_A_POINT = 0.005  # margin of what is a few points in all
SECOND_HAND = "not in the abstract; known from the paper's readers"

CONSISTENT = (
    '"consistent" means that the classes are ordered alike (rank correlation above 0, interval over the classes)'
)
VULNERABLE = "the vulnerable classes are the weaker half of the classes, as held-out training images have it"
FEW = '"a few" are two classes, the likeliest wrong answers on held-out training images'
TEMPERATURE = "a temperature is chosen on held-out training images, for each replicate"
TRAINING = "training phase: class-calibrated budgets with a fair average of weights (CFA)"
INFERENCE = "inference phase: rows of equal norm, and a prior adjustment fitted on held-out training images"


def weakest(model: str) -> Expression:
    """The weakest class under AutoAttack."""
    return value("weakest", model, STRONGEST)


def temperature(model: str) -> tuple[Part, Part]:
    """What Temperature-PGD gains over PGD on one defence: in one run, and with as many gradients."""
    return (
        above(
            "accuracy under PGD minus under Temperature-PGD",
            value(ACCURACY, model, ATTACK) - value(ACCURACY, model, "chosen"),
            margin=HALF_A_POINT,
            reading=TEMPERATURE,
        ),
        above(
            "five restarts of PGD minus all five temperatures: as many gradients, an image counts if one succeeds",
            value(ACCURACY, model, RESTARTS) - value(ACCURACY, model, TOGETHER_T),
            margin=HALF_A_POINT,
        ),
    )


CLAIMS = (
    claim(
        "Robustness differs remarkably between classes",
        PLACE,
        above(
            "under PGD: the class that held-out images name strongest minus the one that they name weakest",
            mean(*(value("named", model, ATTACK) for model in DEFENCES)),
        ),
    ),
    claim(
        "The order of the classes is consistent over attacks and defences",
        PLACE,
        above("rank correlation between attacks", value("order", ALL, "attacks"), reading=CONSISTENT),
        above("rank correlation between defences", value("order", ALL, "defences"), reading=CONSISTENT),
    ),
    claim(
        "Stronger attacks gain mainly on the vulnerable classes",
        PLACE,
        above(
            "gain of PGD over FGSM: on the weaker half of the classes minus on the others",
            mean(*(value("excess", model, "fgsm") for model in DEFENCES)),
            margin=HALF_A_POINT,
            reading=VULNERABLE,
        ),
        above(
            "gain of AutoAttack over PGD: likewise",
            mean(*(value("excess", model, ATTACK) for model in DEFENCES)),
            margin=HALF_A_POINT,
            reading=VULNERABLE,
        ),
    ),
    claim(
        "Many images can only be attacked into a few similar classes, and have no adversarial counterpart without them",
        SECOND_HAND,
        above(
            "share of the wrong answers that are one of two per class, beyond that of equally likely ones",
            value("beyond-chance", MODEL, ATTACK),
            reading=FEW,
        ),
        above(
            "homing rate minus that of the control",
            value("home", MODEL, TOGETHER) - value("control", MODEL, TOGETHER),
        ),
    ),
    claim(
        "The robustness of a class correlates with the norm of its row in the last layer",
        SECOND_HAND,
        above("rank correlation of robustness and norm", value("norms", ALL, ATTACK), reading=CONSISTENT),
    ),
    *(
        claim(f"Temperature-PGD has a higher attack rate than PGD: {title}", PLACE, *temperature(model))
        for model, title in DEFENCES.items()
    ),
    claim(
        "Temperature-PGD enlarges the difference between classes",
        PLACE,
        above(
            "strongest minus weakest class, as held-out images name them: under Temperature-PGD minus under PGD",
            mean(*(value("named", model, "chosen") - value("named", model, ATTACK) for model in DEFENCES)),
            margin=HALF_A_POINT,
            reading=TEMPERATURE,
        ),
    ),
    claim(
        "Changes in the training phase raise the robustness of the most vulnerable class",
        PLACE,
        *(
            above(
                f"weakest class under AutoAttack: {MODELS[changed]} minus {MODELS[plain]}",
                weakest(changed) - weakest(plain),
                reading=TRAINING,
            )
            for changed, control in CONTROLS.items()
            for plain in (PLAIN[changed], control)
        ),
    ),
    claim(
        "Changes in the inference phase raise the robustness of the most vulnerable class",
        PLACE,
        *(
            above(
                f"weakest class under AutoAttack: {title} minus as trained",
                weakest(variant) - weakest(before(variant)),
                reading=INFERENCE,
            )
            for variant, title in VARIANTS.items()
        ),
    ),
    claim(
        "Of CIFAR-10, bird, cat, deer and dog are the vulnerable classes, and automobile is the most robust",
        SECOND_HAND,
        above(
            f"{MODELS[MODEL]} under PGD: mean of the other six classes minus mean of these four",
            value("others-beyond-weak", MODEL, ATTACK),
        ),
        above(
            f"{MODELS[MODEL]} under PGD: automobile minus the strongest other class",
            value("beyond-others", MODEL, ATTACK),
        ),
    ),
)


def claims_of(classes: Collection[str], strongest: str) -> list[Claim]:
    """The claims on a data set of these classes, with AutoAttack called what it is there (`names.titles`)."""
    return [
        replace(
            one,
            parts=tuple(replace(part, text=part.text.replace("AutoAttack", strongest)) for part in one.parts),
        )
        for one in (CLAIMS if has_ranking(classes) else CLAIMS[:-1])
    ]
