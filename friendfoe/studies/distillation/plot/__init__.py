"""The report of the distillation study."""

import numpy as np
from numpy.typing import NDArray

from friendfoe.report.explorer import Attack
from friendfoe.report.study import StudyReport
from friendfoe.studies.distillation import drawings, tables
from friendfoe.studies.distillation.claims import CLAIMS
from friendfoe.studies.distillation.evidence import CHOSEN, derived
from friendfoe.studies.distillation.names import (
    CONDITIONS,
    ENDS,
    HOTTEST,
    JSMA,
    UNDISTILLED,
    label,
    students,
    temperature,
)
from friendfoe.studies.distillation.settings import Settings
from friendfoe.studies.page import Page
from friendfoe.studies.results import Results

GALLERY = {  # model and kind of JSMA -> title
    (UNDISTILLED, "clean"): "clean",
    (UNDISTILLED, "jsma"): "undistilled",
    (HOTTEST, "jsma"): "T = 100",
    (HOTTEST, "jsma-temperature"): "T = 100,\nlogits / T",
    (HOTTEST, "jsma-log"): "T = 100,\nlog-softmax",
}

EXPLORED = {
    **{name: Attack(CONDITIONS[name], "eps {:.3g}", (name,)) for name in Settings.explored},
    "jsma": Attack("JSMA on the softmax, towards the next class", "{:.0%} of the features"),
}


def plot(study: Results[Settings], report: StudyReport) -> None:
    """Write all tables, figures and verdicts of the study.

    Raises:
        UserError: an evaluation, gradient check, training curve or part of the analysis is missing or damaged.
    """
    known, evidence, models = tables.published_numbers(study.data), derived(study), study.models
    page = Page(study, report, evidence, known, "perturbed images as crafted")
    estimates, hot, outcomes = page.estimates, students(models), evidence.outcomes
    leads = study.settings.transfer.confidences
    shown = [UNDISTILLED, *(model for model in ("distilled-1", "distilled-10", HOTTEST) if model in models)]
    headline = {"JSMA_T1": (UNDISTILLED, "jsma"), "JSMA_T100": (HOTTEST, "jsma"), "CW_T100": (HOTTEST, "cw-l2")}
    report.headline(**{name: evidence("success", *key).mean for name, key in headline.items()})
    labels, shares = {name: label(name) for name in models}, tables.shares_of_gradients(evidence, models)
    robust = {label(model): model for model in models}
    printed = known[known["metric"] == "correlation"]["value"]
    page.write(
        {
            "resilience": tables.resilience(page),
            "temperatures": tables.temperatures(page),
            "queries": tables.queries(page),
            "attacks": page.marked(tables.attacks(page), robust, [CONDITIONS["naive"]]),
            "confidences": tables.confidences(page, leads),
            **page.given({"accuracy-crafted": "accuracy"}, CONDITIONS),
            **page.gradient_checks(labels),
            "gradients": tables.gradients(page, shares),
            "distances": tables.distances(page),
            "fooling": tables.fooling(page),
            "others": tables.others(page),
            "models": page.recipes(labels, page.facts["images"]),
        },
        {
            "success": drawings.success(estimates, known, page.source, hot),
            "gallery": drawings.jsma_gallery(*study.gallery("gallery", "jsma"), GALLERY),
            "attacks": drawings.attacks(estimates, hot),
            "confidences": drawings.confidences(estimates, leads, shown),
            "gradients": drawings.gradients(shares, models),
            "distances": drawings.distances(estimates, hot),
            "fooling": drawings.fooling_gallery(*study.gallery("fooling-gallery", "fooling")),
            "training": page.training(
                {UNDISTILLED: "undistilled", "teacher-100": "teacher, T = 100", HOTTEST: "student, T = 100"}
            ),
        },
        page.judge(CLAIMS, under=["naive", "jsma"]),
        page.explorer(labels, EXPLORED, CONDITIONS, "accuracy-crafted"),
        attacked_images=len(outcomes["accuracy-crafted", UNDISTILLED, "naive"].samples),
        chosen=page.column("success", "jsma", [CHOSEN])[0],
        correlations=correlations(
            np.array([temperature(model) for model in hot], dtype=float),
            np.stack([evidence("distance", model, "cw-l2").values for model in hot]),
        ),
        gradient_images=len(outcomes["log10", models[0], "gradient"].samples),
        jsma_images=len(outcomes["success", models[0], "jsma"].samples),
        printed=printed.iloc[0] if len(printed) else None,
        success={kind: " and ".join(page.column("success", kind, ENDS)) for kind in JSMA},
        temperatures=len(hot),
    )


def correlations(at: NDArray[np.float64], far: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Of temperatures [T] and distances [T, replicates], by replicate; over a few temperatures, which is to be said."""
    if len(at) < 3 or not np.isfinite(far).all():
        return None
    return np.array([np.corrcoef(at, column)[0, 1] for column in far.T])
