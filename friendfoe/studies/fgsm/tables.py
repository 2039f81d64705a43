"""The numbers of the study, ours and the published ones."""

from dataclasses import replace
from typing import Any

import pandas as pd

from friendfoe.evaluation.sample import Sample
from friendfoe.report.tables import Table
from friendfoe.studies.estimates import cell
from friendfoe.studies.evidence import KEY, Evidence
from friendfoe.studies.fgsm.names import MODELS, SOURCES
from friendfoe.studies.fgsm.settings import Settings
from friendfoe.studies.page import Page
from friendfoe.studies.published import published, readings
from friendfoe.studies.tables import INTERVALS, table

PERCENT = f"Errors, confidences and shares in percent. {INTERVALS}"
CONSTANT = "it answers the same class whatever it is shown, so that it has learned nothing"

_WIDE = "wide-adversarial"


def published_numbers(*, large: bool = False) -> pd.DataFrame:
    """The published rows, under the names of our models, too.

    The paper trains its large network adversarially: what it has of that stands under ours, but clean only where ours
    is as `large`. What it shows one maxout network of another's examples stands under `maxout-other`, which shares no
    first weights with the other.
    """
    rows = published("fgsm")
    shown = rows if large else rows[~((rows["model"] == _WIDE) & (rows["condition"] == "clean"))]
    ours = {"maxout-adversarial": _WIDE, **({"maxout": "wide"} if large else {})}
    rows = pd.concat([readings(shown, "model", ours).iloc[len(shown) :], rows], ignore_index=True)
    again = rows[(rows["model"] == "maxout") & (rows["condition"] == "clean")].assign(model="maxout-other")
    rows = pd.concat([rows, again], ignore_index=True)
    rows = readings(rows, "condition", {"on-maxout-adversarial": f"on-{_WIDE}", "on-maxout-other": "on-maxout"})
    hit = (rows["model"] == "maxout") & (rows["condition"] == "on-maxout-adversarial")
    return rows.assign(model=rows["model"].mask(hit, "maxout-other"))


def measurements(evidence: Evidence, measures: pd.DataFrame) -> Evidence:
    """The outcomes of single images, and what no image determines: measures.csv of the analysis."""
    ordered = measures.sort_values("replicate")
    groups: Any = ordered.groupby(KEY, sort=False)["value"]
    return evidence.also({key: Sample.of_replicates(values) for key, values in groups})


def constant(evidence: Evidence) -> list[str]:
    """The models that answer a single class on all training images in some replicate."""
    keys = [key for key in evidence.keys() if key[0] == "classes"]  # noqa: SIM118 (it is no mapping)
    return [key[1] for key in keys if (evidence(*key).values < 2).any()]


def of_what_trained(evidence: Evidence) -> Evidence:
    """The same evidence: what a constant predictor does is evidence for nothing."""
    idle = constant(evidence)
    keys = [key for key in evidence.keys() if key[1] in idle]  # noqa: SIM118
    return evidence.also({key: replace(evidence(*key), void=CONSTANT) for key in keys})


def matrix(page: Page[Settings]) -> Table:
    """Error of every model (columns) on the adversarial examples of every source (rows)."""
    sources = {name: MODELS[name] for name in (*SOURCES, "member")}
    keys = {model: [("error", model, f"on-{source}") for source in sources] for model in page.models}
    cells = {
        MODELS.get(model, model): [cell(page.estimates, *key, digits=1, scale=100) for key in column]
        for model, column in keys.items()
    }
    measured = [key for column in keys.values() for key in column if key in page.estimates.index]
    data = page.estimates.loc[measured].reset_index()
    data.insert(0, "source", data["condition"].str.removeprefix("on-"))
    return table("examples of", sources.values(), cells, data.drop(columns=["condition", "metric"]), PERCENT)
