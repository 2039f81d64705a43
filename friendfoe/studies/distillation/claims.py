"""The four claims: three of the paper, and the one that came later."""

import pandas as pd

from friendfoe.studies.claims import Claim, Measure, Measurements, above, below, claim, difference, ratio, value
from friendfoe.studies.distillation.names import HOTTEST, UNDISTILLED


def added(metric: str, condition: str, against: str = "") -> Measure[Measurements]:
    """What distillation at the highest temperature adds to a metric, or to that `against` another condition."""
    return difference((metric, HOTTEST, condition), (metric, UNDISTILLED, against or condition))


def largest_change(measurements: Measurements) -> pd.Series:
    """Of the accuracy on clean images, over all temperatures."""
    changes: pd.Series = measurements.values.loc["change"].abs().groupby(level="replicate").max()
    return changes


STEEP = '"steeply" means that T = 100 leaves less than a tenth of the success'
SUCCEED = '"still succeed" means, where the size of the change is not bounded, for more than 0.95 of the images'
WITHIN = '"independent of T" means within 0.1 of the undistilled network'
HARDLY = '"hardly" means by less than 1.5 points at every T (we recall 1.37 as the largest of the paper)'
MANY = '"many" means more than ten; the paper reports up to 30'
TRANSFERRED = "a transferred attack succeeds where it is stronger than the attack that the defence stops"

CLAIMS: tuple[Claim[Measurements], ...] = (
    claim(
        "The success of JSMA falls steeply with the temperature",
        "Papernot et al. 2016, figure of success and temperature",
        below(
            "success at T = 100, as a share of that on the undistilled network",
            ratio(("success", HOTTEST, "jsma"), ("success", UNDISTILLED, "jsma")),
            0.1,
            STEEP,
        ),
    ),
    claim(
        "Accuracy hardly changes",
        "Papernot et al. 2016, section on accuracy",
        below("largest change of accuracy over all T", largest_change, 0.015, HARDLY),
    ),
    claim(
        "The input gradients of the softmax shrink by many orders of magnitude",
        "Papernot et al. 2016, section on sensitivity",
        above(
            "orders of magnitude between the medians, undistilled to T = 100",
            difference(("median", UNDISTILLED, "gradient"), ("median", HOTTEST, "gradient")),
            10,
            MANY,
        ),
    ),
    claim(
        "The defence masks gradients: attacks on the logits, with a margin loss, or transferred from an "
        "undistilled network still succeed, independent of T",
        "Carlini & Wagner 2016, 2017",
        above(
            "success of JSMA, on the softmax of logits / T at T = 100 minus on the softmax, undistilled",
            added("success", "jsma-temperature", against="jsma"),
            -0.1,
            WITHIN,
        ),
        above(
            "success of JSMA on the log-softmax, T = 100 minus undistilled", added("success", "jsma-log"), -0.1, WITHIN
        ),
        above("success of CW-L2, T = 100", value("success", HOTTEST, "cw-l2"), 0.95, SUCCEED),
        below("accuracy under PGD on the margin, T = 100 minus undistilled", added("robust", "margin"), 0.1, WITHIN),
        above(
            "accuracy at T = 100, under PGD on the softmax minus under images of the undistilled network",
            difference(("robust", HOTTEST, "naive"), ("robust", HOTTEST, "transfer")),
            0,
            TRANSFERRED,
        ),
    ),
)
