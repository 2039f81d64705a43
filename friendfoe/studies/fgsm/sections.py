"""The sections of the report that show numbers: tables with the published ones beside ours, and figures."""

from friendfoe.studies.fgsm import drawings
from friendfoe.studies.fgsm.names import CURVES, FILTERS, FITTED, HARDENED, LOGISTIC, MODELS, RUBBISH, SIDES
from friendfoe.studies.fgsm.tables import FgsmPage

LARGE = "Under attack, the paper's numbers for adversarial training are of 1600 units per layer."
NEVER = ("wide", "wide-adversarial")  # shown as published where they are not trained
PROBABILITY = "Confidence is the highest probability; of a network with a probability per class, likewise."
MISREAD = (
    "MP-DBM, the multi-prediction deep Boltzmann machine, is out of scope. The review takes its 97.5 % for the error "
    "of a network that tells adversarial from clean images."
)


def errors(page: FgsmPage) -> None:
    """Error and confidence: all models, by eps, by kind of pixels, and with weight decay."""
    trained = page.models
    models = {MODELS.get(name, name): (name, "fgsm") for name in (*trained, *(n for n in NEVER if n not in trained))}
    absent = {MODELS[name]: (name, "fgsm") for name in ("conv-maxout", "mp-dbm", "googlenet")}
    page.compare(
        "errors",
        "Error and confidence, clean and under FGSM crafted on the model itself",
        models | absent,
        {
            "clean error": ("clean", "error", 2),
            "clean confidence": ("clean", "confidence", 1),
            "FGSM error": (None, "error", 1),
            "confidence": (None, "confidence", 1),
            "confidence where wrong": (None, "confidence-wrong", 1),
        },
        PROBABILITY,
        LARGE,
        MISREAD,
        "What has no number of ours is shown as published. The networks of 1600 units are those of the data set "
        "mnist_1600 in pipelines/fgsm/params.yaml: hours on a CPU.",
    )
    settings = page.study.settings
    page.report.figure(
        "by-eps",
        drawings.by_eps(page.estimates, settings.shares, page.facts["eps"], {name: MODELS[name] for name in CURVES}),
        "Error and mean confidence under FGSM against eps, and the error under one step and many, pixels in [0, 1]. "
        "The dashed line is the eps of adversarial training. A network that is robust errs more with every larger eps: "
        "one that errs less at the eps of its training has learned that step, and not to withstand others. Bands: 95 % "
        "intervals over replicates and images.",
        "Three panels of lines against eps: error and mean confidence, a line per model; error under attacks of many "
        "steps beside that under one.",
    )
    drawn = min(settings.iterated.images, page.facts["test_images"])
    page.compare(
        "steps",
        "Error under one step and many, pixels clipped to [0, 1]",
        {MODELS[name]: (name, "pgd") for name in HARDENED},
        {
            "FGSM": ("one-step", "error", 1),
            f"PGD, {settings.iterated.steps} steps": (None, "error", 1),
            "AutoAttack": ("autoattack", "error", 1),
        },
        f"{drawn} test images, the classes in proportion; eps as in training. AutoAttack is the standard one, on what "
        "PGD leaves. The paper has FGSM alone: where many steps find what one does not, its number is no error on "
        "adversarial examples.",
    )
    page.compare(
        "pixels",
        "FGSM error as in the paper, clipped to [0, 1], and clipped and rounded to 8 bits",
        {MODELS.get(name, name): (name, "fgsm") for name in trained},
        {
            "unclipped": (None, "error", 1),
            "clipped": ("fgsm-clipped", "error", 1),
            "8 bits": ("fgsm-stored", "error", 1),
        },
        "All are trained without clipping: clipped images are a kind that adversarial training has not seen.",
    )
    page.compare(
        "weight-decay",
        "L1 weight decay of the first layer beside adversarial training",
        {MODELS[name]: (name, "train") for name in FITTED},
        {
            "error on training images": (None, "error", 2),
            "clean error": ("clean", "error", 2),
            "FGSM error": ("fgsm", "error", 1),
        },
        "The published 5 % is a bound: the paper's network was stuck above it. The same decay stands beside it, begun "
        "after three tenths of the steps, and a tenth of it: both let a network train.",
        LARGE,
    )


