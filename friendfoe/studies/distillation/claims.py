"""The claims: three of the paper, the one that came later, and four on adversarial examples at large."""

from friendfoe.studies.claims import Claim, above, below, claim, within
from friendfoe.studies.distillation.evidence import BARE, CHOSEN, CONFIDENT
from friendfoe.studies.distillation.names import HOTTEST, LEARNERS, RETRAINED, UNDISTILLED
from friendfoe.studies.expressions import Expression, value


def added(metric: str, condition: str, to: str = UNDISTILLED) -> Expression:
    """What distillation at the highest temperature adds to a metric of another network."""
    return value(metric, HOTTEST, condition) - value(metric, to, condition)


def beyond(metric: str, model: str, condition: str, other: str) -> Expression:
    """By how much a metric is higher under one condition than under another."""
    return value(metric, model, condition) - value(metric, model, other)


def own(name: str) -> Expression:
    """What the change that was made for an image does to a learner beyond that of another image."""
    return beyond("error", name, "transferred", "borrowed")


HARDLY = '"hardly" means by less than 1.5 points (we recall 1.37 as the largest change of the paper)'
MANY = '"many orders of magnitude" is judged as more than one'
SUCCEED = '"succeed" means for more than half of the images; the paper has all of them'
CHOSEN_T = "the T at which an attack does worst is chosen on half of the images and judged on the others"
AS_OFTEN = '"as often" means that no more than 0.1 of success is lost'
NEAR = '"hardly farther" means by less than half (published: by a quarter)'
BEYOND = "the control is the change that was made for another image, which is as large"
RECOGNISED = "unless most are recognised, the training has done nothing"
PREVENTED = "fooling images were prevented if fewer than half of the attempts succeeded"

CLAIMS: tuple[Claim, ...] = (
    claim(
        "The success of JSMA falls steeply with the temperature",
        "Papernot et al. 2016, figure of success and temperature",
        below("success, T = 100 minus undistilled", added("success", "jsma"), size=True),
        below("success, T = 100 minus T = 1, both distilled", added("success", "jsma", to="distilled-1"), size=True),
        above("robustness (share of features), T = 100 minus undistilled", added("robustness", "jsma"), size=True),
    ),
    claim(
        "Accuracy hardly changes",
        "Papernot et al. 2016, section on accuracy",
        within("accuracy, T = 100 minus undistilled", value("change", HOTTEST, "clean"), 0.015, reading=HARDLY),
        within("accuracy minus undistilled, at the T of the largest change", value("change", CHOSEN, "clean"), 0.015,
               reading=CHOSEN_T),
    ),
    claim(
        "The input gradients of the softmax shrink by many orders of magnitude",
        "Papernot et al. 2016, section on sensitivity",
        above("orders of magnitude between the geometric means, undistilled to T = 100",
              -1 * added("log10", "gradient"), 1, margin=0.5, reading=MANY),
        above("share of images without a gradient in float32, T = 100 minus undistilled",
              added("vanished", "gradient")),
    ),
    claim(
        "The defence masks gradients: attacks on the logits, with a margin loss, or transferred from an "
        "undistilled network still succeed, independent of T",
        "Carlini & Wagner 2016, 2017",
        above("share of images that fall to PGD on the margin, at the T where fewest do",
              1 - value("accuracy-crafted", CHOSEN, "margin"), 0.5, reading=SUCCEED),
        above("success of CW-L2, at the T where it is least", value("success", CHOSEN, "cw-l2"), 0.5, reading=CHOSEN_T),
        above("success of CW-L0, T = 100", value("success", HOTTEST, "cw-l0"), 0.5, size=True),
        above("success of CW-Linf, T = 100", value("success", HOTTEST, "cw-linf"), 0.5, size=True),
        below("mean distance of CW-L2, T = 100 as a multiple of undistilled",
              value("distance", HOTTEST, "cw-l2") / value("distance", UNDISTILLED, "cw-l2"), 1.5, margin=0.1,
              reading=NEAR),
        above("success of JSMA on logits / T, at the T where it is least, minus on the softmax, undistilled",
              value("success", CHOSEN, "jsma-temperature") - value("success", UNDISTILLED, "jsma"), -0.1,
              reading=AS_OFTEN),
        above("accuracy at T = 100, under PGD on the softmax minus under images transferred from an undistilled "
              "network", beyond("accuracy-crafted", HOTTEST, "naive", "transfer")),
        above("share fooled by images transferred with a great lead, at the T where it is least",
              value("transferred", CHOSEN, CONFIDENT), 0.5),
        above("share fooled by transferred images, T = 100, with a great lead minus with none",
              beyond("transferred", HOTTEST, CONFIDENT, BARE)),
    ),
    claim(
        "Networks take images that nobody recognises for a class, with a confidence above 99 %",
        "Nguyen et al. 2015, as the article tells it",
        above("share of noise images, driven to a class minus as they are, undistilled",
              beyond("fooled", UNDISTILLED, "driven", "noise")),
    ),
    claim(
        "Training again with fooling images as a further class does not prevent new ones",
        "Nguyen et al. 2015, section on retraining",
        above("fooling images of the round before that are recognised, last round",
              value("recognised", RETRAINED, "driven"), 0.5, reading=RECOGNISED),
        above("share of new noise images driven to a class, last round", value("fooled", RETRAINED, "driven"), 0.5,
              reading=PREVENTED),
    ),
    claim(
        "Networks of another structure, trained on another part of the images, err on the same adversarial examples",
        "Szegedy et al. 2014, as the article tells it",
        above("error of a network of the other half, own change minus another's", own("other-half"), reading=BEYOND),
        above("the same, also of another structure", own("other-half-and-structure")),
        above("same wrong class, beyond chance, other half", value("alike", "other-half", "above chance")),
        above("same wrong class, beyond chance, other half and structure",
              value("alike", "other-half-and-structure", "above chance")),
    ),
    claim(
        "The weakness is not the deep networks' alone",
        "Goodfellow in the article; Papernot, McDaniel and Goodfellow 2016",
        *(above(f"error of {title}, own change minus another's", own(name)) for name, title in LEARNERS.items()),
    ),
)  # fmt: skip
