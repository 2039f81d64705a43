"""The networks that are attacked: a CNN, a ResNet-18 and a ViT, after a few steps of adversarial training."""

import torch
from torch import Tensor, nn
from torchvision.models import VisionTransformer

from benchmarks.gpu.setting import Setting
from benchmarks.gpu.workspace import images_of
from friendfoe.models.networks.cnn import CNNConfig
from friendfoe.models.networks.torchvision import ResNetConfig
from friendfoe.training.images import TrainingImages
from friendfoe.training.job import InnerAttack, TrainingConfig
from friendfoe.training.loop import train
from friendfoe.training.methods.adversarial_training import AdversarialTrainingConfig, RobustObjective

EPS = 8 / 255
SHAPE = (3, 32, 32)
NAMES = ("CNN", "ResNet-18", "ViT")
_STEPS = 200  # so that some images withstand and others fall; nobody would use such a network


def network(name: str, setting: Setting, device: torch.device) -> nn.Module:
    """One of `NAMES` for 3x32x32 and ten classes, in eval mode on the device."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = _build(name, setting.tiny).to(device, memory_format=torch.channels_last)
    steps = 2 if setting.tiny else _STEPS
    split, batch = images_of("cifar10", "train"), 16 if setting.tiny else 256
    rows = torch.arange(min(len(split), steps * batch))
    images = TrainingImages([split.images[rows]], split.labels[rows], 1.0, 0, device)
    rate = 0.001 if name == "ViT" else 0.05
    budget = TrainingConfig(
        epochs=1, batch=batch, optimizer="adamw" if name == "ViT" else "sgd", learning_rate=rate, precision="bfloat16"
    )
    method = AdversarialTrainingConfig(method="adversarial-training", objective="pgd-at")
    train(net, images, RobustObjective(method, EPS, InnerAttack(steps=2, rel_step=0.7), 1), budget, base_seed=0)
    return net.eval()


def _build(name: str, tiny: bool) -> nn.Module:
    if name == "CNN":
        return CNNConfig(kind="cnn", width=4 if tiny else 16).build(SHAPE, 10)
    if name == "ResNet-18":
        return ResNetConfig(kind="resnet", depth=18).build(SHAPE, 10)
    layers, width = (1, 24) if tiny else (6, 192)
    return VisionTransformer(32, 4, layers, 3, width, 4 * width, num_classes=10)


def test_images(count: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Test images of CIFAR-10 in [0, 1], and their labels."""
    split = images_of("cifar10", "test")
    rows = torch.linspace(0, len(split) - 1, min(count, len(split))).long()
    return split.images[rows].float().div(255).to(device), split.labels[rows].to(device)
