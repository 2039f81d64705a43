"""The claims of the paper, over all network sizes."""

from friendfoe.studies.advprop.measurements import OVER, SLOPE, SMALLEST
from friendfoe.studies.advprop.names import ADVPROP, CONTROL, FINE, MADRY, SHARED, TUNED, VANILLA
from friendfoe.studies.claims import Claim, Part, above, below, claim
from friendfoe.studies.expressions import Expression, value

SOURCE = "Xie et al. 2020"
POINTS, PERCENT, STEP = 0.002, 1.0, 0.001
"""Margins: of accuracy, where the paper's gains are a few tenths of a point; of mCE; of accuracy from size to size."""

SIZES = '"over sizes" is the mean over all network sizes of a replicate'
GROWS = '"grows" and "shrinks" mean that a line through the gains at all sizes, equally spaced, rises or falls'


def gain(model: str, over: str, along: str = OVER, metric: str = "accuracy") -> Expression:
    """What a model adds to another one's measure."""
    return value(f"{metric} over {over}", model, along)


def higher(text: str, model: str, over: str) -> Part:
    """The accuracy of a model lies above that of another one."""
    return above(f"accuracy, {text}, over sizes", gain(model, over), margin=POINTS, size=True, reading=SIZES)


def lower(text: str, model: str, over: str) -> Part:
    """It lies below."""
    return below(f"accuracy, {text}, over sizes", gain(model, over), margin=POINTS, size=True, reading=SIZES)


def fewer_errors(text: str, model: str, over: str) -> Part:
    """The mCE of a model lies below that of another one."""
    expression = gain(model, over, metric="mce")
    return below(f"mCE, {text}, over sizes", expression, margin=PERCENT, size=True, reading=SIZES)


CLAIMS: tuple[Claim, ...] = (
    claim(
        "Training on clean and adversarial images through one shared batch norm lowers clean accuracy",
        f"{SOURCE}, comparison with adversarial training",
        lower("one batch norm minus vanilla", SHARED, VANILLA),
    ),
    claim(
        "With separate batch norms (AdvProp) it rises above vanilla training",
        f"{SOURCE}, ImageNet results",
        higher("AdvProp minus vanilla", ADVPROP, VANILLA),
        higher("AdvProp minus its control, whose second batch norm sees clean images", ADVPROP, CONTROL),
    ),
    claim(
        "Separating the batch norms is what makes the difference: with the same attacker, one norm gives less",
        f"{SOURCE}, comparison with adversarial training",
        higher("AdvProp minus one batch norm", ADVPROP, SHARED),
    ),
    claim(
        "The gain of separating the batch norms shrinks as the network grows",
        f"{SOURCE}, comparison with adversarial training",
        below("accuracy, AdvProp minus one batch norm: change from one size to the next", gain(ADVPROP, SHARED, SLOPE),
              margin=STEP, reading=GROWS),
    ),
    claim(
        "AdvProp lowers the mean corruption error",
        f"{SOURCE}, ImageNet-C",
        fewer_errors("AdvProp minus vanilla", ADVPROP, VANILLA),
    ),
    claim(
        "Adversarial training through one batch norm lowers it, too, and AdvProp lowers it further",
        f"{SOURCE}, ImageNet-C: 59.4 with vanilla training, 56.0 with one batch norm, 52.9 with AdvProp",
        fewer_errors("one batch norm minus vanilla", SHARED, VANILLA),
        fewer_errors("AdvProp minus one batch norm", ADVPROP, SHARED),
    ),
    claim(
        "More than one auxiliary batch norm helps small networks a little more",
        f"{SOURCE}, fine-grained AdvProp",
        above("accuracy, fine-grained minus AdvProp, at the smallest size", gain(FINE, ADVPROP, SMALLEST),
              margin=POINTS, size=True),
        below("the same: change from one size to the next", gain(FINE, ADVPROP, SLOPE), margin=STEP, reading=GROWS),
    ),
    claim(
        "Training on adversarial images alone (Madry) costs clean accuracy; fine-tuning on clean images brings it back",
        f"{SOURCE}, pre-training on adversarial images",
        lower("Madry training minus vanilla", MADRY, VANILLA),
        higher("fine-tuned minus Madry training", TUNED, MADRY),
    ),
    claim(
        "What fine-tuning reaches, against vanilla training, grows with the network: less in small ones, more in large",
        f"{SOURCE}, pre-training on adversarial images",
        above("accuracy, fine-tuned minus vanilla: change from one size to the next", gain(TUNED, VANILLA, SLOPE),
              margin=STEP, reading=GROWS),
    ),
    claim(
        "AdvProp does better than pre-training on adversarial images and fine-tuning",
        f"{SOURCE}, pre-training on adversarial images",
        higher("AdvProp minus fine-tuned", ADVPROP, TUNED),
    ),
)  # fmt: skip
