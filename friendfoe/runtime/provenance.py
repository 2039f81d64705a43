"""Where a result comes from: code, versions, hardware, date."""

import os
import platform
import subprocess
import sys
from datetime import datetime, timezone
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

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
    """The GPU that results are computed on; torch is asked only where something else has imported it."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available() or os.environ.get("FRIENDFOE_DEVICE", "cuda") == "cpu":
        return None
    return str(torch.cuda.get_device_name())


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
