"""What the FGSM study computes from models and images: one long table of measures, and what its figures show."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from torch import nn

from friendfoe.models.networks.ensemble import members
from friendfoe.studies.analysis import side_by_side, write_table
from friendfoe.studies.facts import write_facts
from friendfoe.studies.fgsm import measures
from friendfoe.studies.fgsm.lines import lines
from friendfoe.studies.fgsm.logistic import logistic, pick
from friendfoe.studies.fgsm.measures import Measurement, direction, named
from friendfoe.studies.fgsm.names import CURVES, FILTERS, FITTED, RUBBISH, SOURCES
from friendfoe.studies.fgsm.pictures import filters, pictures, spread
from friendfoe.studies.fgsm.rubbish import SURE, fooling, rubbish
from friendfoe.studies.fgsm.settings import Settings
from friendfoe.studies.inputs import Inputs

SLOW = {"ensemble": ("ensemble", "member", "maxout")}  # what a slow model is shown; the others, what all sources make
FOOLED = 200  # images of noise per class

Networks = Mapping[str, nn.Module]
ByEps = list[dict[str, Any]]


def analyse(study: Inputs[Settings], out: Path) -> None:
    """Write facts.json, measures.csv, by-eps.csv, and what the figures show of replicate 0 into `out`.

    measures.csv: model, condition, metric, value, replicate. by-eps.csv: model, eps, the metrics of `measures.counted`
    and replicate.

    Raises:
        UserError: an input is missing or damaged, or the data set lacks a class that the settings name.
    """
    pick(study.train, study.settings.pair)  # a class that is not there is found before anything is computed
    write_facts(study, out, train_images=study.train_images)
    pictures(study, out)

    def replicate(number: int, step: Callable[[], None]) -> tuple[pd.DataFrame, pd.DataFrame]:
        measurements, by_eps = _measure(study, number)
        step()
        columns = ["model", "condition", "metric", "value"]
        table = pd.DataFrame(measurements, columns=columns)
        return table.assign(replicate=number), pd.DataFrame(by_eps).assign(replicate=number)

    parts = side_by_side(f"FGSM study of {study.data}", len(study.replicates), replicate)
    for name, tables in zip(("measures", "by-eps"), zip(*parts, strict=True), strict=True):
        write_table(pd.concat(tables), out, name, digits=9)


def _measure(study: Inputs[Settings], number: int) -> tuple[list[Measurement], ByEps]:
    """All that is measured on replicate `number` of every model."""
    networks = {name: study.network(name, number) for name in study.job.models}
    under_attack, by_eps = _attack(study, networks)
    train, pair = study.train, study.settings.pair
    measurements = [*under_attack]
    for name in FITTED:
        answers = measures.answers(networks[name], train.images)
        measurements += named(name, "train", measures.counted(*answers, train.labels))
    measurements += logistic(train, study.test, pair, study.job.eps, study.seed("logistic", number))
    for name in FILTERS:
        measurements += named(name, "filters", {"spread": spread(filters(networks[name], study.test.shape))})
    return measurements + _noise(study, networks, number), by_eps


def _attack(study: Inputs[Settings], networks: Networks) -> tuple[list[Measurement], ByEps]:
    """FGSM on every model, on what other models were attacked with, and far along its direction."""
    images, labels, eps = study.test.images, study.test.labels, study.job.eps
    signs = {name: direction(network, images, labels) for name, network in networks.items()}
    measurements: list[Measurement] = []
    by_eps: ByEps = []
    for name, network in networks.items():
        measurements += measures.own(name, network, images, labels, signs[name], eps)
    for name in CURVES:
        sizes = [share * eps for share in study.settings.shares]
        rows = measures.by_eps(networks[name], images, labels, signs[name], sizes)
        by_eps += [{"model": name, **row} for row in rows]

    sources = {name: signs[name] for name in SOURCES}
    sources["member"] = direction(next(members(networks["ensemble"])), images, labels)
    quick = {name: network for name, network in networks.items() if name not in SLOW}
    measurements += measures.transfer(quick, images, labels, sources, eps)
    for name, few in SLOW.items():
        some = {source: sources[source] for source in few}
        measurements += measures.transfer({name: networks[name]}, images, labels, some, eps)

    far = study.settings.logits
    chosen = study.test.some(far.images)
    for name in CURVES:
        logits = lines(networks[name], images[chosen], signs[name][chosen], far.reach, far.points)
        measurements += named(name, "far", {**logits.linearity(), **logits.held(labels[chosen])})
    return measurements, by_eps


def _noise(study: Inputs[Settings], networks: Networks, number: int) -> list[Measurement]:
    """Answers on noise as it is, and maxout's after a step towards a class, mean over classes."""
    measurements: list[Measurement] = []
    shape, count = study.test.shape, study.settings.rubbish
    for name in RUBBISH:
        measurements += named(name, "rubbish", rubbish(networks[name], shape, count, study.seed("rubbish", number)))
    _, sure = fooling(networks["maxout"], shape, FOOLED, study.job.eps, study.seed("fooling", number))
    before, after = (sure > SURE).double().mean((1, 2)).tolist()
    return measurements + named("maxout", "fooling", {"before": before, "after": after})
