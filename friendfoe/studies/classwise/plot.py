"""The report of the class-wise study, in the order in which it is read."""

from dataclasses import replace

import pandas as pd

from friendfoe.report.classwise import weakest
from friendfoe.report.study import StudyReport
from friendfoe.studies.claims import judge
from friendfoe.studies.classwise import diagnosis_tables, drawings, measures, tables
from friendfoe.studies.classwise.claims import CLAIMS
from friendfoe.studies.classwise.diagnosis import Diagnosis
from friendfoe.studies.classwise.names import CONDITIONS, DEFENCES, MODEL, MODELS
from friendfoe.studies.classwise.settings import Settings
from friendfoe.studies.estimates import accuracy_estimates, as_crafted
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
ALL_OF_THEM = "Every defence under every attack stands in classes.csv, with both intervals."


def plot(study: Results[Settings], report: StudyReport) -> None:
    """Write all tables, figures and verdicts of the study.

    Raises:
        UserError: an evaluation, a training curve or a part of the analysis is missing or damaged.
    """
    facts = study.facts()
    images = f"trained on {facts['trained_on']} of {facts['available']} images"
    page = Page(study, report, f"{images}; perturbed images as crafted, not rounded")
    diagnosis = Diagnosis.read(study)
    spread, average = tables.estimates_of_spread(diagnosis.spread), diagnosis.spread["average"]

    page.begin("Class-wise robustness", QUESTION, DEFINITION, SOURCES)
    report.heading("Defences and attacks")
    page.table(tables.accuracy_table(spread))
    page.table(tables.order_table(average))
    report.heading("Claims")
    page.verdicts(judge(CLAIMS, diagnosis))
    robust = spread["mean"].xs("autoattack", level="condition")
    report.headline(average_AA=robust["average", MODEL], worst_AA=robust["worst", MODEL])
    report.heading("Class by class")
    _classes(page, diagnosis)
    page.table(tables.unequal_table(spread, ("clean", "pgd", "autoattack")))
    page.table(diagnosis_tables.order_of_classes(diagnosis.accuracy))
    page.table(diagnosis_tables.gain_table(diagnosis.counts))
    page.table(diagnosis_tables.norm_table(diagnosis.accuracy, diagnosis.norms))
    report.heading("Temperature-PGD")
    _temperature(page, average)
    report.heading("Homing")
    _homing(page, diagnosis)
    report.heading("The weakest class")
    _mitigation(page, diagnosis, spread)
    report.heading("Numbers of others")
    known = published("classwise")
    page.table(tables.comparators(spread, known, study.data))
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
    curves = {model: study.curve(model) for model in DEFENCES}
    best, last = average.xs("pgd", level="condition"), study.table("last")
    page.table(diagnosis_tables.checkpoint_table(best, last, curves))
    report.heading("Protocol")
    page.recipes(MODELS, facts["trained_on"])
    page.table(tables.attack_table(facts["attacks"], facts["standard_autoattack"]))
    report.table(rounding_table(study.evaluations, DEFENCES, CONDITIONS))


def _classes(page: Page[Settings], diagnosis: Diagnosis) -> None:
    report, classes = page.report, page.facts["classes"]
    estimates = accuracy_estimates(as_crafted(page.study.evaluations), "class", pixels=None)
    mean = diagnosis.accuracy.groupby(level=["model", "condition", "class"]).mean()
    rows = weakest(mean.xs((MODEL, "pgd")).dropna(), classes)
    which = "" if len(rows) == len(classes) else f"The {len(rows)} classes on which {DEFENCES[MODEL]} is weakest. "
    report.figure(
        "heat-map",
        drawings.heat_map(mean, rows),
        f"{which}Accuracy of each class under each attack; mean over replicates. Attacks from weak to strong.",
        "Heat maps, classes down and attacks across, a panel per defence.",
    )
    report.figure(
        "sorted",
        drawings.sorted_bars(estimates, rows),
        f"{which}Accuracy under PGD, the classes from weak to strong; mean over replicates. Thick: 95 % t interval "
        "over replicates; thin: 95 % Wilson interval of one replicate, which says how well so few images stand for "
        "all.",
        "Sorted bars of class accuracies, a panel per defence.",
    )
    report.figure(
        "confusion",
        drawings.confusion_matrix(diagnosis.confusion_of_model, rows),
        f"{which}What images are taken for under PGD ({DEFENCES[MODEL]}): shares of each class, all replicates. The "
        "diagonal (not coloured) is the accuracy.",
        "A confusion matrix under attack.",
    )
    conditions = {name: CONDITIONS[name] for name in ("clean", "pgd", "autoattack")}
    table = class_table(estimates, DEFENCES, conditions, classes, ALL_OF_THEM)
    page.table(replace(table, data=estimates.reset_index()))


def _temperature(page: Page[Settings], average: pd.Series) -> None:
    page.report.figure(
        "temperature",
        drawings.temperature_curve(average),
        "Accuracy under Temperature-PGD by 1/T (1 is PGD), and its difference from PGD; the separate markers at the "
        "right are margin PGD. Bands: 95 % t intervals over replicates.",
        "Accuracy against inverse temperature, a line per defence.",
    )
    page.table(diagnosis_tables.temperature_table(average))


def _homing(page: Page[Settings], diagnosis: Diagnosis) -> None:
    rates = measures.homing_rates(diagnosis.homing, "into")[["home", "control"]].groupby(level="into").mean()
    mean = diagnosis.accuracy.xs((MODEL, "pgd"), level=("model", "condition")).groupby(level="class").mean()
    page.report.figure(
        "homing",
        drawings.homing_graph(diagnosis.confusion_of_model, rates, weakest(mean.dropna(), page.facts["classes"])),
        f"What is turned into what under PGD ({DEFENCES[MODEL]}): arrows for at least {drawings.LEAST:.0%} of a "
        "class, as wide as that share. Outlined: classes that a network was trained without; of the images turned "
        "into them, so many come home then (in brackets: without another class).",
        "A graph of the classes with arrows for what attacks turn them into.",
    )
    page.table(diagnosis_tables.homing_table(diagnosis.homing))


def _mitigation(page: Page[Settings], diagnosis: Diagnosis, spread: pd.DataFrame) -> None:
    of_variants = tables.estimates_of_spread(diagnosis.spread_of_variants)
    page.report.figure(
        "weakest",
        drawings.before_after(spread, of_variants),
        "The weakest class and the average under AutoAttack, before and after; lines: 95 % t intervals over "
        "replicates.",
        "Bars of the weakest class and the average for every change.",
    )
    variants = page.study.table("mitigation")
    strengths = variants[variants["variant"] == "prior"].groupby("replicate")["strength"].first()
    page.table(diagnosis_tables.mitigation_table(diagnosis.spread, diagnosis.spread_of_variants, strengths))
