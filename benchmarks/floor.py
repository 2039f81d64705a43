"""How near the processor's peak a gradient of ResNet-18 is, and what other ways to compute it would gain.

Ways that are known to be equal in exact arithmetic: another memory format; batch norm of eval mode folded into the
convolutions; a frozen graph; compiled by inductor. No gradients for weights are asked for in any.
"""

import copy
import statistics
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.networks import NETWORKS, trained
from friendfoe.attacks.losses import log_odds
from friendfoe.attacks.white_box import white_box

NAME, IMAGES, ROUNDS = "resnet18", 16, 5
Gradient = Callable[[Tensor, Tensor], Tensor]


def gradient_floor(replicates: int) -> dict[str, Any]:
    """CPU milliseconds an image of each way, all in turns, the difference of its gradient, and the peak."""
    model = trained(NAME, "standard").requires_grad_(False)
    images, labels = (part[:IMAGES] for part in NETWORKS[NAME].data.read("test"))
    ways: dict[str, Gradient] = {
        "plain": plain(model),
        "plain, channels_last": plain(copy.deepcopy(model).to(memory_format=torch.channels_last)),
        "batch norm folded": plain(folded(model)),
        "batch norm folded, channels_last": plain(folded(model).to(memory_format=torch.channels_last)),
        "torch.jit.freeze": plain(torch.jit.freeze(torch.jit.trace(model, images))),
        "torch.compile": plain(torch.compile(model)),
    }
    with white_box(model) as box:
        ways["friendfoe"] = lambda x, y: box.gradient(x, y, log_odds)[2]
        exact = ways["plain"](images, labels)
        rows: dict[str, dict[str, Any]] = {}
        for name, way in ways.items():
            way(images, labels)  # traces and compilers need two
            difference = (way(images, labels) - exact).abs().max() / exact.abs().max()
            rows[name] = {"milliseconds": [], "difference": difference.item()}
        for _ in range(max(ROUNDS, replicates)):
            for name, way in ways.items():
                start = time.process_time()
                way(images, labels)
                rows[name]["milliseconds"].append(round(1000 * (time.process_time() - start) / IMAGES, 2))
    with FlopCounterMode(display=False) as counter:
        model(images[:1])
    print({name: statistics.median(row["milliseconds"]) for name, row in rows.items()}, file=sys.stderr)
    return {
        "network": NETWORKS[NAME].title,
        "images": IMAGES,
        "ways": rows,
        "gigaflops": round(2 * counter.get_total_flops() / 1e9, 2),  # forward, and back to the images
        "peak": round(matrix_product(), 1),
    }


def plain(model: Any) -> Gradient:
    def gradient(images: Tensor, labels: Tensor) -> Tensor:
        images = images.clone().requires_grad_()
        with torch.enable_grad():
            total = log_odds(model(images), labels).sum()
        return torch.autograd.grad(total, images)[0]

    return gradient


def folded(model: nn.Module) -> nn.Module:
    """A copy in which each batch norm that follows a convolution has become part of it."""
    model = copy.deepcopy(model)
    for parent in model.modules():
        parts = list(parent.named_children())
        for (first, convolution), (second, norm) in pairwise(parts):
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(parent, first, fuse_conv_bn_eval(convolution, norm))
                setattr(parent, second, nn.Identity())
    return model.eval()


def matrix_product(side: int = 2048) -> float:
    """Gigaflops a second of a large product of float32 matrices, the best of five."""
    left, right = torch.randn(side, side), torch.randn(side, side)
    seconds = []
    for _ in range(5):
        start = time.process_time()
        left @ right
        seconds.append(time.process_time() - start)
    return float(2 * side**3 / min(seconds) / 1e9)
