"""All that is measured on one replicate of every model."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from friendfoe.models.ensemble import members
from friendfoe.studies.fgsm import attacked
from friendfoe.studies.fgsm.filters import filters, spread
from friendfoe.studies.fgsm.lines import lines
from friendfoe.studies.fgsm.logistic import logistic
from friendfoe.studies.fgsm.measures import Measure, answers, counted, direction, named
from friendfoe.studies.fgsm.names import SOURCES
from friendfoe.studies.fgsm.rubbish import SURE, fooling, rubbish
from friendfoe.studies.fgsm.settings import Settings
from friendfoe.studies.inputs import Inputs

FITTED = ("maxout", "maxout-l1", "maxout-l1-weak", "maxout-adversarial")  # whose error on training images is counted
BY_EPS = ("softmax", "maxout", "maxout-adversarial", "rbf")
LINES = ("softmax", "maxout", "maxout-adversarial", "rbf")
FILTERS = ("maxout", "maxout-adversarial")
RUBBISH = ("maxout", "maxout-sigmoids", "softmax", "rbf")
SLOW = ("ensemble", "member", "maxout")  # an ensemble is shown only what was made with these
FOOLED = 200  # images of noise


@dataclass(frozen=True)
class Found:
    """Measures, and rows of the tables that figures are drawn from."""

    measures: list[Measure]
    by_eps: list[dict[str, Any]]
    fooling: list[dict[str, Any]]


def measure(study: Inputs[Settings], number: int) -> Found:
    """Everything about replicate `number`."""
    networks = {name: study.network(name, number) for name in study.settings.models}
    sources = {name: networks[name] for name in networks if name in SOURCES}
    sources["member"] = next(members(networks["ensemble"]))
    images, labels = study.test.images, study.test.labels
    signs = {name: direction(network, images, labels) for name, network in {**networks, **sources}.items()}

    found: list[Measure] = []
    by_eps: list[dict[str, Any]] = []
    for name, network in networks.items():
        found += attacked.own(name, network, images, labels, signs[name], study.tailored.eps)
        steps = [share * study.tailored.eps for share in study.settings.shares]
        if name in BY_EPS:
            by_eps += [{"model": name, **row} for row in attacked.by_eps(network, images, labels, signs[name], steps)]
    quick = {name: network for name, network in networks.items() if name != "ensemble"}
    among = {name: signs[name] for name in sources}
    found += attacked.transfer(quick, images, labels, among, study.tailored.eps)
    slow = {name: networks[name] for name in ("ensemble",)}
    found += attacked.transfer(slow, images, labels, {name: among[name] for name in SLOW}, study.tailored.eps)
    for name in FITTED:
        found += named(name, "train", counted(*answers(networks[name], study.train.images), study.train.labels))
    few = torch.arange(min(study.settings.logits.images, len(labels)))
    for name in LINES:
        of = lines(
            networks[name], images[few], signs[name][few], study.settings.logits.reach, study.settings.logits.points
        )
        found += named(name, "far", {**of.linearity(), **of.held(labels[few])})
    for name in FILTERS:
        found.append((name, "filters", "spread", spread(filters(networks[name], study.test.shape))))
    for name in RUBBISH:
        seed = study.seed("rubbish", number)
        found += named(name, "rubbish", rubbish(networks[name], study.test.shape, study.settings.rubbish, seed))
    found += logistic(study.train, study.test, study.settings.pair, study.tailored.eps, study.seed("logistic", number))
    fooled = _fooled(study, networks["maxout"], number)
    means = {when: sum(row[when] for row in fooled) / len(fooled) for when in ("before", "after")}
    return Found([*found, *named("maxout", "fooling", means)], by_eps, fooled)


def _fooled(study: Inputs[Settings], network: nn.Module, number: int) -> list[dict[str, Any]]:
    """How much noise of each class maxout is sure of, before and after a step towards that class."""
    _, shares = fooling(network, study.test.shape, FOOLED, study.tailored.eps, study.seed("fooling", number))
    before, after = (shares > SURE).double().mean(2).tolist()
    rows = zip(study.test.classes, before, after, strict=True)
    return [{"model": "maxout", "class": name, "before": b, "after": a} for name, b, a in rows]
