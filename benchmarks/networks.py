"""The networks that are attacked: the project's Fashion-MNIST network, trained as usual and adversarially."""

import os
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from friendfoe.attacks import Threat, pgd
from friendfoe.models.networks.cnn import CNNConfig

EPS = 0.1
CACHE = Path(".friendfoe/benchmarks")


def fashion_mnist(split: str) -> tuple[Tensor, Tensor]:
    """Images float [N, 1, 28, 28] in [0, 1] and labels int64 [N] of ``train`` or ``t10k``, from $FRIENDFOE_DATA."""
    folder = Path(os.environ.get("FRIENDFOE_DATA", "data/raw")) / "FashionMNIST" / "raw"
    if not folder.is_dir():
        sys.exit(f"error: there is no {folder}; set FRIENDFOE_DATA to the folder that holds FashionMNIST/raw")
    images = np.fromfile(folder / f"{split}-images-idx3-ubyte", np.uint8, offset=16).reshape(-1, 1, 28, 28)
    labels = np.fromfile(folder / f"{split}-labels-idx1-ubyte", np.uint8, offset=8)
    return torch.from_numpy(images).float() / 255, torch.from_numpy(labels).long()


def network(kind: str) -> nn.Module:
    """The ``standard`` or the ``adversarial`` (PGD-5 training) network, in eval mode; trained once, then kept."""
    torch.manual_seed(0)
    net = CNNConfig(kind="cnn", width=16).build((1, 28, 28), 10)
    path = CACHE / f"cnn-{kind}.pt"
    if path.exists():
        net.load_state_dict(torch.load(path, weights_only=True))
    else:
        _train(net, adversarial=kind == "adversarial", epochs=2 if kind == "adversarial" else 3)
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(net.state_dict(), path)
    return net.eval()


def _train(net: nn.Module, *, adversarial: bool, epochs: int, batch: int = 128) -> None:
    images, labels = fashion_mnist("train")
    steps = epochs * (len(images) // batch)
    optimizer = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9, weight_decay=5e-4, nesterov=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=steps)
    net.to(memory_format=torch.channels_last)
    for step in range(steps):
        if step % (len(images) // batch) == 0:
            order = torch.randperm(len(images))
            print(f"training: step {step} of {steps}", file=sys.stderr)
        rows = order[(step * batch) % (len(images) - batch) :][:batch]
        x, y = images[rows], labels[rows]
        if adversarial:
            x = pgd(net, x, y, threat=Threat("linf", EPS), steps=5, keep_best=False, seed=step)
        net.train()
        optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimizer.step()
        schedule.step()
    net.to(memory_format=torch.contiguous_format)


if __name__ == "__main__":
    torch.set_num_threads(1)
    test, truth = fashion_mnist("t10k")
    for name in sys.argv[1:] or ("standard", "adversarial"):
        model = network(name)
        with torch.no_grad():
            clean = torch.cat([model(part) for part in test.split(250)]).argmax(1) == truth
        print(name, f"{clean.float().mean():.4f}")
