"""Time an epoch of AdvProp against one of vanilla training: `python -m benchmarks.training`.

K attack steps may cost K + 2.5 times vanilla training: K forward and backward passes for the images, two for the
losses, and half of one for all else. Time is CPU time of one thread; the kinds of training take turns, and the ratio is
taken within replicates. Results go to results/training.json, and from there into README.md; no other library is needed.
"""

import argparse
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch

from benchmarks.kept import last_commit, save
from benchmarks.report import write
from friendfoe.models.classifier import build
from friendfoe.models.config import NetworkConfig, Shape
from friendfoe.models.networks.cnn import CNNConfig
from friendfoe.models.networks.torchvision import ResNetConfig
from friendfoe.training.images import TrainingImages
from friendfoe.training.job import InnerAttack, TrainingConfig
from friendfoe.training.loop import train
from friendfoe.training.methods.advprop import AdvPropConfig, AdvPropObjective

EPS = 0.1
STEPS = (1, 3, 5)
CASES = {  # network, shape of the images, how many, of how many in a batch
    "CNN of width 16, 28×28": (CNNConfig(kind="cnn", width=16), (1, 28, 28), 1280, 128),
    "ResNet-18, 16×16": (ResNetConfig(kind="resnet", depth=18), (3, 16, 16), 32, 16),
}
VANILLA = [{"images": "clean"}]
ADVPROP = [*VANILLA, {"images": "adversarial", "branch": "adversarial"}]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=3)
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, help="folder of the results")
    options = parser.parse_args()
    torch.set_num_threads(1)
    results = {
        "code": last_commit("friendfoe/attacks", "friendfoe/training", "friendfoe/models"),
        "date": datetime.now(timezone.utc).date().isoformat(),
        "replicates": options.replicates,
        "cases": [race(name, options.replicates) for name in options.cases],
    }
    save(options.output / "results" / "training.json", results)
    write(options.output)


def race(case: str, replicates: int) -> dict[str, Any]:
    """CPU seconds of an epoch of every kind of training, replicate by replicate."""
    config, shape, count, batch = CASES[case]
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (count, *shape), dtype=torch.uint8, generator=generator)
    images = TrainingImages([pixels], torch.arange(count) % 10, 1.0, 0, torch.device("cpu"))
    runs: dict[str, list[float]] = {name: [] for name in ("vanilla", *(f"{steps} steps" for steps in STEPS))}
    epoch(config, shape, images, batch, 1)  # to warm up
    for number in range(replicates):
        for name, seconds in runs.items():
            steps = 0 if name == "vanilla" else int(name.split()[0])
            seconds.append(round(epoch(config, shape, images, batch, steps), 3))
            print(f"{number + 1}/{replicates} {case}, {name}: {seconds[-1]:.2f} s", file=sys.stderr)
    return {"network": case, "images": count, "batch": batch, "seconds": runs}


def epoch(config: NetworkConfig, shape: Shape, images: TrainingImages, batch: int, steps: int) -> float:
    """CPU seconds of one epoch with so many attack steps; without any, of vanilla training."""
    section = {"method": "advprop", "distributions": ADVPROP if steps else VANILLA}
    method = AdvPropConfig.model_validate(section)
    network = build(config, shape, 10).to(memory_format=torch.channels_last)
    method.prepare(network)
    budget = TrainingConfig(epochs=1, batch=batch, optimizer="sgd", learning_rate=0.05)
    objective = AdvPropObjective(method, EPS, InnerAttack(steps=max(1, steps)), epochs=1)
    start = time.process_time()
    train(network, images, objective, budget, base_seed=0)
    return time.process_time() - start


if __name__ == "__main__":
    main()
