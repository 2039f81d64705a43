"""The models and attacks of the study, as params.yaml and as its tables name them."""

UNDISTILLED = "teacher-1"
HOTTEST = "distilled-100"
ENDS = (UNDISTILLED, HOTTEST)
SURROGATE = "surrogate"
"""What transferred images are crafted on: undistilled, of other initial weights."""

CONDITIONS = {
    "clean": "clean images",
    "naive": "PGD, softmax",
    "pgd": "PGD, logits",
    "margin": "PGD, margin",
    "temperature": "Temperature-PGD",
    "autoattack": "AutoAttack",
    "transfer": "transfer",
}

JSMA = {
    "jsma": "softmax",
    "jsma-temperature": "softmax of logits / T",
    "jsma-log": "log-softmax",
    "jsma-logits": "logits",
}

NORMS = {"cw-l0": "L0", "cw-l2": "L2", "cw-linf": "Linf"}
LEARNERS = {"svm": "linear SVM", "tree": "decision tree", "neighbours": "nearest neighbours"}
HALVES = {
    "half": "one half of the images (crafted on it)",
    "other-half": "the other half",
    "other-half-and-structure": "the other half, another structure",
}
RETRAINED = "retrained"
"""The undistilled network, trained again for the last time."""


def confidence(lead: float) -> str:
    """The condition of images crafted on the surrogate until the wrong class leads by so much."""
    return f"confidence-{lead:g}"


def retrained(rounds: int) -> str:
    """The undistilled network, trained again with fooling images as a further class, so many times."""
    return f"retrained-{rounds}"


def temperature(model: str) -> int:
    """The T of teacher-T and distilled-T."""
    return int(model.rsplit("-", 1)[1])


def label(model: str) -> str:
    """What tables call a model."""
    return "undistilled" if model == UNDISTILLED else f"T = {temperature(model)}"


def students(models: list[str]) -> list[str]:
    """The distilled ones among the models, by temperature."""
    return sorted((model for model in models if model != UNDISTILLED), key=temperature)
