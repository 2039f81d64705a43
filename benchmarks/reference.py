"""AutoAttack against its reference implementation, pyautoattack: the same verdicts, and in how much time?"""

import contextlib
import io
import sys
import time
from typing import Any

import pyautoattack
import torch
from torch import Tensor, nn

from benchmarks.networks import EPS, fashion_mnist, network
from friendfoe.attacks import Threat, autoattack
from friendfoe.attacks.fab import size
from friendfoe.evaluation.robust import PassCounter

QUERIES = 1000  # of Square, instead of 5000, for both
CASES = (
    ("softmax regression", "linf", 0.02),
    ("standard", "linf", 0.02),
    ("adversarial", "linf", EPS),
    ("adversarial", "l2", 1.5),
)


def autoattack_verdicts(images: Tensor, labels: Tensor) -> dict[str, Any]:
    """Robust accuracy, CPU seconds and passes of both, on three networks, one of them adversarially trained."""
    cases: list[dict[str, Any]] = []
    for kind, norm, eps in CASES:
        model = softmax_regression() if kind == "softmax regression" else network(kind)
        cases.append({"network": kind, "norm": norm, "eps": eps})
        for name, run in {"friendfoe": _friendfoe, "pyautoattack": _pyautoattack}.items():
            counter = PassCounter(model).eval()
            start = time.process_time()
            perturbed = run(counter, images, labels, Threat(norm, eps))
            seconds = time.process_time() - start
            assert size(perturbed - images, norm).max() <= eps + 1e-6
            with torch.no_grad():
                robust = (model(perturbed).argmax(1) == labels).double().mean().item()
            passes = {"forward": counter.forward_passes, "backward": counter.backward_passes}
            cases[-1][name] = {"robust accuracy": robust, "seconds": round(seconds, 1), **passes}
            print(f"autoattack, {kind}, {norm}, {name}: {robust:.4f} in {seconds:.0f} s", file=sys.stderr)
    return {"images": len(images), "queries": QUERIES, "cases": cases}


def _friendfoe(model: nn.Module, images: Tensor, labels: Tensor, threat: Threat) -> Tensor:
    return autoattack(model, images, labels, threat=threat, n_queries=QUERIES)


def _pyautoattack(model: nn.Module, images: Tensor, labels: Tensor, threat: Threat) -> Tensor:
    norm = threat.norm.capitalize()
    attack = pyautoattack.AutoAttack(model, norm=norm, eps=threat.eps, version="standard", seed=0)
    attack.square.n_queries = QUERIES
    with contextlib.redirect_stdout(io.StringIO()):
        return attack.run_standard_evaluation(images, labels, batch_size=128)[0]


def softmax_regression() -> nn.Module:
    """A linear model, fitted for a few hundred steps."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    images, labels = fashion_mnist("train")
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    for rows in torch.randperm(len(images)).split(128):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images[rows]), labels[rows]).backward()
        optimizer.step()
    return model.eval()
