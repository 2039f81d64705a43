"""All that is measured on one replicate of every model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from friendfoe.models.networks.ensemble import members
from friendfoe.studies.fgsm import attacked
from friendfoe.studies.fgsm.filters import filters, spread
from friendfoe.studies.fgsm.lines import lines
from friendfoe.studies.fgsm.logistic import logistic
from friendfoe.studies.fgsm.measures import Measure, answers, counted, direction, named
from friendfoe.studies.fgsm.names import FILTERS, FITTED, RUBBISH, SHOWN, SOURCES
from friendfoe.studies.fgsm.rubbish import SURE, fooling, rubbish
from friendfoe.studies.fgsm.settings import Settings
from friendfoe.studies.inputs import Inputs

SLOW = {"ensemble": ("ensemble", "member", "maxout")}  # what a slow model is shown; the others, what all sources make
FOOLED = 200  # images of noise per class

Networks = Mapping[str, nn.Module]


@dataclass(frozen=True)
class Found:
    """Measures, and a row per model and eps: model, eps and the metrics of `measures.counted`."""

    measures: list[Measure]
    by_eps: list[dict[str, Any]]


def measure(study: Inputs[Settings], number: int) -> Found:
    """Everything about replicate `number`."""
    networks = {name: study.network(name, number) for name in study.job.models}
    under_attack = _attack(study, networks)
    fitted = [
        row
        for name in FITTED
        for row in named(name, "train", counted(*answers(networks[name], study.train.images), study.train.labels))
    ]
    pair, eps = study.settings.pair, study.job.eps
    linear = logistic(study.train, study.test, pair, eps, study.seed("logistic", number))
    spreads = [(name, "filters", "spread", spread(filters(networks[name], study.test.shape))) for name in FILTERS]
    noise = _noise(study, networks, number)
    return Found([*under_attack.measures, *fitted, *linear, *spreads, *noise], under_attack.by_eps)


def _attack(study: Inputs[Settings], networks: Networks) -> Found:
    """FGSM on every model, on what other models were attacked with, and far along its direction."""
    images, labels, eps = study.test.images, study.test.labels, study.job.eps
    signs = {name: direction(network, images, labels) for name, network in networks.items()}
    found: list[Measure] = []
    by_eps: list[dict[str, Any]] = []
    for name, network in networks.items():
        found += attacked.own(name, network, images, labels, signs[name], eps)
    for name in SHOWN:
        sizes = [share * eps for share in study.settings.shares]
        rows = attacked.by_eps(networks[name], images, labels, signs[name], sizes)
        by_eps += [{"model": name, **row} for row in rows]

    sources = {name: signs[name] for name in SOURCES}
    sources["member"] = direction(next(members(networks["ensemble"])), images, labels)
    quick = {name: network for name, network in networks.items() if name not in SLOW}
    found += attacked.transfer(quick, images, labels, sources, eps)
    for name, shown in SLOW.items():
        some = {source: sources[source] for source in shown}
        found += attacked.transfer({name: networks[name]}, images, labels, some, eps)

    few, far = torch.arange(min(study.settings.logits.images, len(labels))), study.settings.logits
    for name in SHOWN:
        of = lines(networks[name], images[few], signs[name][few], far.reach, far.points)
        found += named(name, "far", {**of.linearity(), **of.held(labels[few])})
    return Found(found, by_eps)


def _noise(study: Inputs[Settings], networks: Networks, number: int) -> list[Measure]:
    """Answers on noise as it is, and maxout's after a step towards a class, mean over classes."""
    found: list[Measure] = []
    shape, count = study.test.shape, study.settings.rubbish
    for name in RUBBISH:
        found += named(name, "rubbish", rubbish(networks[name], shape, count, study.seed("rubbish", number)))
    _, sure = fooling(networks["maxout"], shape, FOOLED, study.job.eps, study.seed("fooling", number))
    before, after = (sure > SURE).double().mean((1, 2)).tolist()
    return [*found, *named("maxout", "fooling", {"before": before, "after": after})]
