"""The models and attacks of the study, as params.yaml and as its tables name them."""

UNDISTILLED = "teacher-1"
HOTTEST = "distilled-100"

CONDITIONS = {
    "clean": "none: clean images",
    "naive": "PGD on the softmax",
    "pgd": "PGD on the cross-entropy, computed from logits",
    "margin": "PGD on the margin of the logits (CW-inf)",
    "temperature": "PGD at temperature 100 (Temperature-PGD)",
    "autoattack": "AutoAttack",
    "transfer": "PGD on the margin, crafted on the undistilled network",
}

VARIANTS = {
    "jsma": "softmax (the paper's)",
    "jsma-logits": "logits",
    "jsma-temperature": "softmax of logits / T",
}
