"""The four claims of the article."""

from collections.abc import Callable

import pandas as pd

from friendfoe.studies.claims import Claim, Part

Accuracy = Callable[[str, str], pd.Series]
"""(model, condition) -> accuracy per replicate."""

LARGE = 0.25
LITTLE = 0.05
_LARGE = '"a large part" and "far below" mean more than a quarter of the accuracy'
_LITTLE = '"little" means less than a twentieth of the accuracy'


def _lost(accuracy: Accuracy, reference: str, model: str) -> pd.Series:
    """The share of the reference's clean accuracy that the model lacks, replicate by replicate."""
    return 1 - accuracy(model, "clean") / accuracy(reference, "clean")


CLAIMS: tuple[Claim[Accuracy], ...] = (
    Claim(
        "A is more accurate on assistive test images than on clean ones",
        "table 1",
        (
            Part(
                "accuracy of A: assistive minus clean",
                lambda accuracy: accuracy("clean", "assist") - accuracy("clean", "clean"),
                above=True,
                threshold=0,
            ),
        ),
    ),
    Claim(
        "Training on assistive images only (B) loses a large part of the clean accuracy; mixing (C) costs little",
        "table 1",
        (
            Part("clean accuracy that B loses, share of A's", _lost("clean", "assist"), True, LARGE, _LARGE),
            Part(
                "the same for C, all images of both kinds", lambda a: _lost(a, "clean", "mixed"), False, LITTLE, _LITTLE
            ),
            Part(
                "the same for C, half of each kind",
                lambda a: _lost(a, "clean", "mixed-matched"),
                False,
                LITTLE,
                _LITTLE,
            ),
        ),
    ),
    Claim(
        "Fewer but assistive images do not help: B′ is far below A′ on clean test images",
        "table 2",
        (
            Part(
                "clean accuracy that B′ lacks, share of A′'s",
                lambda a: _lost(a, "clean-half", "assist-half"),
                above=True,
                threshold=LARGE,
                reading=_LARGE,
            ),
        ),
    ),
    Claim(
        "B fits its own kind of image almost perfectly (assistive train 0.99)",
        "table 1",
        (
            Part(
                "accuracy of B on assistive train images",
                lambda accuracy: accuracy("assist", "assist-train"),
                above=True,
                threshold=0.985,
                reading='"almost perfectly (0.99)" means what rounds to 0.99 or more',
            ),
        ),
    ),
)
