"""`python -m benchmarks.diagnosis`: what `friendfoe evaluate` costs on top of an attack, beside other libraries.

PGD-20 on a ResNet-18 of torchvision with images of 32x32, one thread. Nothing falls (labels are the network's answers,
eps is tiny), so that friendfoe, which stops at images that have fallen, has as many steps to make as the others; and it
writes all that it writes for a user, but for the page. Needs the development environment, and torchattacks.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn
from torchvision.models import get_model

from benchmarks import libraries as lib
from friendfoe import evaluate
from friendfoe.attacks import Threat
from friendfoe.attacks.pgd import PGDConfig

EPS, STEPS = 1e-6, 20
Run = Callable[[nn.Module, Tensor, Tensor], float]
"""Network, images and labels -> robust accuracy."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--replicates", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = get_model("resnet18", num_classes=10).eval()
    images = torch.rand(options.images, 3, 32, 32)
    with torch.no_grad():
        labels = torch.cat([network(part).argmax(1) for part in images.split(250)])
    seconds: dict[str, list[float]] = {}
    for number in range(options.replicates):
        for name, run in RUNS.items():
            try:
                start = time.process_time()
                robust = run(network, images, labels)
                seconds.setdefault(name, []).append(time.process_time() - start)
            except ImportError as error:
                print(f"{name}: left out ({error})", file=sys.stderr)
                continue
            assert robust == 1, f"{name}: {robust}"
            print(f"{number + 1}/{options.replicates} {name}: {seconds[name][-1]:.2f} s", file=sys.stderr)
    for name, own in seconds.items():
        ratio = statistics.median(theirs / ours for theirs, ours in zip(own, seconds["friendfoe"], strict=True))
        print(f"{name}: {statistics.median(own):.2f} CPU seconds, {ratio:.2f} of friendfoe's")


def friendfoe_evaluate(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    with TemporaryDirectory() as folder:
        attacks = {"pgd": PGDConfig(attack="pgd", steps=STEPS)}
        threat = Threat("linf", EPS)
        found = evaluate(network, images, labels, threat=threat, attacks=attacks, checks=False, out=Path(folder))
        return float(found.right("pgd").mean())


def others(make: Callable[..., lib.Attack], batch: int = 128) -> Run:
    def run(network: nn.Module, images: Tensor, labels: Tensor) -> float:
        attack = make(network, EPS, EPS / 4, STEPS)
        return lib.accuracy(network, lib.crafted(attack, images, labels, batch), labels, batch)

    return run


RUNS: dict[str, Run] = {"friendfoe": friendfoe_evaluate, **{name: others(make) for name, make in lib.OTHERS.items()}}

if __name__ == "__main__":
    main()
