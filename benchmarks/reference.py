"""AutoAttack beside pyautoattack, and Carlini & Wagner's L2 attack beside foolbox: is what they find the same?"""

import contextlib
import io
import sys
import time
from typing import Any

import pyautoattack
import torch
from foolbox import PyTorchModel
from foolbox.attacks import L2CarliniWagnerAttack
from torch import Tensor, nn

from benchmarks.networks import NETWORKS, trained
from friendfoe.attacks import Threat, autoattack, cw_l2
from friendfoe.attacks.fab import size
from friendfoe.attacks.threat import Norm
from friendfoe.evaluation.robust import PassCounter

CASES = (("mlp", "standard", "linf", 0.02), ("cnn", "standard", "linf", 0.02), ("cnn", "adversarial", "linf", 0.1))
CASES += (("cnn", "adversarial", "l2", 1.5),)
LARGE = (("resnet18", "standard", "linf", 8 / 255), ("resnet18", "adversarial", "linf", 2 / 255))
IMAGES = 32
SEARCH = {"steps": 100, "binary_search_steps": 5, "initial_const": 1.0}


def autoattack_verdicts(
    replicates: int,
    *,
    tasks: tuple[tuple[str, str, Norm, float], ...] = CASES,
    count: int = IMAGES,
    queries: int = 1000,
) -> dict[str, Any]:
    """Which images withstand, CPU seconds and passes of both; once, whatever the replicates, for it takes long.

    Args:
        queries: of Square, for both; 5000 are usual.
    """
    cases: list[dict[str, Any]] = []
    for name, kind, norm, eps in tasks:
        model, (images, labels) = trained(name, kind), _tested(name, count)
        case: dict[str, Any] = {"network": NETWORKS[name].title, "training": kind, "norm": norm, "eps": eps}
        robust: list[Tensor] = []
        for library, run in {"friendfoe": _friendfoe, "pyautoattack": _pyautoattack}.items():
            counter = PassCounter(model).eval()
            start = time.process_time()
            perturbed = run(counter, images, labels, Threat(norm, eps), queries)
            seconds = time.process_time() - start
            assert size(perturbed - images, norm).max() <= eps + 1e-6
            with torch.no_grad():
                robust.append(model(perturbed).argmax(1) == labels)
            case[library] = {"robust accuracy": robust[-1].double().mean().item(), "seconds": round(seconds, 1)}
            case[library] |= {"forward": counter.forward_passes, "backward": counter.backward_passes}
            print(f"autoattack, {name}, {kind}, {norm}, {library}: {case[library]}", file=sys.stderr, flush=True)
        cases.append({**case, "verdicts that differ": int((robust[0] != robust[1]).sum())})
    return {"images": count, "queries": queries, "cases": cases}


def least_distances(replicates: int) -> dict[str, Any]:
    """CPU seconds of every replicate, mean distance and passes of both, with early abort, at the same settings."""
    cases: list[dict[str, Any]] = []
    for name, kind in (("cnn", "standard"), ("cnn", "adversarial"), ("mlp", "standard")):
        model, (images, labels) = trained(name, kind), _tested(name, IMAGES)
        case: dict[str, Any] = {"network": NETWORKS[name].title, "training": kind}
        runs = {"friendfoe": _cw_l2, "foolbox": _foolbox_cw}
        case |= {library: {"seconds": []} for library in runs}
        for _ in range(replicates):
            for library, run in runs.items():
                counter = PassCounter(model).eval()
                start = time.process_time()
                perturbed = run(counter, images, labels)
                case[library]["seconds"].append(round(time.process_time() - start, 2))
                with torch.no_grad():
                    fooled = model(perturbed).argmax(1) != labels
                distances = (perturbed - images).flatten(1).norm(dim=1)[fooled]
                case[library] |= {"fooled": fooled.double().mean().item(), "distance": distances.mean().item()}
                case[library]["backward"] = counter.backward_passes
                print(f"cw, {name}, {kind}, {library}: {case[library]}", file=sys.stderr, flush=True)
        cases.append(case)
    return {"images": IMAGES, "search": SEARCH, "cases": cases}


def _tested(name: str, count: int) -> tuple[Tensor, Tensor]:
    images, labels = NETWORKS[name].data.read("test")
    return images[:count], labels[:count]


def _friendfoe(model: nn.Module, images: Tensor, labels: Tensor, threat: Threat, queries: int) -> Tensor:
    return autoattack(model, images, labels, threat=threat, n_queries=queries)


def _pyautoattack(model: nn.Module, images: Tensor, labels: Tensor, threat: Threat, queries: int) -> Tensor:
    norm = threat.norm.capitalize()
    attack = pyautoattack.AutoAttack(model, norm=norm, eps=threat.eps, version="standard", seed=0)
    attack.square.n_queries = queries
    with contextlib.redirect_stdout(io.StringIO()):
        return attack.run_standard_evaluation(images, labels, batch_size=128)[0]


def _cw_l2(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    return cw_l2(model, images, labels, threat=Threat("l2", 100.0), lr=0.02, abort_early=True, **SEARCH)


def _foolbox_cw(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    attack = L2CarliniWagnerAttack(**SEARCH, stepsize=0.02, abort_early=True)
    return attack.run(PyTorchModel(model, bounds=(0, 1), device="cpu"), images, labels)
