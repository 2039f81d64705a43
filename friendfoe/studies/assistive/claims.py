"""What the article says, judged twice: on the study's network, and in the set-up that is likely to be the article's.

The article gives neither network nor budget. The likely set-up stands for its own, so that there alone sizes are
compared with the published ones.
"""

from friendfoe.studies.assistive.names import LIKELY, NO_STICKER, OTHERS, SIGNAL_ALONE, THE_STUDY, likely_model
from friendfoe.studies.claims import Claim, Part, above, below, claim
from friendfoe.studies.expressions import Expression, value

LITTLE = '"little" means at most 2 points of accuracy; the article has 1.4'
ALL = '"almost perfectly (0.99)" means what rounds to 0.99 or more'
CHANCE = ("accuracy", "chance", SIGNAL_ALONE)
STICKER = "friend-best", "friend-universal", "grey-universal"  # of about a tenth of the image: `tables.evidence`


def _claims(setup: str) -> list[Claim]:
    """The claims on the networks of a set-up."""
    size = setup != THE_STUDY

    def of(model: str, condition: str, metric: str = "accuracy") -> Expression:
        return value(metric, likely_model(setup, model), condition)

    def follows(model: str) -> Expression:
        return of(model, OTHERS, "follows") - of(model, OTHERS, "keeps")

    def overfits(model: str) -> Expression:
        return of(model, "own-train") - of(model, "clean")

    def spared(model: str) -> Expression:
        """What the attack leaves because it leads away from the model's own answer, in place of the label."""
        return of(model, "attack-own-self") - of(model, "attack-self")

    def costs_little(name: str, model: str) -> Part:
        return below(f"what {name} loses", of("clean", "clean") - of(model, "clean"), 0.02, reading=LITTLE)

    return [
        claim(
            "A is more accurate on assistive test images than on clean ones",
            "table 1",
            above("accuracy of A, assistive minus clean", of("clean", "assist") - of("clean", "clean"), size=size),
        ),
        claim(
            "Training on assistive images only (B) loses a large part of the clean accuracy",
            "table 1",
            above("clean accuracy, A minus B", of("clean", "clean") - of("assist", "clean"), size=size),
        ),
        claim(
            "Mixing assistive and clean images (C) costs little",
            "table 1",
            costs_little("C", "mixed"),
            costs_little("C (half)", "mixed-matched"),
        ),
        claim(
            "Fewer but assistive images do not help: B′ is far below A′ on clean test images",
            "table 2",
            above("clean accuracy, A′ minus B′", of("clean-half", "clean") - of("assist-half", "clean"), size=size),
        ),
        claim(
            "B and C fit assistive training images almost perfectly (0.99)",
            "table 1",
            above("accuracy of B on assistive train images", of("assist", "assist-train"), 0.985, reading=ALL),
            above("accuracy of C on assistive train images", of("mixed", "assist-train"), 0.985, reading=ALL),
        ),
        claim(
            "Small noise fools a network",
            "introduction; table 1",
            above("accuracy of A, clean minus attacked", of("clean", "clean") - of("clean", "attack-own"), size=size),
        ),
        claim(
            "The attack succeeds less on B, because it presumes an accurate classifier",
            "remark below table 1",
            above(
                "accuracy under attack on itself and its answer, B minus A",
                of("assist", "attack-own-self") - of("clean", "attack-own-self"),
                size=size,
            ),
            above("what B gains where its answer stands for the label", spared("assist")),
            above("the same, B minus A", spared("assist") - spared("clean")),
        ),
        claim(
            "The signal itself has what tells the classes apart",
            "further experiment",
            above("accuracy of A on the signal alone, minus chance", of("clean", SIGNAL_ALONE) - value(*CHANCE)),
            above("accuracy of B on the signal alone, minus chance", of("assist", SIGNAL_ALONE) - value(*CHANCE)),
        ),
        claim(
            "The features that B learns are limited to those of the signal",
            "conclusion",
            above("B: answers by the signal, minus by the image", follows("assist")),
            above(
                "the same, B′ minus A′: the signals are crafted on neither",
                follows("assist-half") - follows("clean-half"),
            ),
        ),
        claim(
            "Training on assistive images overfits easily",
            "conclusion",
            above(
                "train (own) minus clean test, B′ minus A′", overfits("assist-half") - overfits("clean-half"), size=size
            ),
        ),
    ]


def _likely(one: Claim) -> Claim:
    return claim(f"In the likely set-up: {one.text}", one.place, *one.parts)


def _true(condition: str) -> Expression:
    return value("true", "clean", condition)


BEST, UNIVERSAL, GREY = map(_true, STICKER)
CLAIMS = (
    *_claims(THE_STUDY),
    *map(_likely, _claims(LIKELY)),
    claim(
        "A signal on a small part of the image, a sticker, helps: one for each image, in its best place",
        "where it is used",
        above("probability of the true class, with minus without", BEST - _true(NO_STICKER)),
    ),
    claim(
        "So does one sticker for all images of a class, wherever it lies",
        "where it is used",
        above("probability of the true class, with it minus with a grey one", UNIVERSAL - GREY),
        above("probability of the true class, with minus without", UNIVERSAL - _true(NO_STICKER)),
    ),
)