def transfer(page: FgsmPage) -> None:
    """What one model's adversarial examples do to another, and whether both see the same in them."""
    table = page.matrix()
    page.report.figure(
        "matrix",
        drawings.heat(table.data),
        "Error (mean over replicates) of each model, by its name in params.yaml, on the examples of another.",
        "A map of errors: rows are the models that the examples were made with, columns those that are shown them.",
    )
    page.table(table)
    page.compare(
        "transfer",
        "Transfer, as published: between the original and the adversarially trained network, and to the ensemble",
        {
            "the adversarially trained, on examples of the original": ("maxout-adversarial", "on-maxout-other"),
            "the original, on examples of the adversarially trained": ("maxout-other", "on-maxout-adversarial"),
            "ensemble, attacked as a whole": ("ensemble", "fgsm"),
            "ensemble, attacked through one member": ("ensemble", "on-member"),
        },
        {"error": (None, "error", 1), "confidence where wrong": (None, "confidence-wrong", 1)},
        LARGE,
        "The original is the maxout network of other first weights: all others begin alike in a replicate, and what is "
        "alike transfers more. The members of the ensemble see the same batches; first weights and dropout differ.",
    )
    page.compare(
        "agreement",
        "Agreement: how often a model answers the very class that another mistakes an adversarial example for",
        {
            f"{MODELS[model]}, with {MODELS[source]}": (model, f"on-{source}")
            for model, source in (("softmax", "maxout-other"), ("rbf", "maxout-other"), ("rbf", "softmax"))
        },
        {
            "of the other's mistakes": (None, "agreement", 1),
            "where both are wrong": (None, "agreement-wrong", 1),
            "by chance": (None, "chance", 1),
        },
        "By chance: where both are wrong, if each chose its wrong class independently of the other and as often as it "
        "does for that label.",
        "The paper's 53.6 % for RBF and softmax regression is read as that where both are wrong.",
    )


def linearity(page: FgsmPage) -> None:
    """Logits along the direction of the attack, first-layer filters, and the linear model itself."""
    settings = page.study.settings.logits
    reach, near = settings.reach, settings.near
    images = min(settings.images, page.facts["test_images"])
    page.report.figure(
        "logits",
        drawings.logits(page.study.arrays("logits"), page.facts["classes"], page.facts["eps"]),
        f"Logits of maxout (replicate 0) on the first test image of a class, moved by eps · sign from −{reach:g} to "
        f"{reach:g}; shaded: the eps of the study. Below: the image at some eps, clipped for the eye alone.",
        "Lines of logits against eps; below them the image at nine values of eps.",
    )
    page.compare(
        "linearity",
        "How linear the logits are in eps, and how far the right answer holds",
        {MODELS[name]: (name, "far") for name in CURVES},
        {
            f"R² uphill, to {near:g}": ("near", "linear-uphill", 2),
            f"R² downhill, to {near:g}": ("near", "linear-downhill", 2),
            f"R² uphill, to {reach:g}": (None, "linear-uphill", 2),
            f"R² downhill, to {reach:g}": (None, "linear-downhill", 2),
            "right uphill, up to eps": (None, "held-uphill", 2),
            "right downhill, up to eps": (None, "held-downhill", 2),
        },
        f"{images} test images. R²: how much of the variation of all logits of an image a straight line explains; a "
        "parabola has 94 %. Far out a network of pieces of planes is linear whatever it has learned: what is judged is "
        f"the line up to {near:g}.",
    )
    page.compare(
        "saturation",
        "Units of the sigmoid network that do not saturate, on clean images",
        {MODELS["sigmoid"]: ("sigmoid", "clean")},
        {"share of the units": (None, "unsaturated", 1)},
        "A unit does not saturate where it has at least half of its highest slope.",
    )
    page.compare(
        "growth",
        f"One eps ({page.study.settings.growth * page.facts['eps']:g}) on images of several sizes, softmax regression",
        {_side(page, side): ("softmax", side) for side in SIDES},
        {
            "clean error": (None, "clean-error", 1),
            "FGSM error": (None, "error", 1),
            "fall of the label's lead": (None, "push", 2),
        },
        "The lead is that of the label's logit over the highest other one: in w'x an eps is worth eps · |w|₁. How many "
        "errors that makes depends on the leads that are there, and those of the smallest images are small: judged is "
        "how far the lead falls. Images of twice the side show no more than these do, in more pixels.",
    )
    page.compare(
        "logistic",
        "Logistic regression on two classes",
        {title: (name, "fgsm") for name, title in LOGISTIC.items()},
        {
            "error on training images": ("train", "error", 2),
            "clean error": ("clean", "error", 2),
            "FGSM error": (None, "error", 1),
            "clipped": ("fgsm-clipped", "error", 1),
            "loss under FGSM": (None, "loss", 4),
            "in closed form": (None, "closed-form", 4),
        },
        "Classes {} and {} of {}. The closed form is softplus(eps |w|₁ − y (w'x + b)).".format(
            *(page.facts["classes"][number] for number in page.study.settings.pair), page.study.data
        ),
    )
    names = {name: MODELS[name] for name in FILTERS}
    page.report.figure(
        "filters",
        drawings.filters(page.study.arrays("filters"), names),
        "Weights of the first layer (replicate 0), evenly chosen; each is scaled to its largest weight, grey is zero.",
        "Two blocks of first-layer filters: without and with adversarial training.",
    )
    page.compare(
        "filters",
        "How many pixels a filter of the first layer looks at",
        {title: (name, "filters") for name, title in names.items()},
        {"effective share of the pixels": (None, "spread", 1), "radius": (None, "radius", 1)},
        "Share: (sum w²)² / (D sum w⁴). Radius: root of the mean square distance of w² from its centre, as a share of "
        "that of equal weights. Means over filters. The paper finds them more localized after adversarial training.",
    )


