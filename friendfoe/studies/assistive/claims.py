"""The four claims of the article."""

from collections.abc import Callable

import pandas as pd

from friendfoe.studies.claims import Claim, Part, above, below

Accuracy = Callable[[str, str], pd.Series]
"""(model, condition) -> accuracy per replicate."""


def gain(accuracy: Accuracy) -> pd.Series:
    """What the assistive signal adds to the accuracy of A."""
    return accuracy("clean", "assist") - accuracy("clean", "clean")


def fit(accuracy: Accuracy) -> pd.Series:
    """The accuracy of B on the kind of image that it was trained on."""
    return accuracy("assist", "assist-train")


def lost(reference: str, model: str) -> Callable[[Accuracy], pd.Series]:
    """The share of the reference's clean accuracy that the model lacks, replicate by replicate."""
    return lambda accuracy: 1 - accuracy(model, "clean") / accuracy(reference, "clean")


def some(text: str, measure: Callable[[Accuracy], pd.Series]) -> Part[Accuracy]:
    """More than nothing."""
    return above(text, measure)


def large(text: str, measure: Callable[[Accuracy], pd.Series]) -> Part[Accuracy]:
    """A loss that the article calls a large part, or far."""
    reading = '"a large part" and "far below" mean more than a quarter of the accuracy'
    return above(text, measure, 0.25, reading)


def little(text: str, measure: Callable[[Accuracy], pd.Series]) -> Part[Accuracy]:
    """A loss that the article calls little."""
    reading = '"little" means less than a twentieth of the accuracy'
    return below(text, measure, 0.05, reading)


def nearly_all(text: str, measure: Callable[[Accuracy], pd.Series]) -> Part[Accuracy]:
    """What the article calls almost perfect."""
    reading = '"almost perfectly (0.99)" means what rounds to 0.99 or more'
    return above(text, measure, 0.985, reading)


CLAIMS = (
    Claim(
        "A is more accurate on assistive test images than on clean ones",
        "table 1",
        (some("accuracy of A, assistive minus clean", gain),),
    ),
    Claim(
        "Training on assistive images only (B) loses a large part of the clean accuracy; mixing (C) costs little",
        "table 1",
        (
            some("share of the clean accuracy of A that B loses", lost("clean", "assist")),
            large("the same: a large part", lost("clean", "assist")),
            little("what C loses", lost("clean", "mixed")),
            little("what C (half) loses", lost("clean", "mixed-matched")),
        ),
    ),
    Claim(
        "Fewer but assistive images do not help: B′ is far below A′ on clean test images",
        "table 2",
        (
            some("share of the clean accuracy of A′ that B′ lacks", lost("clean-half", "assist-half")),
            large("the same: far below", lost("clean-half", "assist-half")),
        ),
    ),
    Claim(
        "B fits its own kind of image almost perfectly (assistive train 0.99)",
        "table 1",
        (nearly_all("accuracy of B on assistive train images", fit),),
    ),
)
