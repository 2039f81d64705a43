"""The report of the assistive study, in the order in which it is read."""


from friendfoe.report.classwise import MOST, classwise, weakest
from friendfoe.report.confidence import confidence
from friendfoe.report.curves import training_curves
from friendfoe.report.study import StudyReport
from friendfoe.studies.assistive import drawings, sticker_tables, tables
from friendfoe.studies.assistive.claims import CLAIMS
from friendfoe.studies.assistive.settings import NAMES, Settings
from friendfoe.studies.claims import judge
from friendfoe.studies.classes import class_estimates, class_table
from friendfoe.studies.estimates import accuracies
from friendfoe.studies.results import Results
from friendfoe.studies.verdicts import verdict_table

KEYS = ("studies.assistive",)

SHOWN = {"clean": "A", "assist": "B", "mixed": "C"}
PANELS = {"clean": "clean", "assist": "assistive (on A)", "attack": "attacked (on A)"}
QUESTION = "What becomes of a network that is trained on perturbations that lower the loss of the true label?"
SOURCES = [
    "Qiita article of 2021-12-14 (in Japanese) on networks trained with assistive signals: protocol, tables 1 and 2",
    "Pestana et al. 2021, Physical world assistive signals for deep neural network classifiers, arXiv:2105.00622",
]


def plot(study: Results[Settings], report: StudyReport) -> None:
    """Write all tables, figures and verdicts of the study.

    Raises:
        UserError: an evaluation, a training curve or a part of the analysis is missing or damaged.
    """
    facts = study.facts()
    note = tables.budget(study, facts)
    report.title("Assistive signals", QUESTION, SOURCES)
    report.heading("Published tables")
    report.table(tables.table_1(study, note))
    report.table(tables.table_2(study, note))
    report.heading("Claims")
    _claims(study, report, note)
    report.heading("Examples")
    _gallery(study, report, facts["eps"])
    report.heading("Class by class")
    _classes(study, report, facts["classes"], note)
    report.heading("Confidence")
    report.figure(
        "confidence",
        confidence(study.table("confidence"), {model: f"model {name}" for model, name in SHOWN.items()}, PANELS),
        f"Confidence (the highest probability) on test images; mean over replicates. {tables.LABEL_KNOWN}",
        "Histograms of confidence, a row for each of the models A, B and C and a column for clean, assistive and "
        "attacked test images; right and wrong answers are stacked.",
    )
    report.heading("Training")
    report.figure(
        "training",
        training_curves({f"{NAMES.get(m, m)} ({m})": study.curve(m) for m in study.settings.models}),
        "Accuracy while training; thin lines are replicates, thick ones their mean. The test images choose nothing.",
        "Training curves, a panel per model: accuracy on its own training images and on clean test images by epoch.",
    )
    report.heading("The sticker")
    _sticker(study, report)
    report.heading("Protocol")
    report.table(tables.models(study, facts))
    report.table(tables.rounding(study))


def _claims(study: Results[Settings], report: StudyReport, note: str) -> None:
    values = accuracies(study.evaluations)
    judgements = judge(CLAIMS, lambda model, condition: values.loc[(model, condition)])
    report.claims(verdict_table(judgements, (note,)), [(claim.text, claim.verdict.value) for claim in judgements])


def _gallery(study: Results[Settings], report: StudyReport, eps: float) -> None:
    report.figure(
        "gallery",
        drawings.signals(study.arrays("gallery")["images"], study.table("gallery"), eps),
        "The first test image of each class, with the answer and confidence of A (replicate 0); ✓ right, ✗ wrong. The "
        f"signal is what is added to the clean image, magnified. {tables.LABEL_KNOWN}",
        "A row per class: clean image, magnified assistive signal, assisted image, attacked image.",
    )


def _classes(study: Results[Settings], report: StudyReport, classes: list[str], note: str) -> None:
    estimates = class_estimates(study.evaluations)
    shown = weakest(estimates.loc[("clean", "clean"), "mean"], classes)
    which = f"The {MOST} classes on which A is weakest. " if len(shown) < len(classes) else ""
    panels = {"clean": "clean test", "assist": "assistive test", "attack-self": "attacked test (itself)"}
    report.figure(
        "classes",
        classwise(estimates, {model: f"model {name}" for model, name in SHOWN.items()}, panels, shown),
        f"{which}Markers: mean over replicates; thick bars: 95 % t interval over replicates; thin bars: 95 % Wilson "
        f"interval of one replicate (how well so few images stand for all). {tables.LABEL_KNOWN}",
        "Accuracy of the models A, B and C for each class on clean, assistive and attacked test images.",
    )
    report.table(class_table("classes", estimates, SHOWN, panels, classes, (tables.LABEL_KNOWN, note)))


def _sticker(study: Results[Settings], report: StudyReport) -> None:
    counts, settings = study.table("sticker"), study.settings.patch
    count = int(counts["n"].iloc[0])
    note = (
        f"The signal covers only a square: {settings.steps} gradient steps, eps {settings.eps:g}, crafted on A, which is "
        f"also evaluated; {count} test images; corner: the upper left; best: the best of {settings.grid}×{settings.grid} "
        "places for each image, by the loss of its label. 95 % t intervals over replicates. The label must be known "
        "before perturbing."
    )
    areas = dict(sorted(zip(counts["side"], counts["area"], strict=True)))
    report.figure(
        "sticker-area",
        drawings.sticker_areas(sticker_tables.by_area(counts)),
        note,
        "Accuracy and probability of the true class against the area of the sticker, for friend and foe, in the corner "
        "and in the best place.",
    )
    report.table(sticker_tables.table(counts, note))
    report.figure(
        "sticker-examples",
        drawings.sticker_examples(study.arrays("stickers")["images"], study.table("stickers"), areas),
        "Stickers in their best place, by area. Friend: the first image that A (replicate 0) gets wrong; foe: the first "
        "that it gets right.",
        "Two rows of images with growing stickers: one that helps the network, one that misleads it.",
    )
    report.figure(
        "sticker-place",
        drawings.sticker_places(sticker_tables.by_place(counts)),
        "Accuracy by place of the sticker (rows and columns of the grid) and its area; mean over replicates.",
        "Grids of accuracies, one for each goal and area.",
    )
