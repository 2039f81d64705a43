"""The seven claims of the paper (Tian et al. 2021, abstract)."""

from functools import partial

import pandas as pd

from friendfoe.studies.claims import above, claim
from friendfoe.studies.classwise import measures
from friendfoe.studies.classwise.diagnosis import Diagnosis
from friendfoe.studies.classwise.names import ATTACKS, DEFENCES, STRONGER, TEMPERATURES

PLACE = "abstract"
SECOND_HAND = "not in the abstract; known from the paper's readers"


def discrepancy(diagnosis: Diagnosis) -> pd.Series:
    """Between the strongest and the weakest class under PGD."""
    return _mean(diagnosis.spread["discrepancy"].xs("pgd", level="condition").loc[list(DEFENCES)])


def beyond_chance(diagnosis: Diagnosis) -> pd.Series:
    """The same, minus what so few images would show if all classes were equal."""
    under = diagnosis.spread.xs("pgd", level="condition").loc[list(DEFENCES)]
    return _mean(under["discrepancy"] - under["chance"])


def consistency(across: str, diagnosis: Diagnosis) -> pd.Series:
    """Rank correlation of the classes, the mean over pairs of attacks ("condition") or defences ("model")."""
    accuracy = diagnosis.defences["accuracy"].drop(index="clean", level="condition")
    return _mean(measures.rank_correlation(accuracy, across, list({"condition": ATTACKS, "model": DEFENCES}[across])))


def excess(attack: str, diagnosis: Diagnosis) -> pd.Series:
    """What a stronger attack gains on the weaker half of the classes minus what it gains on the others."""
    gains = measures.gains(diagnosis.defences, {attack: STRONGER[attack]})
    return _mean(gains["weak"] - gains["rest"])


def two_targets(diagnosis: Diagnosis) -> pd.Series:
    """Of the images that are taken for another class under attack, how many for the two most frequent ones."""
    return _mean(measures.few_targets(diagnosis.confusion_of_model, 2))


def homing(diagnosis: Diagnosis) -> pd.Series:
    """Share of the turned images that come home."""
    return measures.homing_rates(diagnosis.single)["home"].dropna()


def homing_beyond_control(diagnosis: Diagnosis) -> pd.Series:
    """The same, minus the share that comes home without another class."""
    rates = measures.homing_rates(diagnosis.single)
    return (rates["home"] - rates["control"]).dropna()


def norm_correlation(diagnosis: Diagnosis) -> pd.Series:
    """Rank correlation of the classes' robustness with the norms of their rows."""
    robust = diagnosis.defences["accuracy"].xs("pgd", level="condition")
    norms = diagnosis.norms.set_index(["model", "class", "replicate"])["norm"].loc[list(DEFENCES)]
    return _mean(measures.class_correlation(robust, norms))


def temperature_gain(diagnosis: Diagnosis) -> pd.Series:
    """By how much Temperature-PGD lowers the accuracy further than PGD, the mean over all 1/T above 1."""
    accuracy = diagnosis.spread["average"].loc[list(DEFENCES)].unstack("condition")
    hotter = [name for name, sharpness in TEMPERATURES.items() if sharpness > 1]
    return _mean(accuracy["pgd"] - accuracy[hotter].mean(axis=1))


def gain(changed: str, plain: str, diagnosis: Diagnosis) -> pd.Series:
    """What the weakest class gains under AutoAttack by another training."""
    worst = diagnosis.spread["worst"].xs("autoattack", level="condition").unstack("model")
    return worst[changed] - worst[plain]


def gain_at_inference(variant: str, diagnosis: Diagnosis) -> pd.Series:
    """What it gains at inference."""
    worst = diagnosis.spread_of_variants["worst"].xs("autoattack", level="condition").unstack("variant")
    return worst[variant] - worst["none"]


def _mean(values: pd.Series) -> pd.Series:
    """The mean over all that is there, by replicate."""
    return values.groupby(level="replicate").mean().dropna()


REMARKABLE = '"remarkable" means more than 20 points'
CONSISTENT = '"pretty consistent" means a mean rank correlation above 0.7'
MANY = '"many" means more than half'
FEW = '"a few similar classes" means that two wrong answers per class take more than half of what is turned'
PHASES = (
    "training phase: class-calibrated budgets with weight averaging (CFA); inference phase: rows of equal norm, and a "
    "prior adjustment fitted on held-out training images"
)

CLAIMS = (
    claim(
        "Robustness differs remarkably between classes",
        PLACE,
        above("strongest minus weakest class under PGD, beyond chance", beyond_chance),
        above("the same as it is", discrepancy, 0.2, REMARKABLE),
    ),
    claim(
        "The order of the classes is consistent over attacks and defences",
        PLACE,
        above("rank correlation between attacks", partial(consistency, "condition"), 0.7, CONSISTENT),
        above("rank correlation between defences", partial(consistency, "model"), 0.7, CONSISTENT),
    ),
    claim(
        "Stronger attacks gain mainly on the vulnerable classes",
        PLACE,
        above("gain of PGD over FGSM: on the weaker half of the classes minus on the others", partial(excess, "fgsm")),
        above("gain of AutoAttack over PGD: likewise", partial(excess, "pgd")),
    ),
    claim(
        "Many images can only be attacked into a few similar classes, and have no adversarial counterpart without them",
        SECOND_HAND,
        above("share of the wrong answers that are one of two per class", two_targets, 0.5, FEW),
        above("homing rate minus that of the control", homing_beyond_control),
        above("homing rate", homing, 0.5, MANY),
    ),
    claim(
        "The robustness of a class correlates with the norm of its row in the last layer",
        SECOND_HAND,
        above("rank correlation of robustness and norm", norm_correlation),
    ),
    claim(
        "Temperature-PGD has a higher attack rate than PGD",
        PLACE,
        above("accuracy under PGD minus under Temperature-PGD, mean over 1/T = 2, 5, 10, 50", temperature_gain),
    ),
    claim(
        "Changes in the training and the inference phase raise the robustness of the most vulnerable class",
        PLACE,
        above("weakest class under AutoAttack: CFA minus PGD-AT", partial(gain, "pgd-at-cfa", "pgd-at"), 0, PHASES),
        above("CFA minus TRADES", partial(gain, "trades-cfa", "trades"), 0, PHASES),
        above("rows of equal norm minus as trained", partial(gain_at_inference, "rows"), 0, PHASES),
        above("prior adjustment minus as trained", partial(gain_at_inference, "prior"), 0, PHASES),
    ),
)
