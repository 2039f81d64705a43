"""What the FGSM study computes from models and images: one long table of measures, and what its figures show."""

import json
from pathlib import Path

import pandas as pd

from friendfoe.runtime.progress import progress
from friendfoe.runtime.replicates import Send, each_replicate
from friendfoe.studies.facts import facts
from friendfoe.studies.fgsm.logistic import pick
from friendfoe.studies.fgsm.pictures import pictures
from friendfoe.studies.fgsm.replicate import Found, measure
from friendfoe.studies.fgsm.settings import Settings
from friendfoe.studies.inputs import Inputs


def analyse(study: Inputs[Settings], out: Path) -> None:
    """Write facts.json, measures.csv, by-eps.csv, and what the figures show of replicate 0 into `out`.

    measures.csv: model, condition, metric, value, replicate. by-eps.csv: model, eps, the metrics of `measures.counted`
    and replicate.

    Raises:
        UserError: an input is missing or damaged, or the data set lacks a class that the settings name.
    """
    pick(study.train, study.settings.pair)  # a class that is not there is found before anything is computed
    known = {**facts(study), "train_images": study.train_images}
    (out / "facts.json").write_text(json.dumps(known, indent=1) + "\n")
    pictures(study, out)

    def replicate(number: int, send: Send) -> Found:
        found = measure(study, number)
        send(None)
        return found

    with progress(f"FGSM study of {study.data}", len(study.replicates)) as advance:
        parts = each_replicate(replicate, len(study.replicates), lambda *_: advance(1))
    columns = ["model", "condition", "metric", "value"]
    measures = [pd.DataFrame(part.measures, columns=columns).assign(replicate=r) for r, part in enumerate(parts)]
    by_eps = [pd.DataFrame(part.by_eps).assign(replicate=r) for r, part in enumerate(parts)]
    for name, tables in {"measures": measures, "by-eps": by_eps}.items():
        pd.concat(tables).to_csv(out / f"{name}.csv", index=False, float_format="%.9g")
