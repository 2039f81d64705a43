"""The ten claims of the paper."""

from collections.abc import Callable

import pandas as pd

from friendfoe.studies.claims import Claim, above, below
from friendfoe.studies.fgsm.evidence import Evidence

Measured = Callable[[Evidence], pd.Series]

TRAINED, NOISE = "maxout-adversarial", {"maxout-signs": "±eps", "maxout-uniform": "U(−eps, eps)"}


def of(model: str, condition: str, metric: str) -> Measured:
    """A measure as it is."""
    return lambda evidence: evidence(model, condition, metric)


def difference(first: tuple[str, str, str], second: tuple[str, str, str]) -> Measured:
    """One measure less another, replicate by replicate."""
    return lambda evidence: evidence(*first) - evidence(*second)


def ratio(first: tuple[str, str, str], second: tuple[str, str, str]) -> Measured:
    """One measure as a share of another, replicate by replicate."""
    return lambda evidence: evidence(*first) / evidence(*second)


def rise(evidence: Evidence) -> pd.Series:
    """What adversarial training adds to the clean error, in half widths of its Wilson interval."""
    before, after = (evidence(model, "clean", "error") for model in ("maxout", TRAINED))
    return (after - before) / evidence("maxout", "clean", "margin")


FGSM = ("maxout", "fgsm", "error")

CLAIMS: tuple[Claim[Evidence], ...] = (
    Claim(
        "Linear models are as vulnerable as deep ones",
        "sections 3 to 5",
        (
            above(
                "error under FGSM, softmax regression minus maxout",
                difference(("softmax", "fgsm", "error"), FGSM),
                -0.05,
                '"as vulnerable" means that the error is not lower by more than 0.05',
            ),
            above("error of logistic regression under FGSM", of("logistic", "fgsm", "error"), 0.9),
        ),
    ),
    Claim(
        "Errors under FGSM come with high confidence",
        "section 4",
        tuple(
            above(
                f"confidence under FGSM where it errs, {name}",
                of(model, "fgsm", "confidence-wrong"),
                0.75,
                '"high" confidence means above 0.75',
            )
            for model, name in {"softmax": "softmax regression", "maxout": "maxout"}.items()
        ),
    ),
    Claim(
        "Adversarial training cuts the error under FGSM by a large factor and does not raise the clean error",
        "section 6",
        (
            below(
                "share of maxout's FGSM error that is left",
                ratio((TRAINED, "fgsm", "error"), FGSM),
                0.5,
                '"a large factor" means two or more',
            ),
            below(
                "rise of the clean error, in half widths of its 95 % Wilson interval",
                rise,
                1.0,
                '"not raised" means by less than the test images can show',
            ),
        ),
    ),
    Claim(
        "Training on random noise of the same size does not",
        "section 6",
        tuple(
            above(
                f"share of maxout's FGSM error that is left, {name}",
                ratio((model, "fgsm", "error"), FGSM),
                0.9,
                "noise does not help where nine tenths of the error are left",
            )
            for model, name in NOISE.items()
        ),
    ),
    Claim(
        "L1 weight decay is no substitute",
        "section 5",
        (
            above("error on training images with weight decay", of("maxout-l1", "train", "error"), 0.05),
            *(
                above(
                    f"error under FGSM, weight decay {decay}, minus adversarial training",
                    difference((model, "fgsm", "error"), (TRAINED, "fgsm", "error")),
                    0.0,
                )
                for model, decay in {"maxout-l1": "0.0025", "maxout-l1-weak": "0.00025"}.items()
            ),
        ),
    ),
    Claim(
        "Adversarial examples transfer between models, and models agree on the wrong class more than chance",
        "sections 6 and 8",
        (
            *(
                above(
                    f"what examples of {source} add to the error of {target}",
                    difference((model, condition, "error"), (model, "clean", "error")),
                    0.0,
                )
                for target, model, source, condition in (
                    ("the adversarially trained", TRAINED, "maxout", "on-maxout"),
                    ("maxout", "maxout", "the adversarially trained", "on-maxout-adversarial"),
                )
            ),
            *(
                above(
                    f"agreement with maxout where both are wrong, beyond chance, {name}",
                    difference((model, "on-maxout", "agreement-wrong"), (model, "on-maxout", "chance")),
                    0.0,
                    "chance: both choose wrong classes independently, each as often as it does for that label",
                )
                for model, name in {"softmax": "softmax regression", "rbf": "RBF"}.items()
            ),
        ),
    ),
    Claim(
        "Ensembles help little",
        "section 9",
        tuple(
            above(
                f"share of maxout's FGSM error that an ensemble of 12 has, attacked through {name}",
                ratio(("ensemble", condition, "error"), FGSM),
                0.9,
                '"little" means that nine tenths of the error are left',
            )
            for condition, name in {"fgsm": "all members", "on-member": "one member"}.items()
        ),
    ),
    Claim(
        "Logits are close to linear in eps along the FGSM direction",
        "section 8, figure 4",
        tuple(
            above(
                f"variation of maxout's logits that a line explains, {name}",
                of("maxout", "far", f"linear-{name}"),
                0.98,
                '"close to linear" means an R² above 0.98; a parabola has 0.94',
            )
            for name in ("uphill", "downhill")
        ),
    ),
    Claim(
        "RBF networks are unconfident where they are wrong",
        "section 7",
        (
            below(
                "confidence under FGSM where it errs",
                of("rbf", "fgsm", "confidence-wrong"),
                0.25,
                '"unconfident" means below 0.25',
            ),
            below(
                "the same, less that of maxout",
                difference(("rbf", "fgsm", "confidence-wrong"), ("maxout", "fgsm", "confidence-wrong")),
                0.0,
            ),
        ),
    ),
    Claim(
        "Rubbish inputs get confident predictions from maxout, and none from an RBF network",
        "appendix A",
        (
            above(
                "share of noise that maxout is sure of",
                of("maxout", "rubbish", "error"),
                0.5,
                "sure of noise: some class has a probability above 0.5; maxout is of most, RBF of less than one in 20",
            ),
            below("share of noise that the RBF network is sure of", of("rbf", "rubbish", "error"), 0.05),
        ),
    ),
)
