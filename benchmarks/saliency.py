"""JSMA beside ART: the same images, targets and budget; how long both take, and how often they reach the target."""

import sys
import time
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.networks import NETWORKS, trained
from friendfoe.attacks import Threat, jsma
from friendfoe.evaluation.robust import PassCounter

IMAGES = 48
SHARE = 0.1428572  # of the features: 112 of 784
CASES = (("cnn", "standard"), ("cnn", "adversarial"), ("mlp", "standard"))


def saliency_maps(replicates: int) -> dict[str, Any]:
    """CPU seconds of every replicate, share of the images that reach their target, features changed, and passes.

    Both set pairs of features to 1: friendfoe the pair that the saliency map of the paper puts first, for the softmax
    or for the logits; ART the two features by which the target's logit rises most.
    """
    cases: list[dict[str, Any]] = []
    for name, kind in CASES:
        model = trained(name, kind)
        images, labels = (part[:IMAGES] for part in NETWORKS[name].data.read("test"))
        targets = (labels + 1 + torch.arange(IMAGES) % 9) % 10
        case: dict[str, Any] = {"network": NETWORKS[name].title, "training": kind}
        runs = {"friendfoe": _friendfoe, "friendfoe, logits": _of_logits, "ART": _art}
        case |= {library: {"seconds": []} for library in runs}
        for _ in range(replicates):
            for library, run in runs.items():
                counter = PassCounter(model).eval()
                start = time.process_time()
                perturbed = run(counter, images, labels, targets)
                case[library]["seconds"].append(round(time.process_time() - start, 2))
                with torch.no_grad():
                    reached = model(perturbed).argmax(1) == targets
                changed = (perturbed != images).flatten(1).sum(1)[reached]
                case[library] |= {"reached": reached.double().mean().item(), "changed": changed.double().mean().item()}
                case[library] |= {"most": int((perturbed != images).flatten(1).sum(1).max())}
                case[library] |= {"backward": counter.backward_passes}
                print(f"jsma, {name}, {kind}, {library}: {case[library]}", file=sys.stderr, flush=True)
        cases.append(case)
    return {"images": IMAGES, "share": SHARE, "cases": cases}


def _friendfoe(model: nn.Module, images: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
    return jsma(model, images, labels, threat=Threat("l0", SHARE), targets=targets)


def _of_logits(model: nn.Module, images: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
    return jsma(model, images, labels, threat=Threat("l0", SHARE), targets=targets, output="logits")


def _art(model: nn.Module, images: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
    from art.attacks.evasion import SaliencyMapMethod
    from art.estimators.classification import PyTorchClassifier

    shape = tuple(images.shape[1:])
    classifier = PyTorchClassifier(model, nn.CrossEntropyLoss(), shape, 10, clip_values=(0.0, 1.0), device_type="cpu")
    attack = SaliencyMapMethod(classifier, theta=1.0, gamma=SHARE, batch_size=len(images), verbose=False)
    return torch.from_numpy(attack.generate(images.numpy(), np.eye(10)[targets.numpy()]))
