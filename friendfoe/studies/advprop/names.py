"""The models of the study, as params.yaml and as its tables name them."""

VANILLA, CONTROL, SHARED, ADVPROP, FINE = "vanilla", "control", "shared-norm", "advprop", "fine-grained"
MADRY, TUNED = "madry", "fine-tuned"
ATTACKERS = "attackers"
"""AdvProp against attackers of other strength."""

METHODS = {
    VANILLA: "vanilla",
    CONTROL: "control: AdvProp with eps 0",
    SHARED: "adversarial training, one batch norm",
    ADVPROP: "AdvProp",
    FINE: "fine-grained AdvProp",
    MADRY: "Madry training",
    TUNED: "Madry training, then clean images",
}
"""What is compared at every size, in the order of the tables."""

EXPLORED = (VANILLA, SHARED, ADVPROP, MADRY)
"""What the explorer shows, each at the largest size."""
ATTACK = "attack"
"""The attack that networks are trained against, as the explorer names it."""


def split(name: str) -> tuple[str, str]:
    """Model and variant of a network, MODEL/VARIANT; one that is given has a single one."""
    model, _, variant = name.partition("/")
    return model, variant


BENCHMARKS = {
    "cifar10-c": "CIFAR-10-C",
    "cifar100-c": "CIFAR-100-C",
    "mnist-c": "MNIST-C",
    "imagenet-c": "ImageNet-C",
    "imagenet-a": "ImageNet-A",
    "stylized-imagenet": "Stylized-ImageNet",
}
"""Published benchmarks (`friendfoe.data.published`)."""
