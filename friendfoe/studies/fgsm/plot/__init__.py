"""The report of the FGSM study."""

from friendfoe.report.explorer import Attack
from friendfoe.report.study import StudyReport
from friendfoe.studies.fgsm import drawings, tables
from friendfoe.studies.fgsm.claims import CLAIMS
from friendfoe.studies.fgsm.comparison import comparisons
from friendfoe.studies.fgsm.names import ATTACKS, CURVES, FILTERS, MODELS, SOURCES, TRANSFERRED
from friendfoe.studies.fgsm.settings import Settings
from friendfoe.studies.page import Page
from friendfoe.studies.results import Results

EXPLORED = {
    "fgsm": Attack("FGSM, crafted on the model itself", "eps {:.3g}", ("fgsm",)),
    TRANSFERRED: Attack(f"FGSM, crafted on {MODELS['maxout-other']}", "eps {:.3g}", (TRANSFERRED,)),
}
MAPPED = {"clean": "clean", "fgsm": "FGSM"} | {f"on-{name}": f"FGSM on {MODELS[name]}" for name in SOURCES}
"""Columns of the explorer's map."""


def plot(study: Results[Settings], report: StudyReport) -> None:
    """Write all tables, figures and verdicts of the study.

    Raises:
        UserError: a training curve or a part of the analysis is missing or damaged.
    """
    facts = study.facts()
    units = facts["models"]["maxout"]["job"]["network"].get("units", [])
    ours = tables.of_what_trained(tables.measurements(study.evidence, study.table("measures")))
    theirs = tables.published_numbers(large=units[:1] == [1600])
    page = Page(study, report, ours, theirs, "perturbed images as floats, unclipped")
    errors = {"maxout": "maxout", "adversarial": "maxout-adversarial", "ensemble": "ensemble"}
    report.headline(**{f"{name}_error": ours("error", model, "fgsm").mean for name, model in errors.items()})
    matrix = tables.matrix(page)
    page.write(
        {
            **comparisons(page),
            **page.given({"error": "error", "confidence-wrong": "confidence where wrong"}),
            **page.gradient_checks(MODELS),
            "matrix": matrix,
            "models": page.recipes(
                MODELS, facts["train_images"], {name: int(study.curve(name)["epoch"].max()) for name in study.models}
            ),
        },
        {
            "panda": drawings.panda(*study.gallery("panda")),
            "by-eps": drawings.by_eps(
                page.estimates, study.settings.shares, facts["eps"], {name: MODELS[name] for name in CURVES}
            ),
            "matrix": drawings.heat(matrix.data),
            "logits": drawings.logits(study.arrays("logits"), facts["classes"], facts["eps"]),
            "filters": drawings.filters(study.arrays("filters"), {name: MODELS[name] for name in FILTERS}),
            "fooling": drawings.fooling(study.arrays("fooling")["images"], study.table("fooling-shown")),
            "training": page.training({name: MODELS.get(name, name) for name in study.models}),
        },
        page.judge(CLAIMS, under=ATTACKS),
        page.explorer(MODELS, EXPLORED, MAPPED, "error"),
    )
