"""The networks that are attacked, each trained as usual and adversarially: as people have them, none made for this.

Trainings are short, for it is speed that is measured; weights are kept in .friendfoe/benchmarks.
"""

import os
import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from friendfoe.attacks import Threat, pgd
from friendfoe.models.networks.cnn import CNNConfig
from friendfoe.models.networks.mlp import MLPConfig
from friendfoe.models.networks.residual import WideResNetConfig
from friendfoe.models.networks.torchvision import ResNetConfig

CACHE = Path(".friendfoe/benchmarks")
KINDS = ("standard", "adversarial")


@dataclass(frozen=True)
class Data:
    """A data set: how to read its ``train`` and ``test`` images, and the size of perturbations."""

    read: Callable[[str], tuple[Tensor, Tensor]]
    title: str
    eps: float


@dataclass(frozen=True)
class Network:
    """A network, its data, and how long it is trained.

    ``images`` and ``epochs`` are those of a training, of which adversarial training is a second one; ``tested`` is how
    many test images are attacked, fewer with large networks, so that the whole comparison takes an hour.
    """

    title: str
    data: Data
    build: Callable[[], nn.Module]
    images: int
    epochs: int
    tested: int
    learning_rate: float = 0.1


def fashion_mnist(split: str) -> tuple[Tensor, Tensor]:
    """Images float [N, 1, 28, 28] in [0, 1] and labels int64 [N] of ``train`` or ``test``, from $FRIENDFOE_DATA."""
    folder, name = _folder("FashionMNIST/raw"), "t10k" if split == "test" else split
    images = np.fromfile(folder / f"{name}-images-idx3-ubyte", np.uint8, offset=16).reshape(-1, 1, 28, 28)
    labels = np.fromfile(folder / f"{name}-labels-idx1-ubyte", np.uint8, offset=8)
    return torch.from_numpy(images).float() / 255, torch.from_numpy(labels).long()


def cifar10(split: str) -> tuple[Tensor, Tensor]:
    """Images float [N, 3, 32, 32] in [0, 1] and labels int64 [N]; of the training images the first 10 000."""
    file = _folder("cifar-10-batches-py") / ("test_batch" if split == "test" else "data_batch_1")
    batch = pickle.loads(file.read_bytes(), encoding="bytes")  # the official file, from the reader's own folder
    return torch.from_numpy(batch[b"data"]).view(-1, 3, 32, 32).float() / 255, torch.tensor(batch[b"labels"])


def _folder(name: str) -> Path:
    folder = Path(os.environ.get("FRIENDFOE_DATA", "data/raw")) / name
    if not folder.is_dir():
        sys.exit(f"error: there is no {folder}; set FRIENDFOE_DATA to the folder that holds {name}")
    return folder


def _vit() -> nn.Module:
    from torchvision.models import VisionTransformer

    return VisionTransformer(32, patch_size=4, num_layers=4, num_heads=4, hidden_dim=128, mlp_dim=256, num_classes=10)


def _convnext() -> nn.Module:
    from torchvision.models.convnext import CNBlockConfig, ConvNeXt

    return ConvNeXt([CNBlockConfig(48, 96, 2), CNBlockConfig(96, 192, 2), CNBlockConfig(192, None, 2)], num_classes=10)


FASHION = Data(fashion_mnist, "Fashion-MNIST", 0.1)
CIFAR = Data(cifar10, "CIFAR-10", 8 / 255)
_COLOUR, _GREY = (3, 32, 32), (1, 28, 28)
NETWORKS = {
    "cnn": Network("CNN", FASHION, lambda: CNNConfig(kind="cnn", width=16).build(_GREY, 10), 10_000, 2, 256),
    "mlp": Network("MLP", FASHION, lambda: MLPConfig(kind="mlp", hidden=[256, 256]).build(_GREY, 10), 10_000, 2, 512),
    "resnet18": Network(
        "ResNet-18", CIFAR, lambda: ResNetConfig(kind="resnet", depth=18).build(_COLOUR, 10), 3000, 2, 16
    ),
    "wrn": Network(
        "WRN-16-4",
        CIFAR,
        lambda: WideResNetConfig(kind="wide_resnet", depth=16, width=4).build(_COLOUR, 10),
        3000,
        2,
        32,
    ),
    "vit": Network("ViT", CIFAR, _vit, 10_000, 2, 32, 0.02),
    "convnext": Network("ConvNeXt", CIFAR, _convnext, 10_000, 2, 128, 0.02),
}


def trained(name: str, kind: str) -> nn.Module:
    """A network of the list, ``standard`` or ``adversarial``, in eval mode; trained once, then kept.

    Adversarially: on a step of FGSM from a random start (Wong et al. 2020, "Fast is better than free"), from the
    weights of standard training on, which short trainings gain most by (Jeddi et al. 2020, "A simple fine-tuning is all
    you need").
    """
    torch.manual_seed(0)
    network = NETWORKS[name]
    net = network.build()
    path = CACHE / f"{name}-{kind}.pt"
    if path.exists():
        net.load_state_dict(torch.load(path, weights_only=True))
    else:
        if kind == "adversarial":
            net = trained(name, "standard")
        _train(net, network, adversarial=kind == "adversarial")
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(net.state_dict(), path)
    return net.eval()


def _train(net: nn.Module, network: Network, *, adversarial: bool, batch: int = 100) -> None:
    torch.manual_seed(0)  # of the order of the images
    images, labels = (part[: network.images] for part in network.data.read("train"))
    steps = network.epochs * (len(images) // batch)
    optimizer = torch.optim.SGD(net.parameters(), network.learning_rate, momentum=0.9, weight_decay=5e-4, nesterov=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, network.learning_rate, total_steps=steps)
    threat = Threat("linf", network.data.eps)
    net.to(memory_format=torch.channels_last)
    for step in range(steps):
        if step % (len(images) // batch) == 0:
            order = torch.randperm(len(images))
            print(f"training: step {step} of {steps}", file=sys.stderr)
        rows = order[step * batch % len(images) :][:batch]
        x, y = images[rows], labels[rows]
        with torch.autocast("cpu", torch.bfloat16):
            if adversarial:
                x = pgd(net, x, y, threat=threat, steps=1, step_size=1.25 * threat.eps, keep_best=False, seed=step)
            net.train()
            loss = F.cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    net.to(memory_format=torch.contiguous_format)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for name in sys.argv[1:] or NETWORKS:
        test, truth = NETWORKS[name].data.read("test")
        for kind in KINDS:
            model = trained(name, kind)
            with torch.no_grad():
                clean = model(test[:500]).argmax(1) == truth[:500]
            print(name, kind, f"{clean.float().mean():.3f}", flush=True)
