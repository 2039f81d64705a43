"""Time the attacks of friendfoe against those of other libraries: same model, images, eps, step, steps, one process.

Every library runs at the batch size that is fastest for it. Time is CPU time of one thread, so that other work on the
machine hardly counts, and once the time on the clock with a thread per core; libraries take turns within a replicate,
and the ratio is taken within replicates. Results go to results.json, and from there into README.md.
"""

import argparse
import json
import os
import platform
import subprocess
import time
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks import libraries as lib
from benchmarks.networks import EPS, fashion_mnist, network
from benchmarks.race import Clock, fastest_batches, race
from benchmarks.reference import autoattack_verdicts
from benchmarks.report import write

STEPS, STEP = 20, EPS / 4
PARTS = ("standard", "adversarial", "all cores", "autoattack")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1024, help="test images for PGD (default 1024)")
    parser.add_argument("--autoattack-images", type=int, default=200, help="test images for AutoAttack (default 200)")
    parser.add_argument("--replicates", type=int, default=5)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="measure these, keep the others")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, help="folder of the results")
    options = parser.parse_args()
    images, labels = fashion_mnist("t10k")
    results = earlier(options.output, setting(options))
    for part in options.parts:
        torch.set_num_threads((os.cpu_count() or 1) if part == "all cores" else 1)
        if part == "autoattack":
            results[part] = autoattack_verdicts(
                images[: options.autoattack_images], labels[: options.autoattack_images]
            )
        else:
            model = network("standard" if part == "standard" else "adversarial")
            clock = time.perf_counter if part == "all cores" else time.process_time
            data = images[: options.images], labels[: options.images]
            results[part] = compare_pgd(model, *data, options.replicates, clock)
        save(results, options.output)


def earlier(folder: Path, current: dict[str, Any]) -> dict[str, Any]:
    """The results that are there, if they were measured in the same setting."""
    file = folder / "results.json"
    results: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    if {**results.get("setting", {}), "date": current["date"]} != current:
        results = {part: results[part] for part in ("training",) if part in results}  # it has its own setting
    return {**results, "setting": current}


def setting(options: argparse.Namespace) -> dict[str, Any]:
    names = ("torch", "foolbox", "adversarial-robustness-toolbox", "torchattacks", "pyautoattack")
    return {
        "code": subprocess.run(
            ["git", "log", "-1", "--format=%h", "--", "friendfoe/attacks", "friendfoe/evaluation/robust.py"],
            capture_output=True,
            text=True,
            check=False,
        ).stdout.strip(),
        "date": datetime.now(timezone.utc).date().isoformat(),
        "cpu": about_cpu("model name") or platform.processor(),
        "cores": os.cpu_count(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "bfloat16": has_bfloat16(),
        "images": options.images,
        "replicates": options.replicates,
        "attack": f"PGD-{STEPS}, linf, eps {EPS}, step {STEP}, random start",
        "versions": {"python": platform.python_version(), **{name: version(name) for name in names}},
    }


def about_cpu(word: str) -> str:
    """What Linux says of the first processor under ``word``."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    return next((line.split(": ")[1] for line in lines if line.startswith(word)), "")


def has_bfloat16() -> bool:
    """Whether the processor computes in bfloat16; on others torch emulates it, which costs time."""
    return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint((about_cpu("flags") or about_cpu("Features")).split())


def compare_pgd(model: nn.Module, images: Tensor, labels: Tensor, replicates: int, clock: Clock) -> dict[str, Any]:
    """Crafting without and evaluation with early stop, for every library."""
    own = {name: make for name, make in lib.OWN.items() if has_bfloat16() or "bfloat16" not in name}
    makers = {**own, **lib.OTHERS}
    short = {name: make(model, EPS, STEP, 3) for name, make in lib.OTHERS.items()}
    batch = dict.fromkeys(own, len(images))  # friendfoe cuts batches to the cache itself
    batch |= fastest_batches(short, images, labels, clock)

    def crafting(net: nn.Module, name: str) -> Tensor:
        return lib.crafted(makers[name](net, EPS, STEP, STEPS), images, labels, batch[name])

    def evaluation(net: nn.Module, name: str) -> float:
        if name in own:
            precision = "bfloat16" if "bfloat16" in name else "float32"
            return lib.friendfoe_evaluation(net, images, labels, EPS, STEP, STEPS, precision)
        return lib.accuracy(net, crafting(net, name), labels, batch[name])

    def judge(perturbed: Tensor) -> float:
        return lib.accuracy(model, perturbed, labels, 256)

    return {
        "clean accuracy": lib.accuracy(model, images, labels, 256),
        "batch": batch,
        "crafting": race(crafting, makers, model, replicates, judge, clock),
        "evaluation": race(evaluation, makers, model, replicates, lambda accuracy: accuracy, clock),
    }


def save(results: dict[str, Any], folder: Path) -> None:
    """Write what there is so far, as results.json and README.md."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    write(folder)


if __name__ == "__main__":
    main()
