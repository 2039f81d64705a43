"""What the paper calls the models of params.yaml, in the order of our tables."""

NEEDED = {
    "softmax": "softmax regression",
    "maxout": "maxout",
    "maxout-adversarial": "maxout, adversarially trained",
    "maxout-signs": "maxout, trained on ±eps noise",
    "maxout-uniform": "maxout, trained on U(−eps, eps) noise",
    "maxout-l1": "maxout, L1 weight decay 0.0025",
    "maxout-l1-weak": "maxout, L1 weight decay 0.00025",
    "maxout-sigmoids": "maxout, independent sigmoids",
    "rbf": "shallow RBF network",
    "ensemble": "ensemble of maxout networks",
}
"""Without these the tables would have holes."""

MEASURED = ("member", "logistic", "logistic-adversarial")
"""What is measured beside the models of params.yaml."""

MODELS = {
    **NEEDED,
    "wide": "maxout 1600",
    "wide-adversarial": "maxout 1600, adversarially trained",
    "member": "one member of the ensemble",
    "logistic": "logistic regression",
    "logistic-adversarial": "logistic regression, trained on the worst case",
    "mp-dbm": "MP-DBM",
    "googlenet": "GoogLeNet",
    "conv-maxout": "convolutional maxout, CIFAR-10",
}

SOURCES = ("softmax", "maxout", "maxout-adversarial", "rbf", "ensemble")
"""Models whose adversarial examples are shown to one another."""

CURVES = ("softmax", "maxout", "maxout-adversarial", "rbf")
"""Models of the figures of errors by eps and of the table of linearity."""

FITTED = ("maxout", "maxout-l1", "maxout-l1-weak", "maxout-adversarial")
"""Models whose error on training images is counted."""

FILTERS = ("maxout", "maxout-adversarial")
RUBBISH = ("maxout", "maxout-sigmoids", "softmax", "rbf")
