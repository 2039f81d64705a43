"""What the class-wise study computes from images and models, beyond the class-wise evaluations."""

import json
from pathlib import Path
from typing import Any

from friendfoe.params import share, training
from friendfoe.runtime.errors import UserError
from friendfoe.studies.classwise import homing, mitigation
from friendfoe.studies.classwise.diagnosis import diagnose
from friendfoe.studies.classwise.names import MODEL
from friendfoe.studies.classwise.settings import Settings
from friendfoe.studies.facts import facts
from friendfoe.studies.inputs import Inputs

KEYS = (
    "conditions.autoattack",
    "conditions.fgsm",
    "conditions.margin-20",
    "conditions.pgd-20",
    "conditions.sharp-2",
    "conditions.sharp-5",
    "conditions.sharp-10",
    "conditions.sharp-50",
    "conditions.square",
    "data.{data}.network",
    "data.{data}.replicates",
    "data.{data}.seed",
    "data.{data}.studies.classwise",
    "data.{data}.training",
    "models.pgd-at",
    "studies.classwise",
)


def analyse(study: Inputs[Settings], out: Path) -> None:
    """Write facts.json, confusion.csv, norms.csv, last.csv, homing.csv and mitigation.csv into `out`.

    Raises:
        UserError: an input is missing or damaged, or the models hold out no images of training.
    """
    validation = training(study.params, study.data, MODEL).validation
    if validation is None:
        raise UserError(
            f"params.yaml: data.{study.data}.studies.{study.name}.training: this study needs `validation`, the "
            "training images on which an epoch is chosen and a prior is fitted"
        )
    available = len(study.train)
    trained_on = round(available * (1 - validation.share) * share(study.params, study.data, MODEL))
    known = {"available": available, "trained_on": trained_on, "attacks": _attacks(study)}
    (out / "facts.json").write_text(json.dumps(facts(study) | known, indent=1) + "\n")
    found = diagnose(study)
    tables = {
        "confusion": found.confusion,
        "norms": found.norms,
        "last": found.last,
        "homing": homing.analyse(study, found.answers),
        "mitigation": mitigation.analyse(study, validation),
    }
    for name, table in tables.items():
        table.to_csv(out / f"{name}.csv", index=False, float_format="%.6g")


def _attacks(study: Inputs[Settings]) -> dict[str, dict[str, Any]]:
    """The settings of every attack on this data set, those in training first."""
    conditions = {name: wanted.condition for name, wanted in study.settings.evaluate.items()}
    known = study.params.conditions
    return {
        "training": study.tailored.crafting.model_dump(),
        **{name: study.tailored.recipe(known[of]).model_dump() for name, of in conditions.items() if of in known},
    }
