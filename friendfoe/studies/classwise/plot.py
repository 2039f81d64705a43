"""The report of the class-wise study, in the order in which it is read."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from friendfoe.report.classwise import weakest
from friendfoe.report.figures import BAND
from friendfoe.report.study import StudyReport
from friendfoe.studies.classwise import diagnosis_tables, drawings, tables
from friendfoe.studies.classwise.claims import claims_under
from friendfoe.studies.classwise.names import ATTACK, DEFENCES, MODEL, MODELS, SHOWN, STRONGEST, titles
from friendfoe.studies.classwise.quantities import ACCURACY, chosen_temperatures, derived, turned_into
from friendfoe.studies.classwise.settings import Settings
from friendfoe.studies.evidence import Evidence
from friendfoe.studies.page import Page
from friendfoe.studies.published import published
from friendfoe.studies.results import Results
from friendfoe.studies.tables import class_table, rounding_table

QUESTION = "Which classes of a robust network are weak, how consistently, and what raises the weakest one?"
DEFINITION = (
    "Networks are trained against attacks (PGD-AT, FGSM-AT, TRADES, MART) and attacked class by class. "
    "Temperature-PGD is PGD on the cross-entropy of softmax(logits / T): at T = 1 PGD itself, for T towards 0 the "
    "attack on the margin. Attacks are crafted on the network itself, but for the transfer, which is PGD on a network "
    "trained on clean images."
)
SOURCES = [
    "Tian et al. 2021, Analysis and Applications of Class-wise Robustness in Adversarial Training, arXiv:2105.14240",
    "Comparators: Wei et al. 2023, CFA: Class-wise Calibrated Fair Adversarial Training, arXiv:2303.14460",
]
ALL_OF_THEM = "Every defence under every attack stands in classes.csv."


def plot(study: Results[Settings], report: StudyReport) -> None:
    """Write all tables, figures and verdicts of the study.

    Raises:
        UserError: an evaluation, a training curve or a part of the analysis is missing or damaged.
    """
    facts = study.facts()
    images = f"trained on {facts['trained_on']} of {facts['available']} images"
    evidence, called, known = derived(study), titles(facts), published("classwise")
    page = Page(study, report, evidence, known, f"{images}; perturbed images as crafted, not rounded")

    page.begin("Class-wise robustness", QUESTION, DEFINITION, SOURCES)
    report.heading("Defences and attacks")
    robust = {title: model for model, title in MODELS.items()}
    page.table(tables.accuracy_table(evidence, called), robust=robust, under=[called[STRONGEST]])
    page.table(tables.order_table(evidence, called))
    if check := tables.standard_table(evidence, called):
        page.table(check)
    report.heading("Claims")
    page.verdicts(claims_under(called[STRONGEST]), under=[STRONGEST])
    strongest = called[STRONGEST].replace("AutoAttack", "AA").replace(" ", "_")
    headline = {"average": evidence(ACCURACY, MODEL, STRONGEST), "worst": evidence("weakest", MODEL, STRONGEST)}
    report.headline(**{f"{name}_{strongest}": sample.mean for name, sample in headline.items()})
    page.given({ACCURACY: "accuracy"}, called)
    report.heading("Class by class")
    _classes(page, evidence, called)
    page.table(tables.unequal_table(evidence, called))
    page.table(diagnosis_tables.order_of_classes(evidence, called))
    page.table(diagnosis_tables.gain_table(evidence, called))
    page.table(diagnosis_tables.gains_by_class(evidence, called))
    page.table(diagnosis_tables.norm_table(evidence))
    report.heading("Temperature-PGD")
    page.report.figure(
        "temperature",
        drawings.temperature_curve(evidence),
        "Accuracy under Temperature-PGD by 1/T (1 is PGD), and its difference from PGD; the separate markers at the "
        f"right are margin PGD. {_bands(facts)}",
        "Accuracy against inverse temperature, a line per defence.",
    )
    held_out = study.table("held-out")
    chosen = {model: chosen_temperatures(held_out, model) for model in DEFENCES}
    page.table(diagnosis_tables.temperature_table(evidence, chosen))
    report.heading("Homing")
    _homing(page, evidence)
    report.heading("The weakest class")
    page.report.figure(
        "weakest",
        drawings.before_after(evidence, called[STRONGEST]),
        f"The weakest class and the average under {called[STRONGEST]}, before and after; lines: 95 % intervals over "
        "replicates and images. Prior: the replicates in which a strength above 0 was chosen.",
        "Bars of the weakest class and the average for every change.",
    )
    page.table(diagnosis_tables.mitigation_table(evidence, called, study.table("strengths")["strength"]))
    report.heading("Numbers of others")
    page.table(tables.comparators(evidence, known, study.data, called))
    report.table(tables.further(known))
    report.heading("Is the robustness real?")
    page.gradient_checks(MODELS)
    report.heading("Training")
    page.training(
        {model: MODELS.get(model, model) for model in study.models},
        "Accuracy while training: on the attacked training images, and on clean test images, which choose nothing. "
        "Thin lines are replicates, thick ones their mean.",
        "Training curves, a panel per defence.",
    )
    page.table(tables.checkpoint_table(evidence, {model: study.curve(model) for model in DEFENCES}))
    report.heading("Protocol")
    page.recipes(MODELS, facts["trained_on"])
    page.table(tables.attack_table(facts["attacks"], facts["standard_autoattack"], called))
    report.table(rounding_table(study.evaluations, DEFENCES, called))


def _bands(facts: Mapping[str, Any]) -> str:
    """What is drawn beside the means."""
    few = facts["replicates"] < BAND
    return "Thin lines: replicates." if few else "Bands: 95 % intervals over replicates and images."


def _classes(page: Page[Settings], evidence: Evidence, called: Mapping[str, str]) -> None:
    report, classes = page.report, page.facts["classes"]
    estimates = evidence.estimates(ACCURACY, by_class=True)
    estimates = estimates[
        estimates.index.isin(MODELS, level="model") & estimates.index.isin(called, level="condition")
    ].sort_index()
    rows = weakest(estimates["mean"].xs((MODEL, ATTACK)), classes)
    which = "" if len(rows) == len(classes) else f"The {len(rows)} classes on which {DEFENCES[MODEL]} is weakest. "
    report.figure(
        "heat-map",
        drawings.heat_map(estimates, rows, called),
        f"{which}Accuracy of each class under each attack; mean over replicates. Attacks from weak to strong.",
        "Heat maps, classes down and attacks across, a panel per defence.",
    )
    report.figure(
        "sorted",
        drawings.sorted_bars(estimates, rows),
        f"{which}Accuracy under PGD, the classes from weak to strong; mean over replicates. Lines: 95 % intervals over "
        "replicates and images.",
        "Sorted bars of class accuracies, a panel per defence.",
    )
    report.figure(
        "confusion",
        drawings.confusion_matrix(_confusion(page), rows),
        f"{which}What images are taken for under PGD ({DEFENCES[MODEL]}): shares of each class, all replicates. The "
        "diagonal (not coloured) is the accuracy.",
        "A confusion matrix under attack.",
    )
    conditions = {name: called[name] for name in SHOWN}
    table = class_table(estimates, DEFENCES, conditions, classes, ALL_OF_THEM)
    page.table(replace(table, data=estimates.reset_index()))


def _confusion(page: Page[Settings]) -> pd.DataFrame:
    """What `MODEL` takes attacked images for."""
    confusion = page.study.table("confusion")
    return confusion[confusion["model"] == MODEL]


def _homing(page: Page[Settings], evidence: Evidence) -> None:
    rates = {
        name: (evidence("home", MODEL, name).mean, evidence("control", MODEL, name).mean, images)
        for name, images in turned_into(evidence).items()
        if name in page.facts["classes"]
    }
    mean = evidence.estimates(ACCURACY, by_class=True)["mean"].sort_index().xs((MODEL, ATTACK))
    page.report.figure(
        "homing",
        drawings.homing_graph(_confusion(page), rates, weakest(mean, page.facts["classes"])),
        f"What is turned into what under PGD ({DEFENCES[MODEL]}): arrows for at least {drawings.LEAST:.0%} of a "
        "class. Outlined: classes that a network was trained without; of the images turned into them (n, all "
        "replicates), so many come home then (in brackets: without another class).",
        "A graph of the classes with arrows for what attacks turn them into.",
    )
    page.table(diagnosis_tables.homing_table(evidence))
