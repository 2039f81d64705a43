"""How the tests of the checks train a network, and what they ask of it."""

import torch
import torch.nn.functional as F

from friendfoe.attacks import AttackConfig
from friendfoe.evaluation.gradient_masking import Outcome, gradient_masking

EPS, LARGE = 0.1, 0.4
FGSM, SOFTMAX, AUTOATTACK = (
    AttackConfig.model_validate(settings)
    for settings in (
        {"attack": "fgsm"},
        {"attack": "pgd", "loss": "softmax"},
        {"attack": "autoattack", "steps": 20, "n_target_classes": 3, "n_queries": 100},
    )
)


def fit(net, images, targets, *, temperature=1.0, steps=250, attack=None):
    optimizer = torch.optim.Adam(net.parameters(), 0.01 * temperature**0.5)
    for _ in range(steps):
        shown = images if attack is None else attack(net, images, targets)
        optimizer.zero_grad()
        F.cross_entropy(net(shown) / temperature, targets).backward()
        optimizer.step()
    return net.eval()


def checks(model, digits, *, eps=EPS, n=200, **more):
    images, labels = digits
    found = gradient_masking(model, images[:n], labels[:n], eps=eps, **more)
    assert all(check.question.endswith("?") and (check.numbers or check.reason) for check in found)
    assert len({check.name for check in found}) == len(found) == 17
    return {check.name: check for check in found}


def failed(model, digits, **more):
    return {name for name, check in checks(model, digits, **more).items() if check.outcome is Outcome.FAILED}
