"""The models and attacks of the study, as params.yaml and as its tables name them."""

UNDISTILLED = "teacher-1"
HOTTEST = "distilled-100"
ENDS = (UNDISTILLED, HOTTEST)

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


def temperature(model: str) -> int:
    """The T of teacher-T and distilled-T."""
    return int(model.rsplit("-", 1)[1])


def label(model: str) -> str:
    """What tables call a model."""
    return "undistilled" if model == UNDISTILLED else f"T = {temperature(model)}"


def students(models: list[str]) -> list[str]:
    """The distilled ones among the models, by temperature."""
    return sorted((model for model in models if model != UNDISTILLED), key=temperature)