def _side(page: FgsmPage, side: str) -> str:
    """The size of images of a side, such as "14×14"."""
    return "×".join(str(max(1, round(length * SIDES[side]))) for length in page.facts["shape"][1:])


def rubbish(page: FgsmPage) -> None:
    """Answers on noise, and on noise after a step towards a class."""
    count = page.study.settings.rubbish
    page.compare(
        "rubbish",
        "Rubbish: noise N(0, I), on which every probability above 0.5 is an error",
        {MODELS[name]: (name, "rubbish") for name in (*RUBBISH, "conv-maxout")},
        {"error": (None, "error", 1), "confidence of these": (None, "confidence-wrong", 1)},
        f"{count} images per replicate.",
    )
    page.report.figure(
        "fooling",
        drawings.fooling(page.study.arrays("fooling")["images"], page.study.table("fooling-shown")),
        "Noise around grey after one step of eps · sign towards a class, and the probability that maxout (replicate 0) "
        "gives it; ✓ where that is above a half.",
        "Images of noise, one per class, each with the probability of that class.",
    )
    page.compare(
        "fooling",
        "Fooling images: how often a class has a probability above 0.5 on noise",
        {MODELS[name]: (name, "fooling") for name in ("maxout", "conv-maxout")},
        {"before the step": (None, "before", 1), "after the step": (None, "after", 1)},
        "Noise around grey with a standard deviation of 0.25, in [0, 1]; mean over classes.",
    )


def detection(page: FgsmPage) -> None:
    """What a network makes of it that is to tell adversarial images from clean ones."""
    page.compare(
        "detector",
        "A detector: trained by the recipe of maxout on clean training images and as many under FGSM",
        {
            "clean images that it takes for adversarial": ("detector", "clean"),
            "adversarial images that it takes for clean": ("detector", "fgsm-stored"),
            "images that an attack on both makes wrong and clean": ("detector", "pgd-both"),
        },
        {"error": (None, "error", 1)},
        "FGSM on maxout, with 8 bits. The attack on both is PGD, which raises the lower of two log-odds: that maxout "
        "errs, and that the detector sees nothing.",
        MISREAD,
    )
