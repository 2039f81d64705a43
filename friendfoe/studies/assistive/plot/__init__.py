"""The report of the assistive study."""

from functools import partial

from friendfoe.report.classwise import classwise, weakest
from friendfoe.report.confidence import confidence
from friendfoe.report.curves import training_curves
from friendfoe.report.explorer import Attack
from friendfoe.report.study import StudyReport
from friendfoe.studies.assistive import drawings, tables
from friendfoe.studies.assistive.claims import CLAIMS
from friendfoe.studies.assistive.names import CONDITIONS, HALVES, LIKELY, MODELS, NO_STICKER, PERTURBED
from friendfoe.studies.assistive.settings import Settings
from friendfoe.studies.evidence import Evidence
from friendfoe.studies.page import Page
from friendfoe.studies.results import Results
from friendfoe.studies.tables import class_table, rounding_table

PANELS = {"clean": "A (clean)", "assist": "B (assistive)", "mixed": "C (both)"}
EXPLORED = {
    "attack": Attack("FGSM, crafted on A", "eps {:.3g}", ("assist", "attack")),
    "attack-self": Attack("FGSM, crafted on the model itself", "eps {:.3g}", ("assist-self", "attack-self")),
}
ON_HALVES = ("own-train", "clean")
"""Conditions of table 2."""


def plot(study: Results[Settings], report: StudyReport) -> None:
    """Write all tables, figures and verdicts of the study.

    Raises:
        UserError: an evaluation, a training curve or a part of the analysis is missing or damaged.
    """
    facts, setups = study.facts(), study.settings.likely.setups
    known, printed = tables.evidence(study, facts), tables.published_numbers(study.settings)
    page = Page(study, report, known, tables.as_the_library_attacks(printed))
    compared = partial(tables.comparison, page, printed)
    estimates, by_area = known.estimates("accuracy"), tables.by_area(known, facts["sides"])
    shown = {"A_attacked": ("clean", "attack"), "B_clean": ("assist", "clean"), "C_clean": ("mixed", "clean")}
    report.headline(**{name: known("accuracy", *key).mean for name, key in shown.items()})

    panels = {name: CONDITIONS[name] for name in ("clean", "assist", "attack-self")}
    keys = [("accuracy", model, condition) for model in PANELS for condition in panels]
    some = Evidence({key: known.outcomes[key] for key in keys}, classes=known.classes)
    by_class = some.estimates("accuracy", by_class=True).sort_index()
    classes = weakest(by_class.xs(("clean", "clean"))["mean"], known.classes)

    own = study.evaluations.query("condition == 'own-train' and replicate == 0").groupby("model")["n"].sum()
    curves = study.table("likely").query("setup == @LIKELY").groupby("model", sort=False)
    whole = [name for name in study.models if name not in HALVES]
    tried, lowest = tables.tried(study, estimates, facts["networks"])
    page.write(
        {
            "table-1": compared(1, whole, [name for name in study.conditions if name != "own-train"]),
            "table-2": compared(2, HALVES, ON_HALVES),
            "likely-1": compared(
                1, [m for m in MODELS if m not in HALVES], ["assist-train", "clean", *PERTURBED], setups
            ),
            "likely-2": compared(2, HALVES, ON_HALVES, setups),
            "tried": tried,
            "explanation": tables.explanation(page, setups),
            "classes": class_table(by_class, {model: MODELS[model] for model in PANELS}, panels, known.classes),
            **page.given({"accuracy": "accuracy"}, CONDITIONS),
            **page.gradient_checks(MODELS),
            "stickers": tables.sticker_table(by_area),
            "models": page.recipes(MODELS, {str(model): int(n) for model, n in own.items()}),
            "rounding": rounding_table(study.evaluations, MODELS, CONDITIONS),
        },
        {
            "likely-training": training_curves({MODELS[str(model)]: curve for model, curve in curves}),
            "gallery": drawings.signals(*study.gallery("gallery"), facts["eps"]),
            "classes": classwise(by_class, PANELS, panels, classes),
            "confidence": confidence(
                study.table("confidence"), PANELS, {name: CONDITIONS[name] for name in ("clean", "assist", "attack")}
            ),
            "training": page.training(
                {name: f"{MODELS[name]}: {name}" if name in MODELS else name for name in study.models}
            ),
            "sticker-area": drawings.sticker_areas(by_area),
            "sticker-examples": drawings.sticker_examples(*study.gallery("stickers")),
            "sticker-classes": drawings.class_stickers(*study.gallery("universal")),
            "sticker-place": drawings.sticker_places(tables.by_place(known, facts["sides"])),
        },
        page.judge(CLAIMS),
        page.explorer(MODELS, EXPLORED, {name: CONDITIONS[name] for name in ("clean", *PERTURBED)}, "accuracy"),
        LIKELY=LIKELY,
        lowest=lowest,
        published_b=page.published.set_index(["model", "condition"])["value"]["assist", "clean"],
        shown=len(classes),
        stuck=len(known.outcomes["accuracy", "clean", NO_STICKER].samples),
    )
