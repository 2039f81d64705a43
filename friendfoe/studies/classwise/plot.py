"""The report of the class-wise study, in the order in which it is read."""

from dataclasses import replace

import pandas as pd

from friendfoe.report.classwise import weakest
from friendfoe.report.curves import training_curves
from friendfoe.report.study import StudyReport
from friendfoe.studies.budget import budget, model_table
from friendfoe.studies.claims import judge
from friendfoe.studies.classes import class_table
from friendfoe.studies.classwise import diagnosis_tables, drawings, measures, tables
from friendfoe.studies.classwise.claims import CLAIMS, Evidence
from friendfoe.studies.classwise.names import CONDITIONS, DEFENCES, MODEL, MODELS
from friendfoe.studies.classwise.settings import Settings
from friendfoe.studies.estimates import accuracy_estimates, as_crafted
from friendfoe.studies.published import published
from friendfoe.studies.results import Results
from friendfoe.studies.rounding import rounding_table
from friendfoe.studies.verdicts import verdict_cards, verdict_table

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
    note = budget(study.data, facts, f"{images}; perturbed images as crafted, not rounded")
    rows = as_crafted(study.evaluations)
    text = {"class": str, "answer": str, "into": str, "without": str}
    confusion, norms, last, homing, variants = (
        study.table(name, text) for name in ("confusion", "norms", "last", "homing", "mitigation")
    )
    counts_of_variants = variants.set_index(["variant", "condition", "class", "replicate"])[["correct", "n"]]
    evidence = Evidence(measures.by_class(rows), confusion, norms, homing, counts_of_variants)
    spread = tables.estimates_of_spread(evidence.spread)
    average = evidence.spread["average"]
    accuracy = evidence.counts["accuracy"]

    report.title("Class-wise robustness", QUESTION, SOURCES, note)
    report.text(DEFINITION)
    report.heading("Defences and attacks")
    report.table(tables.accuracy_table(spread, note))
    report.table(tables.order_table(average, note))
    report.heading("Claims")
    judgements = judge(CLAIMS, evidence)
    report.claims(verdict_table(judgements, (note,)), verdict_cards(judgements))
    report.heading("Class by class")
    _classes(report, evidence, accuracy_estimates(rows, "class", pixels=None), facts["classes"], note)
    report.table(tables.unequal_table(spread, ("clean", "pgd", "autoattack"), note))
    report.table(diagnosis_tables.order_of_classes(accuracy, note))
    report.table(diagnosis_tables.gain_table(evidence.counts, note))
    report.table(diagnosis_tables.norm_table(accuracy, norms, note))
    report.heading("Temperature-PGD")
    _temperature(report, average, note)
    report.heading("Homing")
    _homing(report, evidence, facts["classes"], note)
    report.heading("The weakest class")
    _mitigation(report, evidence, spread, variants, note)
    report.heading("Numbers of others")
    known = published("classwise")
    report.table(tables.comparators(spread, known, study.data, note))
    report.table(tables.further(known))
    report.heading("Training")
    curves = {model: study.curve(model) for model in study.models}
    report.figure(
        "training",
        training_curves({MODELS.get(model, model): curve for model, curve in curves.items()}),
        "Accuracy while training: on the attacked training images, and on clean test images, which choose nothing. "
        "Thin lines are replicates, thick ones their mean.",
        "Training curves, a panel per defence.",
    )
    of_best = average.xs("pgd", level="condition")
    report.table(diagnosis_tables.checkpoint_table(of_best, last, curves, note))
    report.heading("Protocol")
    report.table(model_table(facts, MODELS, dict.fromkeys(facts["models"], facts["trained_on"])))
    report.table(tables.attack_table(facts["attacks"], facts["standard_autoattack"], note))
    report.table(rounding_table(study.evaluations, DEFENCES, CONDITIONS))


def _classes(report: StudyReport, evidence: Evidence, estimates: pd.DataFrame, classes: list[str], note: str) -> None:
    mean = evidence.counts["accuracy"].groupby(level=["model", "condition", "class"]).mean()
    shown = weakest(mean.xs((MODEL, "pgd")).dropna(), classes)
    which = "" if len(shown) == len(classes) else f"The {len(shown)} classes on which {DEFENCES[MODEL]} is weakest. "
    report.figure(
        "heat-map",
        drawings.heat_map(mean, shown),
        f"{which}Accuracy of each class under each attack; mean over replicates. Attacks from weak to strong.",
        "Heat maps, classes down and attacks across, a panel per defence.",
    )
    report.figure(
        "sorted",
        drawings.sorted_bars(estimates, shown),
        f"{which}Accuracy under PGD, the classes from weak to strong; mean over replicates. Thick: 95 % t interval "
        "over replicates; thin: 95 % Wilson interval of one replicate, which says how well so few images stand for "
        "all.",
        "Sorted bars of class accuracies, a panel per defence.",
    )
    of_model = evidence.confusion[evidence.confusion["model"] == MODEL]
    report.figure(
        "confusion",
        drawings.confusion_matrix(of_model, shown),
        f"{which}What images are taken for under PGD ({DEFENCES[MODEL]}): shares of each class, all replicates. The "
        "diagonal (not coloured) is the accuracy.",
        "A confusion matrix under attack.",
    )
    conditions = {name: CONDITIONS[name] for name in ("clean", "pgd", "autoattack")}
    table = class_table("classes", estimates, DEFENCES, conditions, classes, (ALL_OF_THEM, note))
    report.table(replace(table, data=estimates.reset_index()))


def _temperature(report: StudyReport, average: pd.Series, note: str) -> None:
    report.figure(
        "temperature",
        drawings.temperature_curve(average),
        "Accuracy under Temperature-PGD by 1/T (1 is PGD), and its difference from PGD; the separate markers at the "
        "right are margin PGD. Bands: 95 % t intervals over replicates.",
        "Accuracy against inverse temperature, a line per defence.",
    )
    report.table(diagnosis_tables.temperature_table(average, note))


def _homing(report: StudyReport, evidence: Evidence, classes: list[str], note: str) -> None:
    of_model = evidence.confusion[evidence.confusion["model"] == MODEL]
    rates = measures.homing_rates(evidence.homing, "into")[["home", "control"]].groupby(level="into").mean()
    mean = evidence.counts["accuracy"].xs((MODEL, "pgd"), level=("model", "condition")).groupby(level="class").mean()
    report.figure(
        "homing",
        drawings.homing_graph(of_model, rates, weakest(mean.dropna(), classes)),
        f"What is turned into what under PGD ({DEFENCES[MODEL]}): arrows for at least {drawings.LEAST:.0%} of a "
        "class, as wide as that share. Outlined: classes that a network was trained without; of the images turned "
        "into them, so many come home then (in brackets: without another class).",
        "A graph of the classes with arrows for what attacks turn them into.",
    )
    report.table(diagnosis_tables.homing_table(evidence.homing, note))


def _mitigation(
    report: StudyReport, evidence: Evidence, spread: pd.DataFrame, variants: pd.DataFrame, note: str
) -> None:
    of_variants = tables.estimates_of_spread(evidence.spread_of_variants)
    report.figure(
        "weakest",
        drawings.before_after(spread, of_variants),
        "The weakest class and the average under AutoAttack, before and after; lines: 95 % t intervals over "
        "replicates.",
        "Bars of the weakest class and the average for every change.",
    )
    strengths = variants[variants["variant"] == "prior"].groupby("replicate")["strength"].first()
    report.table(diagnosis_tables.mitigation_table(evidence.spread, evidence.spread_of_variants, strengths, note))
