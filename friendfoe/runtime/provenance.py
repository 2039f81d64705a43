"""Where a result comes from: code, versions, hardware, date."""

import os
import platform
import subprocess
import sys
from datetime import datetime, timezone
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from friendfoe import runtime

_CARDS = Path("/proc/driver/nvidia/gpus")
PACKAGES = ("torch", "torchvision", "numpy", "matplotlib")


def origin() -> dict[str, Any]:
    """What this process computes with: commit, versions, processor or GPU, date (UTC)."""
    return {**_origin(), "date": datetime.now(timezone.utc).isoformat(timespec="seconds")}


@cache
def _origin() -> dict[str, Any]:
    return {
        "commit": commit(),
        "python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "gpu": _gpu(),
    }


def commit() -> str | None:
    """The commit of this checkout, with "+" where its code was changed since; None without Git."""
    head = _git("rev-parse", "HEAD")
    if head is None:
        return None
    return head + "+" * bool(_git("status", "--porcelain", "--", "friendfoe", "stages"))


def processor() -> str:
    """The model of the processor."""
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    except OSError:  # not Linux
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def _gpu() -> str | None:
    """The GPU that results are computed on, where something has imported torch.

    The driver is asked, not torch: processes that are forked after that could not use the GPU.
    """
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.device_count() or runtime.device().type == "cpu":
        return None
    lines = [line for file in _CARDS.glob("*/information") for line in file.read_text().splitlines()]
    names = {line.split(":", 1)[1].strip() for line in lines if line.startswith("Model:")}
    return ", ".join(sorted(names)) or "a GPU"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git(*arguments: str) -> str | None:
    try:
        run = subprocess.run(("git", *arguments), capture_output=True, text=True, check=False)
    except OSError:
        return None
    return run.stdout.strip() if run.returncode == 0 else None
