"""The ceilings of the machine: what a launch costs, and how fast it copies and multiplies."""

import os
from collections.abc import Callable

import torch
from torch import nn

from benchmarks.gpu.setting import Setting, Tell, seconds_of
from friendfoe import runtime

LAUNCHES = 1000


def measure(setting: Setting, tell: Tell) -> None:
    device = runtime.device()
    tell({"what": "processor cores", "value": len(os.sched_getaffinity(0)), "unit": ""})
    if device.type == "cuda":
        about = torch.cuda.get_device_properties(device)
        tell({"what": "card", "value": about.name, "unit": ""})
        tell({"what": "memory of the card", "value": round(about.total_memory / 2**30, 1), "unit": "GiB"})
        tell({"what": "multiprocessors", "value": about.multi_processor_count, "unit": ""})
    _launches(device, tell)
    _copies(device, 2**22 if setting.tiny else 2**30, tell)
    _products(device, 256 if setting.tiny else 8192, tell)


def _launches(device: torch.device, tell: Tell) -> None:
    """Microseconds of a kernel that has nothing to do: what a small network pays for each of its operations."""
    few = torch.zeros(16, device=device)
    conv, maps = nn.Conv2d(16, 16, 3, padding=1).to(device), torch.rand(8, 16, 8, 8, device=device)

    def adds() -> None:
        for _ in range(LAUNCHES):
            few.add_(1)

    def layers() -> None:
        for _ in range(LAUNCHES // 10):
            torch.relu(conv(maps))

    tell(_microseconds("a small kernel, eager", seconds_of(adds, device) / LAUNCHES))
    if device.type == "cuda":
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            adds()
        tell(_microseconds("a small kernel in a graph", seconds_of(graph.replay, device) / LAUNCHES))
    tell(_microseconds("convolution and ReLU with autograd, eager", seconds_of(layers, device) / (LAUNCHES // 10)))


def _microseconds(what: str, seconds: float) -> dict[str, object]:
    return {"what": what, "value": round(seconds * 1e6, 2), "unit": "us"}


def _copies(device: torch.device, count: int, tell: Tell) -> None:
    source = torch.empty(count, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    seconds = seconds_of(lambda: target.copy_(source), device)
    tell({"what": "copy, bytes read and written", "value": round(2 * count / seconds / 1e12, 3), "unit": "TB/s"})


def _products(device: torch.device, size: int, tell: Tell) -> None:
    kinds: dict[str, tuple[torch.dtype, bool]] = {
        "bfloat16": (torch.bfloat16, False),
        "float32": (torch.float32, False),
        "TF32": (torch.float32, True),
    }
    before = torch.backends.cuda.matmul.allow_tf32
    for name, (dtype, rough) in kinds.items():
        if rough and device.type != "cuda":
            continue
        torch.backends.cuda.matmul.allow_tf32 = rough
        left, right = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
        product: Callable[[], object] = lambda a=left, b=right: a @ b  # noqa: E731
        rate = 2 * size**3 / seconds_of(product, device) / 1e12
        tell({"what": f"matrix product, {name}", "value": round(rate, 2), "unit": "TFLOP/s"})
    torch.backends.cuda.matmul.allow_tf32 = before
