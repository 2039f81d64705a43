"""What the article calls the models and conditions of params.yaml, in the order of its tables."""

MODELS = {
    "clean": "A",
    "assist": "B",
    "mixed": "C",
    "mixed-matched": "C (half)",
    "clean-half": "A′",
    "assist-half": "B′",
}

ASSISTED = {"assist": "assistive test, on A", "assist-self": "assistive test, on itself"}
ATTACKED = {
    "attack": "attacked test, on A",
    "attack-self": "attacked test, on itself",
    "attack-own": "attacked test, on A and its answer",
    "attack-own-self": "attacked test, on itself and its answer",
}
PERTURBED = {**ASSISTED, **ATTACKED}
UNCLIPPED = {f"{condition}-unclipped": f"{title}, unclipped" for condition, title in PERTURBED.items()}

CONDITIONS = {
    "own-train": "train (of its own kind)",
    "assist-train": "assistive train",
    "clean": "clean test",
    **PERTURBED,
    **UNCLIPPED,
}


def sticker(goal: str, side: int, place: str) -> str:
    """The condition under which an image has a sticker `side` pixels high and wide.

    `place`: "best" of the grid for this image, "TOP-LEFT" in pixels, or "universal": the sticker of the image's class
    in all places of the grid, of which the mean counts. The goal "grey" is a square of grey.
    """
    return f"{goal}-{side}-{place}"


NO_STICKER = "no-sticker"

EXPLAINED = {name: letter for name, letter in MODELS.items() if name != "mixed-matched"}
"""Models that are asked whether they go by the signal or by the image."""

OTHERS = "signal-of-another"
"""Test images with the signal towards another label."""
SIGNAL_ALONE, SIGNAL_LEFT = "signal-alone", "signal-alone-clipped"
"""The signal of an image on grey: as it is computed, and what clipping leaves of it."""

HALVES = ("clean-half", "assist-half")
"""Models that are trained on half of the images."""

LIKELY = "unclipped"
"""The set-up that stands for the article's own; claims are judged by it."""


THE_STUDY = ""
"""The study's own set-up."""


def likely_model(setup: str, model: str) -> str:
    """What a model of a set-up is called in the results."""
    return f"{setup}/{model}" if setup else model
