"""The five claims of the paper, over all network sizes."""

import numpy as np
import pandas as pd

from friendfoe.studies.advprop.measurements import MeasurementsBySize
from friendfoe.studies.advprop.names import ADVPROP, FINE, SHARED, VANILLA
from friendfoe.studies.claims import Claim, Measure, above, below, claim

GainMeasure = Measure[MeasurementsBySize]


def mean_gain(metric: str, model: str, over: str) -> GainMeasure:
    """What a model adds to another one's measure, mean over sizes."""
    return lambda measurements: measurements.gain(metric, model, over).mean(axis=1)


def slope(metric: str, model: str, over: str) -> GainMeasure:
    """How much that changes from one size to the next: least squares on the rank of the size."""
    return lambda measurements: _slope(measurements.gain(metric, model, over))


def _slope(gains: pd.DataFrame) -> pd.Series:
    return pd.Series(np.polyfit(range(gains.shape[1]), gains.to_numpy().T, 1)[0], index=gains.index)


def smallest(metric: str, model: str, over: str) -> GainMeasure:
    """It at the smallest size."""
    return lambda measurements: measurements.gain(metric, model, over).iloc[:, 0]


SOURCE = "Xie et al. 2020"
SIZES = '"over sizes" is the mean over all network sizes of a replicate'

CLAIMS: tuple[Claim[MeasurementsBySize], ...] = (
    claim(
        "Training on clean and adversarial images through one shared batch norm lowers clean accuracy",
        f"{SOURCE}, comparison with adversarial training",
        below(
            "accuracy, one batch norm minus vanilla, over sizes", mean_gain("accuracy", SHARED, VANILLA), reading=SIZES
        ),
    ),
    claim(
        "With separate batch norms (AdvProp) it rises above vanilla training",
        f"{SOURCE}, ImageNet results",
        above("accuracy, AdvProp minus vanilla, over sizes", mean_gain("accuracy", ADVPROP, VANILLA)),
    ),
    claim(
        "The gain of separating the batch norms shrinks as the network grows",
        f"{SOURCE}, comparison with adversarial training",
        below(
            "accuracy, AdvProp minus one batch norm: change from one size to the next",
            slope("accuracy", ADVPROP, SHARED),
            reading='"shrinks" means that a line through the gains at all sizes, equally spaced, falls',
        ),
    ),
    claim(
        "AdvProp lowers the mean corruption error",
        f"{SOURCE}, ImageNet-C",
        below("mCE, AdvProp minus vanilla, over sizes", mean_gain("mce", ADVPROP, VANILLA)),
    ),
    claim(
        "More than one auxiliary batch norm helps small networks a little more",
        f"{SOURCE}, fine-grained AdvProp",
        above("accuracy, fine-grained minus AdvProp, at the smallest size", smallest("accuracy", FINE, ADVPROP)),
        below("the same: change from one size to the next", slope("accuracy", FINE, ADVPROP)),
    ),
)
