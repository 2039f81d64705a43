"""The card against the CPU: what has the same bits, and how far apart the rest is."""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchmarks.gpu import workspace
from benchmarks.gpu.networks import EPS, test_images
from benchmarks.gpu.setting import Setting, Tell
from friendfoe import runtime
from friendfoe.attacks import Threat, apgd, cw_l2, jsma, pgd, square
from friendfoe.attacks.pgd import PGDConfig
from friendfoe.data.corruptions import CORRUPTIONS, MNIST_C, corrupt
from friendfoe.evaluation.robust import robustness
from friendfoe.models.classifier import build
from friendfoe.models.networks.cnn import CNNConfig
from friendfoe.runtime.draws import normal, uniform

CPU = torch.device("cpu")
_LINF, _L2, _L0 = Threat("linf", EPS), Threat("l2", 0.5), Threat("l0", 0.02)
ATTACKS: dict[str, Callable[[nn.Module, Tensor, Tensor], Tensor]] = {
    "PGD, linf": lambda net, x, y: pgd(net, x, y, threat=_LINF, steps=10),
    "PGD, l2": lambda net, x, y: pgd(net, x, y, threat=_L2, steps=10),
    "APGD": lambda net, x, y: apgd(net, x, y, threat=_LINF, steps=10),
    "Square": lambda net, x, y: square(net, x, y, threat=_LINF, n_queries=20),
    "CW-L2": lambda net, x, y: cw_l2(net, x, y, threat=_L2, steps=10, binary_search_steps=2),
    "JSMA": lambda net, x, y: jsma(net, x, y, threat=_L0),
}


def measure(setting: Setting, tell: Tell) -> None:
    device = runtime.device()
    workspace.enter(setting)
    names, count = torch.arange(16 if setting.tiny else 1000), 300
    for draw in (uniform, normal):
        apart = (draw(3, names.to(device), count).cpu() - draw(3, names, count)).abs().max()
        tell({"what": f"noise, {draw.__name__}", "largest difference": float(apart)})
    net = _fitted(setting)
    images, labels = test_images(8 if setting.tiny else 64, CPU)
    for name, attack in ATTACKS.items():
        wide = copy.deepcopy(net).double()
        on_cpu = attack(wide, images.double(), labels)
        on_card = attack(wide.to(device), images.double().to(device), labels.to(device)).cpu()
        apart = (on_cpu - on_card).abs().flatten(1).amax(1)
        tell({"what": f"{name}, float64", "largest difference": float(apart.max()), "images": len(images),
              "that differ by 1e-6": int((apart > 1e-6).sum())})  # fmt: skip
    _verdicts(net, 16 if setting.tiny else 1000, device, tell)
    _corruptions(images[:8], device, tell)


def _fitted(setting: Setting) -> nn.Module:
    """A CNN on the CPU that knows a little, so that verdicts differ from image to image."""
    net = build(CNNConfig(kind="cnn", width=4 if setting.tiny else 16), (3, 32, 32), 10)
    split = workspace.images_of("cifar10", "train")
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    for rows in torch.arange(min(len(split), 64 if setting.tiny else 12_800)).split(64):
        loss = nn.functional.cross_entropy(net(split.images[rows].float() / 255), split.labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net.eval()


def _verdicts(net: nn.Module, count: int, device: torch.device, tell: Tell) -> None:
    """Which images fall, in float32; crafted in float32 and in bfloat16."""
    images, labels = test_images(count, CPU)
    for precision in ("float32", "bfloat16"):
        attack = PGDConfig(attack="pgd", steps=10, precision=precision)
        found = [
            robustness(copy.deepcopy(net).to(at), images.to(at), labels.to(at), {"pgd": attack}, eps=EPS, seed=0)
            for at in (CPU, device)
        ]
        clean, robust = ([(each.robust if i else each.clean).cpu() for each in found] for i in (0, 1))
        tell({"what": f"verdicts, crafted in {precision}", "images": len(images),
              "accuracy under PGD-10": round(robust[1].float().mean().item(), 4),
              "clean verdicts that differ": int((clean[0] != clean[1]).sum()),
              "robust verdicts that differ": int((robust[0] != robust[1]).sum())})  # fmt: skip


def _corruptions(images: Tensor, device: torch.device, tell: Tell) -> None:
    for name in (*CORRUPTIONS, *MNIST_C):
        on_cpu, on_card = (corrupt(images.to(at), name, 3, seed=0).cpu() for at in (CPU, device))
        tell({"what": f"corruption, {name}", "largest difference": float((on_cpu - on_card).abs().max())})
