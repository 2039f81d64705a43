"""Networks of which it is known whether their robustness is real."""

import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

from friendfoe.attacks import Threat, fgsm, pgd
from tests.evaluation.gradient_masking.examined import EPS, LARGE, fit


def mlp(seed, width=48):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))


@pytest.fixture(scope="session")
def digits():
    pixels, labels = load_digits(return_X_y=True)
    images = torch.from_numpy(pixels / 16).float().view(-1, 1, 8, 8)
    return images, torch.from_numpy(labels).long()


@pytest.fixture(scope="session")
def plain(digits):
    with torch.random.fork_rng():
        return fit(mlp(0), *digits)


@pytest.fixture(scope="session")
def distilled(digits):
    """Trained twice at T = 100, the second time on the probabilities of the first; used at T = 1."""
    images, labels = digits
    with torch.random.fork_rng():
        teacher = fit(mlp(1), images, labels, temperature=100, steps=400)
        soft = (teacher(images) / 100).softmax(1).detach()
        return fit(mlp(2), images, soft, temperature=100, steps=400)


@pytest.fixture(scope="session")
def robust(digits):
    """Trained against PGD."""
    with torch.random.fork_rng():
        inner = lambda net, x, y: pgd(net, x, y, threat=Threat("linf", EPS), steps=4, keep_best=False)  # noqa: E731
        return fit(mlp(3, 96), *(each[:600] for each in digits), steps=120, attack=inner)


@pytest.fixture(scope="session")
def leaking(digits):
    """Trained against one large step alone, which it learns to mislead (label leaking, catastrophic overfitting)."""
    images, labels = (each[:600] for each in digits)
    with torch.random.fork_rng():
        torch.manual_seed(4)
        layers = nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU()
        net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(1024, 10))
        optimizer = torch.optim.Adam(net.parameters(), 0.003)
        for _ in range(300):
            batch = torch.randint(600, (128,))
            attacked = fgsm(net, images[batch], labels[batch], threat=Threat("linf", LARGE))
            optimizer.zero_grad()
            F.cross_entropy(net(attacked), labels[batch]).backward()
            optimizer.step()
        return net.eval()
