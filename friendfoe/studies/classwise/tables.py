"""The tables of counts and of settings, and numbers of others beside ours."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from friendfoe.evaluation.sample import Sample
from friendfoe.report.tables import Table
from friendfoe.studies.classwise.names import ATTACK, DEFENCES, MODEL, MODELS, SHOWN, STANDARD, STRONGER, STRONGEST
from friendfoe.studies.classwise.quantities import ACCURACY, shares_of_gain, turned_into
from friendfoe.studies.classwise.settings import Settings
from friendfoe.studies.estimates import cell
from friendfoe.studies.evidence import Evidence, frame
from friendfoe.studies.page import Page
from friendfoe.studies.published import heading
from friendfoe.studies.tables import Comparison, class_table, numbers, table


def classes(estimates: pd.DataFrame, titles: Mapping[str, str], names: list[str]) -> Table:
    """Accuracy of every class; the CSV has all defences under all attacks."""
    shown = class_table(estimates, DEFENCES, {name: titles[name] for name in SHOWN}, names)
    return replace(shown, data=estimates.reset_index())


def standard_table(evidence: Evidence, titles: Mapping[str, str]) -> dict[str, Table]:
    """A reduced AutoAttack against the standard one on the same images of one replicate; none if it is not reduced."""
    models = [model for model in STANDARD if (ACCURACY, model, "standard") in evidence]
    records = []
    for model in models:
        standard, reduced = (evidence.outcomes[ACCURACY, model, name] for name in ("standard", STRONGEST))
        right, same = standard.values[0], reduced.values[0, np.searchsorted(reduced.samples, standard.samples)]
        records.append((model, len(same), same.mean(), right.mean(), int((same > right).sum())))
    data = pd.DataFrame(records, columns=["model", "images", "reduced", "standard", "only_standard"])
    cells = {
        "images": data["images"].astype(str).tolist(),
        titles[STRONGEST]: data["reduced"].map("{:.3f}".format).tolist(),
        "standard AutoAttack": data["standard"].map("{:.3f}".format).tolist(),
        "only the standard": [f"{only} of {n}" for only, n in zip(data["only_standard"], data["images"], strict=True)],
    }
    check = table("defence", [DEFENCES[model] for model in models], cells, data)
    return {"autoattack-check": check} if models else {}


def gains_by_class(evidence: Evidence, titles: Mapping[str, str]) -> Table:
    """Each class's part of what stronger attacks gain, with the images that it rests on."""
    parts = {
        (model, attack, stronger, name): part
        for attack, stronger in STRONGER.items()
        for model in DEFENCES
        for name, part in shares_of_gain(evidence, model, attack, stronger).items()
    }
    estimates = frame(
        {key: share.estimate() for key, (_, share) in parts.items()}, ["model", "attack", "stronger", "class"]
    )
    estimates.insert(0, "images", [images for images, _ in parts.values()])
    cells: dict[tuple[str, str], list[str]] = {}
    for attack, stronger in STRONGER.items():
        keys = [(MODEL, attack, stronger, name) for name in evidence.classes]
        group = f"{titles[stronger]} over {titles[attack]}"
        cells[group, "images"] = [str(parts[key][0]) for key in keys]
        cells[group, "share of the gain"] = [cell(estimates, *key) for key in keys]
    return table("class", evidence.classes, cells, estimates.drop(columns=["replicates", "n"]).reset_index())


def homing_table(evidence: Evidence) -> Table:
    """Per class that is left out: images turned into it, how many come home, and the control."""
    left_out = turned_into(evidence)
    samples: dict[tuple[str, ...], Sample] = {}
    for into in left_out:
        samples[into, "home"] = evidence("home", MODEL, into)
        if ("control", MODEL, into) in evidence:
            samples[into, "control"] = evidence("control", MODEL, into)
            samples[into, "difference"] = samples[into, "home"] - samples[into, "control"]
    estimates = frame({key: one.estimate() for key, one in samples.items()}, ["into", "measure"])
    cells = {"turned": [str(images) for images in left_out.values()]}
    for measure in ("home", "control", "difference"):
        cells[measure] = [cell(estimates, into, measure) for into in left_out]
    data = estimates.drop(columns="n").reset_index()
    data.insert(2, "turned", data["into"].map(left_out))
    return table("class left out", left_out, cells, data)


def attack_table(attacks: Mapping[str, Mapping[str, Any]], titles: Mapping[str, str]) -> Table:
    """With what settings the defences are trained and attacked."""
    known = {
        name: {setting: value for setting, value in attack.items() if setting != "attack" and value is not None}
        for name, attack in attacks.items()
    }
    texts = {
        title: ", ".join(f"{setting.replace('_', ' ')}: {_said(value)}" for setting, value in known[name].items())
        for name, title in {"training": "PGD in training", **titles}.items()
        if known.get(name)
    }
    rows = [(name, setting, value) for name, settings in known.items() for setting, value in settings.items()]
    data = pd.DataFrame(rows, columns=["condition", "setting", "value"])
    return table("attack", texts, {"settings": list(texts.values())}, data)


def _said(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def comparators(page: Page[Settings], titles: Mapping[str, str]) -> Table:
    """Average and weakest class, clean, under PGD and AutoAttack: ours, CFA's authors', PGD-20 of others."""
    called = {"metric": {"average": ACCURACY, "worst": "weakest"}, "condition": {"pgd-20": ATTACK}}
    every = page.published.replace(called)
    known, further = every.query("table == 'comparators'"), every.query("table == 'LetheSec'")
    names = {**MODELS, "fat": "FAT", "frl": "FRL"}
    models = known["model"].unique().tolist()
    theirs = {
        heading("CIFAR-10", page.study.data).replace("published", whose): rows
        for whose, rows in (("Wei et al.", known), ("LetheSec", further))
    }
    comparison, keys = Comparison(page.estimates, theirs), []
    for condition in SHOWN:
        for metric, title in ((ACCURACY, "average"), ("weakest", "weakest class")):
            column = [(metric, model, condition) for model in models]
            comparison.add(f"{titles[condition]}, {title}", column, published_digits=3)
            keys += column
    columns = {"model": "model", "condition": "condition", "metric": "metric", "mean": "ours"}
    columns |= {"values": "values", "published": "theirs"}
    rows = numbers(page.estimates, keys, pd.concat([known, further]))[list(columns)].rename(columns=columns)
    rows = rows.replace({"metric": {ACCURACY: "average", "weakest": "worst"}})
    return comparison.table("defence", [names[model] for model in models], rows)


def further(published: pd.DataFrame) -> Table:
    """What others have measured under attacks that are not ours."""
    rows = published[published["table"] != "comparators"]
    cells = {
        "measured": rows["printed"].tolist(),
        "accuracy": rows["value"].map("{:.4f}".format).tolist(),
        "where": rows["citation"].tolist(),
    }
    return table("data", rows["data"], cells, rows)
