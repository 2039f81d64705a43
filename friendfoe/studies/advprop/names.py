"""The models of the study, as params.yaml and as its tables name them."""

VANILLA, SHARED, ADVPROP, FINE = "vanilla", "shared-norm", "advprop", "fine-grained"
ATTACKERS = "attackers"
"""AdvProp against attackers of other strength."""

METHODS = {
    VANILLA: "vanilla",
    SHARED: "adversarial training, one batch norm",
    ADVPROP: "AdvProp",
    FINE: "fine-grained AdvProp",
    "madry": "Madry training",
    "fine-tuned": "Madry training, then clean images",
}
"""What is compared at every size, in the order of the tables."""

BENCHMARKS = {
    "cifar10-c": "CIFAR-10-C",
    "cifar100-c": "CIFAR-100-C",
    "mnist-c": "MNIST-C",
    "imagenet-c": "ImageNet-C",
    "imagenet-a": "ImageNet-A",
    "stylized-imagenet": "Stylized-ImageNet",
}
"""Published benchmarks (`friendfoe.data.published`)."""
