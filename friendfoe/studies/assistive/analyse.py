"""What the assistive study computes from images and models, beyond the class-wise evaluations."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from friendfoe.evaluation.outcomes import Key, Outcomes, stacked
from friendfoe.models.predict import predict
from friendfoe.studies.analysis import side_by_side, write_outcomes, write_table
from friendfoe.studies.assistive import likely, signals, sticker
from friendfoe.studies.assistive.names import EXPLAINED
from friendfoe.studies.assistive.settings import Settings
from friendfoe.studies.classes import class_rows
from friendfoe.studies.explorer import write_explorer
from friendfoe.studies.facts import write_facts
from friendfoe.studies.gallery import Gallery, answered, join
from friendfoe.studies.inputs import Inputs

IMAGES = {"clean": None, "assist": "assist-test", "attack": "attack-test"}  # condition -> perturbed set
MODELS = ("clean", "assist", "mixed")  # A, B, C
BINS = 20  # of the highest probability, over [0, 1]


def analyse(study: Inputs[Settings], out: Path) -> None:
    """Write facts.json, outcomes.npz, explorer.npz, confidence.csv, likely.csv (training curves), galleries into `out`.

    Raises:
        UserError: an input is missing or damaged, or the data set has no class of a number in `gallery`.
    """
    height, width = study.test.shape[1:]
    patch, likely_setup = study.settings.patch, study.settings.likely
    sides = {
        side: {"area": side * side / (height * width), "places": sticker.places(patch.grid, side, height, width)}
        for side in sticker.sides(patch.areas, height, width)
    }
    networks = {name: likely_setup.net(name).describe() for name in likely_setup.every}
    write_facts(study, out, sides=sides, networks=networks)
    first_of_classes(study, study.settings.gallery).write(out, "gallery")
    write_explorer(study, out, study.job.models)
    write_table(confidences(study), out, "confidence")
    stickers, galleries = sticker.analyse(study, "clean")
    for name, gallery in galleries.items():
        gallery.write(out, name)
    likely_models, curves = likely.analyse(study)
    write_table(curves, out, "likely")
    write_outcomes({**explained_by(study), **stickers, **likely_models}, out)


def explained_by(study: Inputs[Settings]) -> dict[Key, Outcomes]:
    """Whether networks go by the signal or by the image (`signals.explained`); signals are crafted on A."""
    test = study.test
    others = signals.other_labels(test.labels, len(test.classes), study.seed("others"))

    def replicate(number: int, step: Callable[[], None]) -> dict[Key, Tensor]:
        networks = {model: study.network(model, number) for model in EXPLAINED}
        source, eps = networks["clean"], study.job.eps
        found = signals.explained(source, networks, test.images, test.labels, others, eps, clip=True)
        step()
        return found

    results = side_by_side(f"signals alone on {study.data}", len(study.replicates), replicate)
    return stacked("test", range(len(test)), test.labels, results)


def first_of_classes(study: Inputs[Settings], classes: list[int]) -> Gallery:
    """The first test image of each class under each condition, as replicate 0 of A sees it.

    The first, so that nobody has chosen it for its looks.

    Raises:
        UserError: the data set has no such class, or no test image of it.
    """
    test, network = study.test, study.network("clean", 0)
    rows = torch.stack([class_rows(test, number, "assistive", "gallery")[0] for number in classes])
    parts = []
    for condition, name in IMAGES.items():
        images = test.images if name is None else study.perturbed_test(name, 0)
        part = answered(network, images[rows], test.labels[rows], test.classes)
        parts.append(part.assign(condition=condition, row=range(len(rows))))
    return join(parts)


def confidences(study: Inputs[Settings]) -> pd.DataFrame:
    """Count the test images by confidence (the highest probability).

    Returns:
        model, condition, replicate, low, high (of a bin), right and wrong (numbers of images).
    """
    edges, labels = torch.linspace(0, 1, BINS + 1).tolist(), study.test.labels
    ends = {"low": edges[:-1], "high": edges[1:]}

    def replicate(number: int, step: Callable[[], None]) -> pd.DataFrame:
        tables = []
        images = {c: study.test.images if s is None else study.perturbed_test(s, number) for c, s in IMAGES.items()}
        for model in MODELS:
            network = study.network(model, number)
            for condition, pixels in images.items():
                confidence, answers = predict(network, pixels).cpu().max(1)
                bins, right = (confidence * BINS).long().clamp(max=BINS - 1), answers == labels
                key = {"model": model, "condition": condition, "replicate": number}
                counted, missed = (torch.bincount(bins[rows], minlength=BINS) for rows in (right, ~right))
                tables.append(pd.DataFrame({**key, **ends, "right": counted, "wrong": missed}))
            step()
        return pd.concat(tables)

    return pd.concat(side_by_side(f"confidence on {study.data}", len(study.replicates), replicate, len(MODELS)))
