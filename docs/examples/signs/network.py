"""A small network for traffic signs of 32x32 pixels, as one may have it from elsewhere.

python docs/examples/signs/network.py IMAGES.npz SEED     leaves weights-SEED.pt beside this file
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

EPOCHS, BATCH = 12, 128


def block(channels: int, width: int) -> list[nn.Module]:
    """A convolution that halves the sides."""
    return [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)]


def make(classes: int = 43) -> nn.Module:
    """Logits of images that are normalised to [-1, 1]."""
    return nn.Sequential(*block(3, 32), *block(32, 64), *block(64, 128), nn.Flatten(), nn.Linear(128 * 16, classes))


def train(file: str, seed: int) -> None:
    """Train on the training images of an npz file."""
    torch.manual_seed(seed)
    with np.load(file) as signs:
        images = torch.from_numpy(signs["train_images"]).permute(0, 3, 1, 2).float() / 255
        labels = torch.from_numpy(signs["train_labels"])
    network, steps = make(), len(images) // BATCH
    optimizer = torch.optim.AdamW(network.parameters(), 2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, EPOCHS * steps)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(images))[: steps * BATCH].split(BATCH):
            places = torch.randint(-3, 4, (2,)).tolist()
            light = torch.empty(BATCH, 1, 1, 1).uniform_(0.6, 1.4)
            shown = (images[rows].roll(places, (2, 3)) * light).clamp(0, 1)
            loss = cross_entropy(network((shown - 0.5) / 0.5), labels[rows], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    torch.save(network.state_dict(), Path(__file__).with_name(f"weights-{seed}.pt"))


if __name__ == "__main__":
    train(sys.argv[1], int(sys.argv[2]))
