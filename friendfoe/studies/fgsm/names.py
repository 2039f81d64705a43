"""What the paper calls the models of params.yaml, in the order of our tables."""

NEEDED = {
    "softmax": "softmax regression",
    "maxout": "maxout",
    "maxout-other": "maxout, other first weights",
    "maxout-adversarial": "maxout, adversarially trained",
    "maxout-signs": "maxout, trained on ±eps noise",
    "maxout-uniform": "maxout, trained on U(−eps, eps) noise",
    "maxout-l1": "maxout, L1 weight decay 0.0025",
    "maxout-l1-late": "maxout, L1 weight decay 0.0025, begun late",
    "maxout-l1-weak": "maxout, L1 weight decay 0.00025",
    "maxout-sigmoids": "maxout, independent sigmoids",
    "sigmoid": "sigmoid network",
    "rbf": "shallow RBF network",
    "ensemble": "ensemble of maxout networks",
}
"""Without these the tables would have holes."""

LOGISTIC = {
    "logistic": "logistic regression",
    "logistic-adversarial": "logistic regression, trained on the worst case",
    "logistic-l1": "logistic regression, L1 weight decay eps",
    "logistic-l1-weak": "logistic regression, L1 weight decay eps/100",
}

MEASURED = ("member", "detector", *LOGISTIC)
"""What is measured beside the models of params.yaml."""

MODELS = {
    **NEEDED,
    "wide": "maxout 1600",
    "wide-adversarial": "maxout 1600, adversarially trained",
    "member": "one member of the ensemble",
    "detector": "detector of adversarial images",
    **LOGISTIC,
    "mp-dbm": "MP-DBM",
    "googlenet": "GoogLeNet",
    "conv-maxout": "convolutional maxout, CIFAR-10",
}

SOURCES = ("softmax", "maxout-other", "maxout-adversarial", "rbf", "ensemble")
"""Models whose adversarial examples are shown to one another. All networks of one kind begin with the same weights in a
replicate, but for `maxout-other`: between it and the others nothing is shared but the images."""

CURVES = ("softmax", "maxout", "maxout-adversarial", "sigmoid", "rbf")
"""Models of the figures of errors by eps and of the table of linearity."""

HARDENED = ("softmax", "maxout", "maxout-adversarial")
"""Models that are attacked with many steps, too."""

EXPLORED = (*CURVES, "ensemble")
"""Models of the explorer."""

TRANSFERRED = "on-maxout-other"
"""The condition of images that were crafted on maxout with other first weights."""

FITTED = ("maxout", "maxout-l1", "maxout-l1-late", "maxout-l1-weak", "maxout-adversarial")
"""Models whose error on training images is counted."""

FILTERS = ("maxout", "maxout-adversarial")
RUBBISH = ("maxout", "maxout-sigmoids", "softmax", "rbf")

ATTACKS = ("fgsm", "fgsm-clipped", "fgsm-stored", "one-step", "pgd", "autoattack")
"""Conditions under which a model's own gradients are followed."""

SIDES = {"quarter": 0.25, "half": 0.5, "native": 1.0, "double": 2.0}
"""Sizes of images at which softmax regression is attacked with one eps, as factors on their sides."""


def at(attack: str, share: float) -> str:
    """The condition of an attack with a share of the study's eps: "pgd" with all of it, "pgd-0.5" with half."""
    return "clean" if share == 0 else attack if share == 1 else f"{attack}-{share:g}"
