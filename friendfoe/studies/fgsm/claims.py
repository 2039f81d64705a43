"""The claims of the paper, and one of its review."""

from friendfoe.studies.claims import Claim, above, below, claim
from friendfoe.studies.expressions import Expression, mean, value

TRAINED, OTHER = "maxout-adversarial", "maxout-other"


def error(model: str, condition: str = "fgsm") -> Expression:
    """A model's error."""
    return value("error", model, condition)


def higher(first: str, second: str, condition: str = "fgsm") -> Expression:
    """How much higher the error of one model is than that of another."""
    return error(first, condition) - error(second, condition)


def added(model: str, condition: str = "fgsm") -> Expression:
    """What adversarial examples add to a model's error."""
    return error(model, condition) - error(model, "clean")


def beyond_chance(model: str) -> Expression:
    """How much more often than by chance a model agrees with maxout where both are wrong."""
    return value("agreement-wrong", model, f"on-{OTHER}") - value("chance", model, f"on-{OTHER}")


def push(side: str) -> Expression:
    """By how much one eps lowers the lead of the label's logit on images of a size."""
    return value("push", "softmax", side)


def linear(side: str, model: str = "maxout") -> Expression:
    """How much of the variation of a model's logits a line explains."""
    return value(f"linear-{side}", model, "near")


AGREEMENT = "agreement with maxout where both are wrong, beyond chance"
FOUND = "error of the adversarially trained network that one clipped step does not find, and"
LINE = "variation of maxout's logits up to eps 1 that a line explains"
LEFT = "what is gone of maxout's FGSM error with"

FIVE = 0.05
AS_VULNERABLE = '"as vulnerable" means that the error is not lower by more than five points'
SURE = '"high" or "confident" means above a half, the paper\'s own bound for being sure (appendix A)'
NOT_RAISED = '"not raised" means by less than a point'
MORE_STEPS = (
    "an error under one step is one on adversarial examples only if attacks of many steps find hardly more: two points"
)
NO_HELP = '"does not help" and "little" mean less than five points of the error'
NO_BENEFIT = '"no benefit" means that the clean error does not fall by a point'
CHANCE = "chance: both choose wrong classes independently, each as often as it does for that label"
PARABOLA = "a parabola that begins at the image has 15/16"
CONTROL = "the smooth network is the control: a network of pieces of planes is linear far out whatever it has learned"
MOST = '"most of their time" means that more than half of the units have at least half of their highest slope'
LOCAL = '"localized" can mean few pixels, or pixels that are close to one another: both are judged'
DETECTS = '"no effect" means that it is hardly better than guessing, which errs on a half: less than five points'

