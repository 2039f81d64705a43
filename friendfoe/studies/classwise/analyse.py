"""What the class-wise study computes from images and models, beyond the class-wise evaluations."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from friendfoe.attacks.autoattack import AutoAttackConfig
from friendfoe.evaluation.outcomes import Key, Outcomes, stacked
from friendfoe.models.last_layer import row_norms
from friendfoe.studies.analysis import Record, side_by_side, write_outcomes, write_table
from friendfoe.studies.classwise import homing, mitigation, standard
from friendfoe.studies.classwise.attacked import Answers, answers, confusion
from friendfoe.studies.classwise.held_out import among, counted, held_out, likeliest
from friendfoe.studies.classwise.names import ATTACK, DEFENCES, EXPLORED, MODEL, MODELS, TARGETS, TEMPERATURES
from friendfoe.studies.classwise.same_effort import withstood
from friendfoe.studies.classwise.settings import Settings
from friendfoe.studies.explorer import write_explorer
from friendfoe.studies.facts import write_facts
from friendfoe.studies.inputs import Inputs


def analyse(study: Inputs[Settings], out: Path) -> None:
    """Write facts.json, outcomes.npz, explorer.npz and the tables below into `out`.

    confusion.csv: model, replicate, class, answer and n, images under PGD.
    held-out.csv: model, replicate, condition, class, n and correct, of held-out training images.
    norms.csv: model, replicate, class and norm of its row in the last layer.
    strengths.csv: replicate and strength of the prior adjustment.

    Outcomes of the test images, by metric, model and condition:
    "accuracy-crafted" of DEFENCE/last under PGD (the weights of the last epoch), of the defences as of
    `same_effort.withstood`, of the variants of the inference phase (`mitigation.analyse`), and under the standard
    AutoAttack (`standard.analyse`);
    "among-two" of `MODEL` under PGD: which wrong answers are one of the two likeliest of their class;
    "home" and "control" (as of `homing.come_home`).

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
    write_explorer(study, out, EXPLORED)
    diagnoses = side_by_side(
        f"what the defences of {study.data} answer",
        len(study.replicates),
        lambda number, step: _diagnose(study, number, step),
        len(DEFENCES),
    )
    for name in ("confusion", "held-out"):
        write_table([row for diagnosis in diagnoses for row in diagnosis.tables[name]], out, name)
    write_table(_norms(study), out, "norms")
    come_home = homing.analyse(study, [diagnosis.of_model for diagnosis in diagnoses])
    mitigated, strengths = mitigation.analyse(study)
    rows: list[Record] = [{"replicate": number, "strength": strength} for number, strength in enumerate(strengths)]
    write_table(rows, out, "strengths")
    parts = [
        {**diagnosis.outcomes, **homes, **variants}
        for diagnosis, homes, variants in zip(diagnoses, come_home, mitigated, strict=True)
    ]
    write_outcomes({**_of_test_images(study, parts), **standard.analyse(study)}, out)


@dataclass(frozen=True)
class _Diagnosis:
    """What the defences of one replicate answer under PGD."""

    tables: dict[str, list[Record]]  # rows of confusion.csv and held-out.csv
    outcomes: dict[Key, Tensor]
    of_model: Answers  # of MODEL, on the test images


def _diagnose(study: Inputs[Settings], number: int, step: Callable[[], None]) -> _Diagnosis:
    classes, images, labels = study.test.classes, study.test.images, study.test.labels
    tables: dict[str, list[Record]] = {"confusion": [], "held-out": []}
    outcomes: dict[Key, Tensor] = {}
    for model in DEFENCES:
        key: Record = {"model": model, "replicate": number}
        network, chosen_on = study.network(model, number), held_out(study, model, number)
        best = answers(study, network, images, labels, number)
        last = answers(study, study.network(model, number, last=True), images, labels, number)
        outcomes["accuracy-crafted", f"{model}/last", ATTACK] = (last.attacked == labels).float()
        tables["confusion"] += [
            {**key, "class": name, "answer": answer, "n": n}
            for name, row in zip(classes, confusion(labels, best.attacked, len(classes)).tolist(), strict=True)
            for answer, n in zip(classes, row, strict=True)
        ]
        elsewhere = {name: answers(study, network, *chosen_on, number, name).attacked for name in TEMPERATURES}
        tables["held-out"] += [
            {**key, "condition": condition, **count}
            for condition, answered in elsewhere.items()
            for count in counted(chosen_on[1], answered, classes)
        ]
        for name, right in withstood(study, network, number).items():
            outcomes["accuracy-crafted", model, name] = right
        if model == MODEL:
            of_model = best
            targets = likeliest(chosen_on[1], elsewhere[ATTACK], len(classes), TARGETS)
            outcomes["among-two", MODEL, ATTACK] = among(labels, best.attacked, targets)
        step()
    return _Diagnosis(tables, outcomes, of_model)


def _of_test_images(study: Inputs[Settings], parts: list[dict[Key, Tensor]]) -> dict[Key, Outcomes]:
    """Outcomes of the test images that the study looks at, replicate by replicate."""
    rows = study.every_test_image.some(len(study.test))
    return stacked("test", rows.numpy(), study.test.labels.numpy(), parts)


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
    under = {name: condition.attacks for name, condition in job.conditions.items() if condition.attacks}
    attacks = {"training": job.inner_attack, **{name: job.attacks[first] for name, (first, *_) in under.items()}}
    return {name: attack.model_dump() for name, attack in attacks.items()}
