"""The four claims of the article."""

from friendfoe.studies.claims import Measure, Measurements, above, below, claim, difference, value


def lost(reference: str, model: str) -> Measure[Measurements]:
    """The share of the reference's clean accuracy that the model lacks, replicate by replicate."""
    return lambda accuracy: 1 - accuracy(model, "clean") / accuracy(reference, "clean")


LARGE = '"a large part" and "far below" mean more than a quarter of the accuracy'
LITTLE = '"little" means less than a twentieth of the accuracy'
ALL = '"almost perfectly (0.99)" means what rounds to 0.99 or more'

CLAIMS = (
    claim(
        "A is more accurate on assistive test images than on clean ones",
        "table 1",
        above("accuracy of A, assistive minus clean", difference(("clean", "assist"), ("clean", "clean"))),
    ),
    claim(
        "Training on assistive images only (B) loses a large part of the clean accuracy; mixing (C) costs little",
        "table 1",
        above("share of the clean accuracy of A that B loses", lost("clean", "assist")),
        above("the same: a large part", lost("clean", "assist"), 0.25, LARGE),
        below("what C loses", lost("clean", "mixed"), 0.05, LITTLE),
        below("what C (half) loses", lost("clean", "mixed-matched"), 0.05, LITTLE),
    ),
    claim(
        "Fewer but assistive images do not help: B′ is far below A′ on clean test images",
        "table 2",
        above("share of the clean accuracy of A′ that B′ lacks", lost("clean-half", "assist-half")),
        above("the same: far below", lost("clean-half", "assist-half"), 0.25, LARGE),
    ),
    claim(
        "B fits its own kind of image almost perfectly (assistive train 0.99)",
        "table 1",
        above("accuracy of B on assistive train images", value("assist", "assist-train"), 0.985, ALL),
    ),
)
