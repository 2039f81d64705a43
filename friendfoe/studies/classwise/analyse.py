"""What the class-wise study computes from images and models, beyond the class-wise evaluations."""

import json
from pathlib import Path
from typing import Any

from friendfoe.attacks.autoattack import AutoAttackConfig
from friendfoe.studies.classwise import homing, mitigation
from friendfoe.studies.classwise.diagnosis import diagnose
from friendfoe.studies.classwise.names import MODEL
from friendfoe.studies.classwise.settings import Settings
from friendfoe.studies.facts import facts
from friendfoe.studies.inputs import Inputs


def analyse(study: Inputs[Settings], out: Path) -> None:
    """Write facts.json, confusion.csv, norms.csv, last.csv, homing.csv and mitigation.csv into `out`.

    Raises:
        UserError: an input is missing or damaged.
    """
    job = study.job.retrained[MODEL]
    validation, available = job.training.validation, len(study.train)
    assert validation
    trained_on = round(available * (1 - validation.share) * job.share)
    known = {
        "available": available,
        "trained_on": trained_on,
        "attacks": _attacks(study),
        "standard_autoattack": AutoAttackConfig(attack="autoattack").model_dump(),
    }
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
    job = study.job
    assert job.inner_attack
    assert job.conditions
    assert job.attacks
    attacks = {name: job.attacks[condition.attack] for name, condition in job.conditions.items() if condition.attack}
    return {
        "training": job.inner_attack.model_dump(),
        **{name: attack.model_dump() for name, attack in attacks.items()},
    }
