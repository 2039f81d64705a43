"""The seven claims of the paper (Tian et al. 2021, abstract)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from friendfoe.studies.claims import Claim, above
from friendfoe.studies.classwise import measures
from friendfoe.studies.classwise.names import ATTACKS, DEFENCES, MODEL, STRONGER, TEMPERATURES

PLACE = "abstract"
SECOND_HAND = "not in the abstract; known from the paper's readers"


@dataclass(frozen=True)
class Evidence:
    """Class-wise counts and the tables of the analysis.

    Attributes:
        counts: as of `measures.by_class`.
        confusion, norms, homing: tables of the analysis.
        variants: class-wise counts of the inference phase, indexed by variant, condition, class and replicate.
    """

    counts: pd.DataFrame
    confusion: pd.DataFrame
    norms: pd.DataFrame
    homing: pd.DataFrame
    variants: pd.DataFrame

    @cached_property
    def spread(self) -> pd.DataFrame:
        """`measures.spread` of every model under every condition."""
        return measures.spread(self.counts)

    @cached_property
    def spread_of_variants(self) -> pd.DataFrame:
        """The same of the inference phase."""
        return measures.spread(self.variants)

    @property
    def single(self) -> pd.DataFrame:
        """Homing where a single class is left out."""
        return self.homing[self.homing["classes"] == 1]

    @cached_property
    def defences(self) -> pd.DataFrame:
        """The counts of the defences alone, without the changes to them."""
        return self.counts.loc[list(DEFENCES)]


Measure = Callable[[Evidence], pd.Series]


def discrepancy(e: Evidence) -> pd.Series:
    """Between the strongest and the weakest class under PGD."""
    return _mean(e.spread["discrepancy"].xs("pgd", level="condition").loc[list(DEFENCES)])


def beyond_chance(e: Evidence) -> pd.Series:
    """The same, minus what so few images would show if all classes were equal."""
    under = e.spread.xs("pgd", level="condition").loc[list(DEFENCES)]
    return _mean(under["discrepancy"] - under["chance"])


def consistency(across: str) -> Measure:
    """Rank correlation of the classes, the mean over pairs of attacks or defences."""
    values = list(ATTACKS if across == "condition" else DEFENCES)

    def measure(e: Evidence) -> pd.Series:
        accuracy = e.defences["accuracy"]
        attacked = accuracy[accuracy.index.get_level_values("condition") != "clean"]
        return _mean(measures.rank_correlation(attacked, across, values))

    return measure


def excess(attack: str) -> Measure:
    """What a stronger attack gains on the weaker half of the classes minus what it gains on the others."""

    def measure(e: Evidence) -> pd.Series:
        found = measures.gains(e.defences, {attack: STRONGER[attack]})
        return _mean(found["weak"] - found["rest"])

    return measure


def two_targets(e: Evidence) -> pd.Series:
    """Of the images that are taken for another class under attack, how many for the two most frequent ones."""
    return _mean(measures.few_targets(e.confusion[e.confusion["model"] == MODEL], 2))


def homing(e: Evidence) -> pd.Series:
    """Share of the turned images that come home."""
    return measures.homing_rates(e.single)["home"].dropna()


def homing_beyond_control(e: Evidence) -> pd.Series:
    """The same, minus the share that comes home without another class."""
    rates = measures.homing_rates(e.single)
    return (rates["home"] - rates["control"]).dropna()


def norm_correlation(e: Evidence) -> pd.Series:
    """Rank correlation of the classes' robustness with the norms of their rows."""
    robust = e.defences["accuracy"].xs("pgd", level="condition")
    norms = e.norms.set_index(["model", "class", "replicate"])["norm"].loc[list(DEFENCES)]
    return _mean(measures.class_correlation(robust, norms))


def temperature_gain(e: Evidence) -> pd.Series:
    """By how much Temperature-PGD lowers the accuracy further than PGD, the mean over all 1/T above 1."""
    accuracy = e.spread["average"].loc[list(DEFENCES)].unstack("condition")
    hotter = [name for name, sharpness in TEMPERATURES.items() if sharpness > 1]
    return _mean(accuracy["pgd"] - accuracy[hotter].mean(axis=1))


def trained_gain(changed: str, plain: str) -> Measure:
    """What the weakest class gains under AutoAttack by another training."""

    def measure(e: Evidence) -> pd.Series:
        worst = e.spread["worst"].xs("autoattack", level="condition").unstack("model")
        return worst[changed] - worst[plain]

    return measure


def inference_gain(variant: str) -> Measure:
    """What it gains at inference."""

    def measure(e: Evidence) -> pd.Series:
        worst = e.spread_of_variants["worst"].xs("autoattack", level="condition").unstack("variant")
        return worst[variant] - worst["none"]

    return measure


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
    Claim(
        "Robustness differs remarkably between classes",
        PLACE,
        (
            above("strongest minus weakest class under PGD, beyond chance", beyond_chance),
            above("the same as it is", discrepancy, 0.2, REMARKABLE),
        ),
    ),
    Claim(
        "The order of the classes is consistent over attacks and defences",
        PLACE,
        (
            above("rank correlation between attacks", consistency("condition"), 0.7, CONSISTENT),
            above("rank correlation between defences", consistency("model"), 0.7, CONSISTENT),
        ),
    ),
    Claim(
        "Stronger attacks gain mainly on the vulnerable classes",
        PLACE,
        (
            above("gain of PGD over FGSM: on the weaker half of the classes minus on the others", excess("fgsm")),
            above("gain of AutoAttack over PGD: likewise", excess("pgd")),
        ),
    ),
    Claim(
        "Many images can only be attacked into a few similar classes, and have no adversarial counterpart without them",
        SECOND_HAND,
        (
            above("share of the wrong answers that are one of two per class", two_targets, 0.5, FEW),
            above("homing rate minus that of the control", homing_beyond_control),
            above("homing rate", homing, 0.5, MANY),
        ),
    ),
    Claim(
        "The robustness of a class correlates with the norm of its row in the last layer",
        SECOND_HAND,
        (above("rank correlation of robustness and norm", norm_correlation),),
    ),
    Claim(
        "Temperature-PGD has a higher attack rate than PGD",
        PLACE,
        (above("accuracy under PGD minus under Temperature-PGD, mean over 1/T = 2, 5, 10, 50", temperature_gain),),
    ),
    Claim(
        "Changes in the training and the inference phase raise the robustness of the most vulnerable class",
        PLACE,
        (
            above("weakest class under AutoAttack: CFA minus PGD-AT", trained_gain("pgd-at-cfa", "pgd-at"), 0, PHASES),
            above("CFA minus TRADES", trained_gain("trades-cfa", "trades"), 0, PHASES),
            above("rows of equal norm minus as trained", inference_gain("rows"), 0, PHASES),
            above("prior adjustment minus as trained", inference_gain("prior"), 0, PHASES),
        ),
    ),
)
