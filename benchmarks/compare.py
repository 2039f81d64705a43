"""Time the attacks of friendfoe against those of other libraries: same model, images, eps, step, steps, one process.

Every library runs at the batch size that is fastest for it. Time is CPU time of one thread, so that other work on the
machine hardly counts; libraries take turns within a replicate, and the ratio is taken within replicates. Each section
(a network, as trained usually or adversarially; the verdicts of AutoAttack; the distances of Carlini & Wagner) is kept
in results/ as soon as it is measured, and README.md is made from what lies there: a run that was cut off goes on.
"""

import argparse
import json
import os
import platform
from collections.abc import Callable
from datetime import datetime, timezone
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from benchmarks.floor import gradient_floor
from benchmarks.kept import last_commit, save
from benchmarks.networks import KINDS, NETWORKS
from benchmarks.race import pgd_race
from benchmarks.reference import LARGE, autoattack_verdicts, least_distances
from benchmarks.report import write
from benchmarks.saliency import saliency_maps

HOME = Path(__file__).parent
Section = dict[str, Any]
SECTIONS: dict[str, Callable[[int], Section]] = {
    **{f"{name}-{kind}": partial(pgd_race, name, kind) for name in NETWORKS for kind in KINDS},
    "cw": least_distances,
    "autoattack": autoattack_verdicts,
    "autoattack-resnet18": partial(autoattack_verdicts, tasks=LARGE, count=8, queries=5000),
    "jsma": saliency_maps,
    "floor": gradient_floor,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=3)
    parser.add_argument("--sections", nargs="+", choices=list(SECTIONS), default=list(SECTIONS), help="measure these")
    parser.add_argument("--again", action="store_true", help="also what was measured in the same setting already")
    parser.add_argument("--output", type=Path, default=HOME, help="folder of the results and of the page")
    options = parser.parse_args()
    torch.set_num_threads(1)
    now = setting(options.replicates)
    for name in options.sections:
        file = options.output / "results" / f"{name}.json"
        if options.again or not file.exists() or _setting(file) != now:
            section = SECTIONS[name](options.replicates)
            save(file, {"setting": now, "date": datetime.now(timezone.utc).date().isoformat(), **section})
            write(options.output)


def _setting(file: Path) -> Section:
    return dict(json.loads(file.read_text()).get("setting", {}))


def setting(replicates: int) -> Section:
    """What a section was measured with: code, machine, versions."""
    names = ("torch", "foolbox", "adversarial-robustness-toolbox", "torchattacks", "pyautoattack")
    return {
        "code": last_commit("friendfoe/attacks", "friendfoe/evaluation/robust.py"),
        "cpu": about_cpu("model name") or platform.processor(),
        "cores": os.cpu_count(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "bfloat16": has_bfloat16(),
        "replicates": replicates,
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


if __name__ == "__main__":
    main()
