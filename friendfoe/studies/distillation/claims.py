"""The four claims: three of the paper, and the one that came later."""

from collections.abc import Callable

import pandas as pd

from friendfoe.studies.claims import Claim, above, below
from friendfoe.studies.distillation.evidence import Evidence, over_temperature
from friendfoe.studies.distillation.names import HOTTEST, UNDISTILLED

Measure = Callable[[Evidence], pd.Series]


def of(metric: str, model: str, condition: str) -> Measure:
    """A measure as it is."""
    return lambda evidence: evidence(metric, model, condition)


def difference(metric: str, condition: str, against: str = "") -> Measure:
    """What distillation at the highest temperature adds to a measure, or to that `against` another condition."""
    return lambda evidence: evidence(metric, HOTTEST, condition) - evidence(metric, UNDISTILLED, against or condition)


def kept(evidence: Evidence) -> pd.Series:
    """The share of JSMA's success on the undistilled network that is left at the highest temperature."""
    share: pd.Series = evidence("success", HOTTEST, "jsma") / evidence("success", UNDISTILLED, "jsma")
    return share


def masked(evidence: Evidence) -> pd.Series:
    """What accuracy the naive attack on the distilled network leaves, and one crafted on another network takes."""
    return evidence("robust", HOTTEST, "naive") - evidence("robust", HOTTEST, "transfer")


def claims(distilled: list[str]) -> tuple[Claim[Evidence], ...]:
    """The claims about a list of students."""

    def largest_change(evidence: Evidence) -> pd.Series:
        changes: pd.Series = over_temperature(evidence, "change", "clean", distilled).abs().max(axis=1)
        return changes

    steep = '"steeply" means that T = 100 leaves less than a tenth of the success'
    succeed = '"still succeed" means, where the size of the change is not bounded, for more than 0.95 of the images'
    independent = '"independent of T" means within 0.1 of the undistilled network'
    return (
        Claim(
            "The success of JSMA falls steeply with the temperature",
            "Papernot et al. 2016, figure of success and temperature",
            (below("success at T = 100, as a share of that on the undistilled network", kept, 0.1, steep),),
        ),
        Claim(
            "Accuracy hardly changes",
            "Papernot et al. 2016, section on accuracy",
            (
                below(
                    "largest change of accuracy over all T",
                    largest_change,
                    0.015,
                    '"hardly" means by less than 1.5 points at every T (we recall 1.37 as the largest of the paper)',
                ),
            ),
        ),
        Claim(
            "The input gradients of the softmax shrink by many orders of magnitude",
            "Papernot et al. 2016, section on sensitivity",
            (
                above(
                    "orders of magnitude between the medians, undistilled to T = 100",
                    lambda evidence: -difference("median", "gradient")(evidence),
                    10,
                    '"many" means more than ten; the paper reports up to 30',
                ),
            ),
        ),
        Claim(
            "The defence masks gradients: attacks on the logits, with a margin loss, or transferred from an "
            "undistilled network still succeed, independent of T",
            "Carlini & Wagner 2016, 2017",
            (
                above(
                    "success of JSMA, on the softmax of logits / T at T = 100 minus on the softmax, undistilled",
                    difference("success", "jsma-temperature", against="jsma"),
                    -0.1,
                    independent,
                ),
                above(
                    "success of JSMA on the log-softmax, T = 100 minus undistilled",
                    difference("success", "jsma-log"),
                    -0.1,
                    independent,
                ),
                above("success of CW-L2, T = 100", of("success", HOTTEST, "cw-l2"), 0.95, succeed),
                below(
                    "accuracy under PGD on the margin, T = 100 minus undistilled",
                    difference("robust", "margin"),
                    0.1,
                    independent,
                ),
                above(
                    "accuracy at T = 100, under PGD on the softmax minus under images of the undistilled network",
                    masked,
                    0,
                    "a transferred attack succeeds where it is stronger than the attack that the defence stops",
                ),
            ),
        ),
    )
