"""What the evaluations do not hold of the defences: confusions under attack, row norms, the last epoch."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from friendfoe.models.last_layer import row_norms
from friendfoe.runtime.progress import progress
from friendfoe.runtime.replicates import Send, each_replicate
from friendfoe.studies.classwise.attacked import Answers, answers, confusion
from friendfoe.studies.classwise.names import DEFENCES, MODEL, MODELS
from friendfoe.studies.classwise.settings import Settings
from friendfoe.studies.inputs import Inputs

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Diagnosis:
    """Tables, and what the model that is looked into answers in each replicate.

    Attributes:
        confusion: model, replicate, class, answer and n, images under PGD.
        norms: model, replicate, class and norm of its row.
        last: model, replicate, class, n and correct under PGD after the last epoch.
        answers: of `MODEL`, a replicate each.
    """

    confusion: pd.DataFrame
    norms: pd.DataFrame
    last: pd.DataFrame
    answers: list[Answers]


def diagnose(study: Inputs[Settings]) -> Diagnosis:
    """Attack the defences, those of the best epoch and those of the last."""
    classes, labels = study.test.classes, study.test.labels

    def replicate(number: int, send: Send) -> tuple[dict[str, Rows], Answers]:
        rows: dict[str, Rows] = {"confusion": [], "norms": [], "last": []}
        for model in MODELS:
            norms = row_norms(study.network(model, number)).tolist()
            of = {"model": model, "replicate": number}
            rows["norms"] += [{**of, "class": name, "norm": norm} for name, norm in zip(classes, norms, strict=True)]
        for model in DEFENCES:
            of = {"model": model, "replicate": number}
            best, last = (
                answers(study, study.network(model, number, last=of_last), study.test.images, labels, number)
                for of_last in (False, True)
            )
            counts = confusion(labels, best.attacked, len(classes)).tolist()
            rows["confusion"] += [
                {**of, "class": name, "answer": answer, "n": n}
                for name, row in zip(classes, counts, strict=True)
                for answer, n in zip(classes, row, strict=True)
            ]
            counts = confusion(labels, last.attacked, len(classes)).tolist()
            rows["last"] += [
                {**of, "class": name, "n": sum(row), "correct": row[number_of_class]}
                for number_of_class, (name, row) in enumerate(zip(classes, counts, strict=True))
            ]
            if model == MODEL:
                of_model = best
            send(model)
        return rows, of_model

    count = len(study.replicates)
    with progress(f"confusions on {study.data}", count * len(DEFENCES)) as advance:
        found = each_replicate(replicate, count, lambda *_: advance(1))
    tables = {name: pd.DataFrame([row for rows, _ in found for row in rows[name]]) for name in found[0][0]}
    return Diagnosis(**tables, answers=[of_model for _, of_model in found])
