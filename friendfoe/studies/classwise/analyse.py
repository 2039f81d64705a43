"""What the class-wise study computes from images and models, beyond the class-wise evaluations."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from friendfoe.attacks.autoattack import AutoAttackConfig
from friendfoe.models.last_layer import row_norms
from friendfoe.studies.analysis import Record, side_by_side, write_table
from friendfoe.studies.classwise import homing, mitigation
from friendfoe.studies.classwise.attacked import Answers, answers, confusion
from friendfoe.studies.classwise.names import DEFENCES, MODEL, MODELS
from friendfoe.studies.classwise.settings import Settings
from friendfoe.studies.facts import write_facts
from friendfoe.studies.inputs import Inputs


def analyse(study: Inputs[Settings], out: Path) -> None:
    """Write facts.json and the tables below into `out`.

    confusion.csv: model, replicate, class, answer and n, images under PGD.
    norms.csv: model, replicate, class and norm of its row in the last layer.
    last.csv: model, replicate, class, n and correct under PGD after the last epoch.
    homing.csv, mitigation.csv: as of `homing.analyse` and `mitigation.analyse`.

    Raises:
        UserError: an input is missing or damaged.
    """
    job = study.job.retrained[MODEL]
    validation, available = job.training.validation, len(study.train)
    assert validation
    write_facts(
        study,
        out,
        available=available,
        trained_on=round(available * (1 - validation.share) * job.share),
        attacks=_attacks(study),
        standard_autoattack=AutoAttackConfig(attack="autoattack").model_dump(),
    )
    parts = side_by_side(
        f"confusions on {study.data}",
        len(study.replicates),
        lambda number, step: _confusions(study, number, step),
        len(DEFENCES),
    )
    for name in ("confusion", "last"):
        write_table([row for tables, _ in parts for row in tables[name]], out, name)
    write_table(_norms(study), out, "norms")
    write_table(homing.analyse(study, [answers_of_model for _, answers_of_model in parts]), out, "homing")
    write_table(mitigation.analyse(study), out, "mitigation")


def _confusions(
    study: Inputs[Settings], number: int, step: Callable[[], None]
) -> tuple[dict[str, list[Record]], Answers]:
    """What the defences of one replicate take attacked images for; image by image, what `MODEL` does."""
    classes, images, labels = study.test.classes, study.test.images, study.test.labels
    tables: dict[str, list[Record]] = {"confusion": [], "last": []}
    for model in DEFENCES:
        key: Record = {"model": model, "replicate": number}
        best = answers(study, study.network(model, number), images, labels, number)
        last = answers(study, study.network(model, number, last=True), images, labels, number)
        counts = confusion(labels, best.attacked, len(classes)).tolist()
        tables["confusion"] += [
            {**key, "class": name, "answer": answer, "n": n}
            for name, row in zip(classes, counts, strict=True)
            for answer, n in zip(classes, row, strict=True)
        ]
        counts = confusion(labels, last.attacked, len(classes)).tolist()
        tables["last"] += [
            {**key, "class": name, "n": sum(row), "correct": row[place]}
            for place, (name, row) in enumerate(zip(classes, counts, strict=True))
        ]
        if model == MODEL:
            answers_of_model = best
        step()
    return tables, answers_of_model


def _norms(study: Inputs[Settings]) -> list[Record]:
    return [
        {"model": model, "replicate": number, "class": name, "norm": norm}
        for number in study.replicates
        for model in MODELS
        for name, norm in zip(study.test.classes, row_norms(study.network(model, number)).tolist(), strict=True)
    ]


def _attacks(study: Inputs[Settings]) -> dict[str, dict[str, Any]]:
    """The settings of every attack on this data set, those in training first."""
    job = study.job
    assert job.inner_attack
    assert job.conditions
    assert job.attacks
    attacks = {name: job.attacks[condition.attack] for name, condition in job.conditions.items() if condition.attack}
    return {
        "training": job.inner_attack.model_dump(),
        **{name: attack.model_dump() for name, attack in attacks.items()},
    }
