"""Where and how a stage computes: environment settings that must never change what is cached, and seeds that do."""

from __future__ import annotations

import hashlib
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from friendfoe.runtime import paths
from friendfoe.runtime.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch


N = TypeVar("N", int, float)


def number(name: str, default: N, *, least: int) -> N:
    """The number in an environment variable, of the type of its default; no smaller than `least`.

    Raises:
        UserError: it is something else.
    """
    text, kind = os.environ.get(name), type(default)
    if text is None:
        return default
    try:
        value = kind(text)
        if value >= least:  # what is not a number is not
            return value
    except ValueError:
        pass
    what = "a whole number" if kind is int else "a number"
    raise UserError(f"{name}={text}: must be {what}, {least} or more; change it, or leave it out")


def data_root() -> Path:
    """The folder of raw data: `FRIENDFOE_DATA`, relative to the project; default `data/raw`.

    Raises:
        UserError: it begins with the home folder of somebody who is not known here.
    """
    text = os.environ.get("FRIENDFOE_DATA") or "data/raw"
    try:
        return paths.workspace() / Path(text).expanduser()
    except RuntimeError:
        raise UserError(f"FRIENDFOE_DATA={text}: there is no such home folder; change it, or leave it out") from None


_preferred = "cuda"  # where there is a GPU


def prefer(name: str) -> None:
    """Take the device "cpu" or "cuda" from now on, also in forks, where nothing says which."""
    global _preferred
    _preferred = name


def is_to_choose() -> bool:
    """Whether there is a GPU, and `FRIENDFOE_DEVICE` does not say whether to use it."""
    return _said() is None and _cards() > 0


def _said() -> str | None:
    name = os.environ.get("FRIENDFOE_DEVICE")
    return None if name in ("", "auto") else name


def _cards() -> int:
    """How many GPUs there are; none of them is used yet."""
    import torch

    # lest torch goes to the GPU to see whether there is one
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    return torch.cuda.device_count()


def device() -> torch.device:
    """The device of `FRIENDFOE_DEVICE` ("cpu", "cuda", "cuda:1"; "auto", the default: the GPU where there is one).

    A stage whose data set is tiny takes the CPU by default (`data.device`).

    A GPU computes float32 as it is from then on, unless that is said to be `fast`; nothing is done on it yet, so that
    processes that are forked can use it.

    Raises:
        UserError: the device does not exist here, or has no float64, in which sums are kept.
    """
    import torch

    from friendfoe.runtime.precision import exact_unless_said

    cards = _cards()
    name = _said() or (_preferred if cards else "cpu")
    if name == "cuda" and "LOCAL_RANK" in os.environ:  # torchrun: one process, one GPU
        name = f"cuda:{os.environ['LOCAL_RANK']}"
    try:
        found = torch.device(name)
        if found.type == "cuda":
            if (index := found.index or 0) < cards:
                exact_unless_said()
                return torch.device("cuda", index)  # some functions of torch.cuda refuse one without a number
        elif (torch.zeros(1, device=found, dtype=torch.float64) + 1).item() == 1:  # "meta" has no numbers
            return found
    except (RuntimeError, AssertionError, NotImplementedError, ImportError, TypeError):
        pass
    raise UserError(f"FRIENDFOE_DEVICE={name}: no such device here; set it to cpu, or leave it out")


def batch_size(device: torch.device, shape: Sequence[int]) -> int:
    """How many images of the shape [N, C, H, W] to give to a network at once, where no result depends on it."""
    # a batch that fits the cache of a CPU is about twice as fast as one that does not; memory has to hold activations,
    # of 111 images of 3x224x224
    return min(250 if device.type == "cpu" else 4096, max(1, 2**24 // math.prod(shape[1:])))


def workers() -> int:
    """How many processes or threads may work side by side: `FRIENDFOE_WORKERS`, default one per core."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return number("FRIENDFOE_WORKERS", cores, least=1)


def seed(*words: str | int) -> int:
    """A seed in [0, 2**63) that depends on all `words`: the same on every machine and in every Python version."""
    digest = hashlib.sha256("\0".join(map(str, words)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def crafting_seed(base: int, data: str, replicate: int) -> int:
    """The seed of attacks on the images of a data set.

    The same for all attacks and models of a replicate, so that what is compared starts at the same random points; and
    the same whatever an attack is called.
    """
    return seed(base, data, "craft", replicate)
