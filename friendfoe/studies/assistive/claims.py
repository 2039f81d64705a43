"""The four claims of the article."""

from collections.abc import Callable

import pandas as pd

from friendfoe.studies.claims import Claim, Part

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


def large(text: str, measure: Callable[[Accuracy], pd.Series]) -> Part[Accuracy]:
    """A loss that the article calls large, or far."""
    reading = '"a large part" and "far below" mean more than a quarter of the accuracy'
    return Part(text, measure, above=True, threshold=0.25, reading=reading)


def little(text: str, measure: Callable[[Accuracy], pd.Series]) -> Part[Accuracy]:
    """A loss that the article calls little."""
    return Part(text, measure, above=False, threshold=0.05, reading='"little" means less than a twentieth of it')


CLAIMS: tuple[Claim[Accuracy], ...] = (
    Claim(
        "A is more accurate on assistive test images than on clean ones",
        "table 1",
        (Part("accuracy of A, assistive minus clean", gain, above=True, threshold=0),),
    ),
    Claim(
        "Training on assistive images only (B) loses a large part of the clean accuracy; mixing (C) costs little",
        "table 1",
        (
            large("clean accuracy that B loses, as a share of that of A", lost("clean", "assist")),
            little("the same for C", lost("clean", "mixed")),
            little("the same for C (half)", lost("clean", "mixed-matched")),
        ),
    ),
    Claim(
        "Fewer but assistive images do not help: B′ is far below A′ on clean test images",
        "table 2",
        (large("clean accuracy that B′ lacks, as a share of that of A′", lost("clean-half", "assist-half")),),
    ),
    Claim(
        "B fits its own kind of image almost perfectly (assistive train 0.99)",
        "table 1",
        (
            Part(
                "accuracy of B on assistive train images",
                fit,
                above=True,
                threshold=0.985,
                reading='"almost perfectly (0.99)" means what rounds to 0.99 or more',
            ),
        ),
    ),
)
