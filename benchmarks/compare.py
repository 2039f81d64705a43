"""Time the attacks of friendfoe against those of other libraries: same model, images, eps, step, steps, one process.

Every library runs at the batch size that is fastest for it. Time is CPU time, so that other work on the machine hardly
counts; libraries take turns within a replicate, and the ratio is taken within replicates. Results go to results.json,
and from there into README.md.
"""

import argparse
import json
import os
import platform
import subprocess
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks import libraries as lib
from benchmarks.networks import EPS, fashion_mnist, network
from benchmarks.race import fastest_batch, race
from benchmarks.reference import autoattack_verdicts
from benchmarks.report import write

STEPS, STEP = 20, EPS / 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1024, help="test images for PGD (default 1024)")
    parser.add_argument(
        "--autoattack-images", type=int, default=200, help="test images for AutoAttack; 0: leave it out"
    )
    parser.add_argument("--replicates", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, help="folder of the results")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    images, labels = fashion_mnist("t10k")
    results: dict[str, Any] = {"setting": setting(chosen)}
    for kind in ("standard", "adversarial"):
        data = images[: chosen.images], labels[: chosen.images]
        results[kind] = compare_pgd(network(kind), *data, chosen.replicates)
        save(results, chosen.output)
    results["bfloat16"] = compare_precision(network("standard"), images[:128], labels[:128], chosen.replicates)
    save(results, chosen.output)
    if chosen.autoattack_images:
        data = images[: chosen.autoattack_images], labels[: chosen.autoattack_images]
        results["autoattack"] = autoattack_verdicts(*data)
        save(results, chosen.output)


def setting(chosen: argparse.Namespace) -> dict[str, Any]:
    names = ("torch", "foolbox", "adversarial-robustness-toolbox", "torchattacks", "pyautoattack")
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    cpu = next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.processor())
    return {
        "code": subprocess.run(
            ["git", "log", "-1", "--format=%h", "--", "friendfoe/attacks", "friendfoe/evaluation/robust.py"],
            capture_output=True,
            text=True,
            check=False,
        ).stdout.strip(),
        "date": datetime.now(timezone.utc).date().isoformat(),
        "cpu": f"{cpu}, {os.cpu_count()} cores, {torch.backends.cpu.get_cpu_capability()}",
        "threads": chosen.threads,
        "images": chosen.images,
        "replicates": chosen.replicates,
        "attack": f"PGD-{STEPS}, linf, eps {EPS}, step {STEP}, random start",
        "versions": {"python": platform.python_version(), **{name: version(name) for name in names}},
    }


def compare_pgd(model: nn.Module, images: Tensor, labels: Tensor, replicates: int) -> dict[str, Any]:
    """Crafting without and evaluation with early stop, for every library."""
    makers = {"friendfoe": lib.friendfoe, **lib.OTHERS}
    batch = {"friendfoe": len(images)}  # friendfoe cuts batches to the cache itself
    for name, make in lib.OTHERS.items():
        batch[name] = fastest_batch(make(model, EPS, STEP, 2), images, labels)

    def crafting(net: nn.Module, name: str) -> Tensor:
        return lib.crafted(makers[name](net, EPS, STEP, STEPS), images, labels, batch[name])

    def evaluation(net: nn.Module, name: str) -> float:
        if name == "friendfoe":
            return lib.friendfoe_evaluation(net, images, labels, EPS, STEP, STEPS)
        return lib.accuracy(net, crafting(net, name), labels, batch[name])

    return {
        "clean accuracy": lib.accuracy(model, images, labels, 256),
        "batch": batch,
        "crafting": race(crafting, makers, model, replicates, lambda made: lib.accuracy(model, made, labels, 256)),
        "evaluation": race(evaluation, makers, model, replicates, lambda reached: reached),
    }


def compare_precision(model: nn.Module, images: Tensor, labels: Tensor, replicates: int) -> dict[str, Any]:
    """Crafting in float32 and under autocast to bfloat16."""
    makers = {"friendfoe": lib.friendfoe, "friendfoe, bfloat16": lib.friendfoe_bfloat16}

    def crafting(net: nn.Module, name: str) -> Tensor:
        return makers[name](net, EPS, STEP, STEPS)(images, labels)

    timed = race(crafting, makers, model, replicates, lambda made: lib.accuracy(model, made, labels, 256))
    return {"images": len(images), "crafting": timed}


def save(results: dict[str, Any], folder: Path) -> None:
    """Write what there is so far, as results.json and README.md."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    write(folder)


if __name__ == "__main__":
    main()
