"""What the article calls the models and conditions of params.yaml, in the order of its tables."""

MODELS = {
    "clean": "A",
    "assist": "B",
    "mixed": "C",
    "mixed-matched": "C (half)",
    "clean-half": "A′",
    "assist-half": "B′",
}

CONDITIONS = {
    "own-train": "train (of its own kind)",
    "assist-train": "assistive train",
    "clean": "clean test",
    "assist": "assistive test, on A",
    "assist-self": "assistive test, on itself",
    "attack": "attacked test, on A",
    "attack-self": "attacked test, on itself",
}

ON = "On A: crafted on model A (B and C meet a transfer); on itself: crafted on the model that is evaluated."

LABEL_KNOWN = (
    "An assistive signal is computed from the true label, which must be known before perturbing: accuracy on assistive "
    "images says nothing about images of unknown class."
)
