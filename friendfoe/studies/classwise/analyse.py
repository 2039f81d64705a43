"""What the class-wise study computes from images and models, beyond the class-wise evaluations."""

import json
from pathlib import Path

from friendfoe.params import training
from friendfoe.runtime.errors import UserError
from friendfoe.studies.classwise import homing, mitigation
from friendfoe.studies.classwise.diagnosis import diagnose
from friendfoe.studies.classwise.names import MODEL
from friendfoe.studies.classwise.settings import Settings
from friendfoe.studies.facts import facts
from friendfoe.studies.inputs import Inputs

KEYS = (
    "conditions.autoattack",
    "conditions.pgd-20",
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
    known = facts(study) | {"trained_on": round(len(study.train) * (1 - validation.share))}
    (out / "facts.json").write_text(json.dumps(known, indent=1) + "\n")
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
