"""The report of the class-wise study."""

import pandas as pd

from friendfoe.report.classwise import weakest
from friendfoe.report.explorer import Attack
from friendfoe.report.figures import BAND
from friendfoe.report.study import StudyReport
from friendfoe.studies.classwise import drawings, tables
from friendfoe.studies.classwise.claims import claims_of
from friendfoe.studies.classwise.grids import grids
from friendfoe.studies.classwise.names import (
    ATTACK,
    DEFENCES,
    MODEL,
    MODELS,
    STRONGEST,
    TEMPERATURES,
    titles,
)
from friendfoe.studies.classwise.quantities import ACCURACY, chosen_temperatures, derived, turned_into
from friendfoe.studies.classwise.settings import Settings
from friendfoe.studies.page import Page
from friendfoe.studies.published import published
from friendfoe.studies.results import Results
from friendfoe.studies.tables import rounding_table


def plot(study: Results[Settings], report: StudyReport) -> None:
    """Write all tables, figures and verdicts of the study.

    Raises:
        UserError: an evaluation, a training curve or a part of the analysis is missing or damaged.
    """
    facts = study.facts()
    images = f"trained on {facts['trained_on']} of {facts['available']} images"
    evidence, called, known = derived(study), titles(facts), published("classwise")
    page = Page(study, report, evidence, known, f"{images}; perturbed images as crafted, not rounded")
    short = called[STRONGEST].replace("AutoAttack", "AA").replace(" ", "_")
    headline = {"average": ACCURACY, "worst": "weakest"}
    report.headline(**{f"{name}_{short}": evidence(of, MODEL, STRONGEST).mean for name, of in headline.items()})

    by_class = evidence.estimates(ACCURACY, by_class=True).sort_index()
    by_class = by_class[by_class.index.isin(MODELS, level="model") & by_class.index.isin(called, level="condition")]
    classes = weakest(by_class["mean"].xs((MODEL, ATTACK)), facts["classes"])
    confusion = study.table("confusion").query("model == @MODEL")
    rates = {
        name: (evidence("home", MODEL, name).mean, evidence("control", MODEL, name).mean, count)
        for name, count in turned_into(evidence).items()
        if name in facts["classes"]
    }
    attacks = {name: Attack(called[name], "eps {:.3g}", (name,)) for name in Settings.explored}
    held_out, strengths = study.table("held-out"), study.table("strengths")["strength"]
    chosen = {model: chosen_temperatures(held_out, model) for model in DEFENCES}
    shown = {
        **grids(evidence, called, {model: kept_epochs(study.curve(model)) for model in DEFENCES}),
        **tables.standard_table(evidence, called),
        "classes": tables.classes(by_class, called, facts["classes"]),
        "gains-by-class": tables.gains_by_class(evidence, called),
        "homing": tables.homing_table(evidence),
        "comparators": tables.comparators(page, called),
        "further": tables.further(known),
        **page.given({ACCURACY: "accuracy"}, called),
        **page.gradient_checks(MODELS),
        "models": page.recipes(MODELS, facts["trained_on"]),
        "attacks": tables.attack_table(facts["attacks"], called),
        "rounding": rounding_table(study.evaluations, DEFENCES, called),
    }
    robust = {title: model for model, title in MODELS.items()}
    page.write(
        {**shown, "accuracy": page.marked(shown["accuracy"], robust, [called[STRONGEST]])},
        {
            "heat-map": drawings.heat_map(by_class, classes, called),
            "sorted": drawings.sorted_bars(by_class, classes),
            "confusion": drawings.confusion_matrix(confusion, classes),
            "temperature": drawings.temperature_curve(evidence),
            "homing": drawings.homing_graph(confusion, rates, classes),
            "weakest": drawings.before_after(evidence, called[STRONGEST]),
            "training": page.training({model: MODELS.get(model, model) for model in study.models}),
        },
        page.judge(claims_of(facts["classes"], called[STRONGEST]), under=[STRONGEST]),
        page.explorer(MODELS, attacks, called, ACCURACY),
        changed=int((strengths > 0).sum()),
        chosen="; ".join(
            f"{DEFENCES[model]} {', '.join(str(TEMPERATURES[name]) for name in names)}"
            for model, names in chosen.items()
        ),
        few=facts["replicates"] < BAND,
        least=drawings.LEAST,
        model=DEFENCES[MODEL],
        shown=len(classes),
        strengths=[f"{strength:g}" for strength in strengths],
        strongest=called[STRONGEST],
    )


def kept_epochs(curve: pd.DataFrame) -> list[int]:
    """The epoch that held-out images choose, by replicate."""
    epochs: list[int] = curve.loc[curve.groupby("replicate")["validation_accuracy"].idxmax(), "epoch"].tolist()
    return epochs