CLAIMS: tuple[Claim, ...] = (
    claim(
        "Linear models are as vulnerable as deep ones, and so are networks of saturating units",
        "sections 3 to 5",
        above("error under FGSM, softmax regression minus maxout", higher("softmax", "maxout"), -FIVE,
              reading=AS_VULNERABLE),
        above("error that FGSM adds to logistic regression", added("logistic"), size=True),
        above("error under FGSM, sigmoid network minus maxout", higher("sigmoid", "maxout"), -FIVE,
              reading=AS_VULNERABLE),
    ),
    claim(
        "Errors under FGSM come with high confidence",
        "section 4",
        above("confidence under FGSM, softmax regression", value("confidence", "softmax", "fgsm"), 0.5, size=True,
              reading=SURE),
        above("confidence under FGSM, maxout", value("confidence", "maxout", "fgsm"), 0.5, size=True, reading=SURE),
    ),
    claim(
        "Adversarial training cuts the error on adversarial examples by far and does not raise the clean error",
        "section 6",
        above("error under FGSM, maxout minus adversarially trained", higher("maxout", TRAINED), size=True),
        above("the same, pixels clipped to [0, 1]", higher("maxout", TRAINED, "fgsm-clipped")),
        below("clean error, adversarially trained minus maxout", higher(TRAINED, "maxout", "clean"), 0.01,
              reading=NOT_RAISED),
        below(f"{FOUND} PGD does", error(TRAINED, "pgd") - error(TRAINED, "one-step"), 0.02, reading=MORE_STEPS),
        below(f"{FOUND} AutoAttack does", error(TRAINED, "autoattack") - error(TRAINED, "one-step"), 0.02,
              reading=MORE_STEPS),
    ),
    claim(
        "Training on random noise of the same size does not",
        "section 6",
        below(f"{LEFT} ±eps noise", higher("maxout", "maxout-signs"), FIVE, reading=NO_HELP),
        below(f"{LEFT} U(−eps, eps) noise", higher("maxout", "maxout-uniform"), FIVE, reading=NO_HELP),
        above("error under FGSM, ±eps noise minus adversarial training", higher("maxout-signs", TRAINED), size=True),
        above("the same, U(−eps, eps) noise", higher("maxout-uniform", TRAINED), size=True),
    ),
    claim(
        "L1 weight decay is no substitute",
        "section 5",
        above("error on training images, weight decay 0.0025", error("maxout-l1", "train"), 0.05),
        above("the same, decay begun late, minus maxout", higher("maxout-l1-late", "maxout", "train")),
        above("error under FGSM, weight decay 0.0025 begun late, minus adversarial training",
              higher("maxout-l1-late", TRAINED)),
        above("error under FGSM, weight decay 0.00025, minus adversarial training", higher("maxout-l1-weak", TRAINED)),
        above("clean error, weight decay 0.00025, minus maxout", higher("maxout-l1-weak", "maxout", "clean"), -0.01,
              reading=NO_BENEFIT),
        above("error on training images of logistic regression, weight decay eps minus worst case",
              higher("logistic-l1", "logistic-adversarial", "train")),
    ),
    claim(
        "Adversarial examples transfer between models, and models agree on the wrong class more than chance",
        "sections 6 and 8",
        above("what examples of maxout add to the error of the adversarially trained", added(TRAINED, f"on-{OTHER}"),
              size=True),
        above("what examples of the adversarially trained add to the error of maxout", added(OTHER, f"on-{TRAINED}"),
              size=True),
        above(f"{AGREEMENT}, softmax regression", beyond_chance("softmax"), reading=CHANCE),
        above(f"{AGREEMENT}, RBF", beyond_chance("rbf"), reading=CHANCE),
    ),
    claim(
        "Ensembles help little",
        "section 9",
        below(f"{LEFT} an ensemble of 12, attacked as a whole", higher("maxout", "ensemble"), FIVE, reading=NO_HELP),
        below(f"{LEFT} an ensemble of 12, attacked through a member", error("maxout") - error("ensemble", "on-member"),
              FIVE, reading=NO_HELP),
    ),
    claim(
        "Logits are close to linear in eps along the FGSM direction",
        "section 8, figure 4",
        above(f"{LINE}, uphill", linear("uphill"), 0.9375, reading=PARABOLA),
        above(f"{LINE}, downhill", linear("downhill"), 0.9375, reading=PARABOLA),
        above("the same uphill, minus that of the sigmoid network", linear("uphill") - linear("uphill", "sigmoid"),
              margin=0.001, reading=CONTROL),
        above("the same uphill, minus that of the RBF network", linear("uphill") - linear("uphill", "rbf"),
              margin=0.001),
    ),
    claim(
        "RBF networks are unconfident where they are wrong",
        "section 7",
        below("confidence under FGSM where it errs", value("confidence-wrong", "rbf", "fgsm"), 0.5, size=True,
              reading=SURE),
        below("the same, minus that of maxout",
              value("confidence-wrong", "rbf", "fgsm") - value("confidence-wrong", "maxout", "fgsm")),
    ),
    claim(
        "Rubbish inputs get confident predictions from maxout, and none from an RBF network",
        "appendix A",
        above("share of noise that maxout is sure of", error("maxout", "rubbish"), 0.5, size=True, reading=SURE),
        below("share of noise that the RBF network is sure of", error("rbf", "rubbish"), 0.01),
        above("share of classes that maxout is sure of after a step from noise, minus before",
              value("after", "maxout", "fooling") - value("before", "maxout", "fooling")),
    ),
    claim(
        "The mistakes that adversarial training leaves are still confident",
        "section 6",
        above("confidence under FGSM where it errs", value("confidence-wrong", TRAINED, "fgsm"), 0.5, size=True,
              reading=SURE),
    ),
    claim(
        "Filters are more localized after adversarial training",
        "section 6, figure 3",
        below("effective share of the pixels, adversarially trained minus maxout",
              value("spread", TRAINED, "filters") - value("spread", "maxout", "filters"), reading=LOCAL),
        below("the same of the radius", value("radius", TRAINED, "filters") - value("radius", "maxout", "filters"),
              reading=LOCAL),
    ),
    claim(
        "What one eps changes of the output of a linear model grows with the dimension of the input",
        "section 3",
        above("by how much more the lead of the label's logit falls, images as they are minus a quarter of the side",
              push("native") - push("quarter")),
        above("the same, twice the side minus as they are", push("double") - push("native")),
    ),
    claim(
        "Sigmoid networks spend most of their time in the regime that does not saturate",
        "section 3",
        above("share of the units with at least half of their highest slope", value("unsaturated", "sigmoid", "clean"),
              0.5, reading=MOST),
    ),
    claim(
        "A network that is to tell adversarial from clean images has no effect",
        "the review, section 5",
        above("error of a detector, mean of clean and adversarial images",
              mean(error("detector", "clean"), error("detector", "fgsm-stored")), 0.45, reading=DETECTS),
        above("images that an attack on both makes wrong and clean", error("detector", "pgd-both"), 0.5),
    ),
)  # fmt: skip
