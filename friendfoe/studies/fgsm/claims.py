"""The ten claims of the paper."""

import pandas as pd

from friendfoe.studies.claims import Claim, Measure, Measurements, above, below, claim, difference, ratio, value

TRAINED = "maxout-adversarial"


def share(model: str, condition: str = "fgsm") -> Measure[Measurements]:
    """A model's error as a share of maxout's error under FGSM."""
    return ratio((model, condition, "error"), ("maxout", "fgsm", "error"))


def higher(first: str, second: str) -> Measure[Measurements]:
    """How much higher the error of one model under FGSM is than that of another."""
    return difference((first, "fgsm", "error"), (second, "fgsm", "error"))


def added(model: str, source: str) -> Measure[Measurements]:
    """What adversarial examples of another model add to a model's error."""
    return difference((model, f"on-{source}", "error"), (model, "clean", "error"))


def beyond_chance(model: str) -> Measure[Measurements]:
    """How much more often than by chance a model agrees with maxout where both are wrong."""
    return difference((model, "on-maxout", "agreement-wrong"), (model, "on-maxout", "chance"))


def rise(measurements: Measurements) -> pd.Series:
    """What adversarial training adds to the clean error, in half widths of its Wilson interval."""
    before, after = (measurements(model, "clean", "error") for model in ("maxout", TRAINED))
    return (after - before) / measurements("maxout", "clean", "margin")


WRONG = ("fgsm", "confidence-wrong")

AGREEMENT = "agreement with maxout where both are wrong, beyond chance"
ENSEMBLE = "share of maxout's FGSM error that an ensemble of 12 has, attacked through"
LINE = "variation of maxout's logits that a line explains"

AS_VULNERABLE = '"as vulnerable" means that the error is not lower by more than 0.05'
HIGH = '"high" confidence means above 0.75'
LARGE = '"a large factor" means two or more'
NOT_RAISED = '"not raised" means by less than the test images can show'
NO_HELP = "noise does not help where nine tenths of the error are left"
CHANCE = "chance: both choose wrong classes independently, each as often as it does for that label"
LITTLE = '"little" means that nine tenths of the error are left'
LINEAR = '"close to linear" means an R² above 0.98; a parabola has 0.94'
UNCONFIDENT = '"unconfident" means below 0.25'
SURE = "sure of noise: some class has a probability above 0.5; maxout is of most, RBF of less than one in 20"

CLAIMS: tuple[Claim[Measurements], ...] = (
    claim(
        "Linear models are as vulnerable as deep ones",
        "sections 3 to 5",
        above("error under FGSM, softmax regression minus maxout", higher("softmax", "maxout"), -0.05, AS_VULNERABLE),
        above("error of logistic regression under FGSM", value("logistic", "fgsm", "error"), 0.9),
    ),
    claim(
        "Errors under FGSM come with high confidence",
        "section 4",
        above("confidence under FGSM where it errs, softmax regression", value("softmax", *WRONG), 0.75, HIGH),
        above("confidence under FGSM where it errs, maxout", value("maxout", *WRONG), 0.75, HIGH),
    ),
    claim(
        "Adversarial training cuts the error under FGSM by a large factor and does not raise the clean error",
        "section 6",
        below("share of maxout's FGSM error that is left", share(TRAINED), 0.5, LARGE),
        below("rise of the clean error, in half widths of its 95 % Wilson interval", rise, 1.0, NOT_RAISED),
    ),
    claim(
        "Training on random noise of the same size does not",
        "section 6",
        above("share of maxout's FGSM error that is left, ±eps", share("maxout-signs"), 0.9, NO_HELP),
        above("share of maxout's FGSM error that is left, U(−eps, eps)", share("maxout-uniform"), 0.9, NO_HELP),
    ),
    claim(
        "L1 weight decay is no substitute",
        "section 5",
        above("error on training images with weight decay", value("maxout-l1", "train", "error"), 0.05),
        above("error under FGSM, weight decay 0.0025, minus adversarial training", higher("maxout-l1", TRAINED)),
        above("error under FGSM, weight decay 0.00025, minus adversarial training", higher("maxout-l1-weak", TRAINED)),
    ),
    claim(
        "Adversarial examples transfer between models, and models agree on the wrong class more than chance",
        "sections 6 and 8",
        above("what examples of maxout add to the error of the adversarially trained", added(TRAINED, "maxout")),
        above("what examples of the adversarially trained add to the error of maxout", added("maxout", TRAINED)),
        above(f"{AGREEMENT}, softmax regression", beyond_chance("softmax"), reading=CHANCE),
        above(f"{AGREEMENT}, RBF", beyond_chance("rbf"), reading=CHANCE),
    ),
    claim(
        "Ensembles help little",
        "section 9",
        above(f"{ENSEMBLE} all members", share("ensemble"), 0.9, LITTLE),
        above(f"{ENSEMBLE} one member", share("ensemble", "on-member"), 0.9, LITTLE),
    ),
    claim(
        "Logits are close to linear in eps along the FGSM direction",
        "section 8, figure 4",
        above(f"{LINE}, uphill", value("maxout", "far", "linear-uphill"), 0.98, LINEAR),
        above(f"{LINE}, downhill", value("maxout", "far", "linear-downhill"), 0.98, LINEAR),
    ),
    claim(
        "RBF networks are unconfident where they are wrong",
        "section 7",
        below("confidence under FGSM where it errs", value("rbf", *WRONG), 0.25, UNCONFIDENT),
        below("the same, less that of maxout", difference(("rbf", *WRONG), ("maxout", *WRONG))),
    ),
    claim(
        "Rubbish inputs get confident predictions from maxout, and none from an RBF network",
        "appendix A",
        above("share of noise that maxout is sure of", value("maxout", "rubbish", "error"), 0.5, SURE),
        below("share of noise that the RBF network is sure of", value("rbf", "rubbish", "error"), 0.05),
    ),
)
