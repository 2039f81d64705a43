"""The report of the assistive study, in the order in which it is read."""

from friendfoe.report.classwise import MOST, classwise, weakest
from friendfoe.report.confidence import confidence
from friendfoe.report.study import StudyReport
from friendfoe.studies.assistive import drawings, tables
from friendfoe.studies.assistive.claims import CLAIMS
from friendfoe.studies.assistive.names import CONDITIONS, LABEL_KNOWN, MODELS
from friendfoe.studies.assistive.settings import Settings
from friendfoe.studies.claims import Measurements, judge
from friendfoe.studies.estimates import accuracies, accuracy_estimates
from friendfoe.studies.page import Page
from friendfoe.studies.published import heading, verified
from friendfoe.studies.results import Results
from friendfoe.studies.tables import class_table, rounding_table

PANELS = {"clean": "A (clean)", "assist": "B (assistive)", "mixed": "C (both)"}
QUESTION = "What becomes of a network that is trained on perturbations that lower the loss of the true label?"
DEFINITION = (
    "An assistive signal is one step of FGSM downhill, clip(x − eps · sign(∇ loss(A, x, y)), 0, 1), where y is the "
    "true label and A is trained on clean images; an attack is the same step uphill. B is trained on assistive images "
    "alone, C on assistive and clean ones."
)
SOURCES = [
    "Qiita article of 2021-12-14 (in Japanese) on networks trained with assistive signals: protocol, tables 1 and 2",
    "Pestana et al. 2021, Physical world assistive signals for deep neural network classifiers, arXiv:2105.00622",
]


def plot(study: Results[Settings], report: StudyReport) -> None:
    """Write all tables, figures and verdicts of the study.

    Raises:
        UserError: an evaluation, a training curve or a part of the analysis is missing or damaged.
    """
    page = Page(study, report)
    page.begin("Assistive signals", QUESTION, DEFINITION, SOURCES)
    report.heading("Published tables")
    page.table(tables.table_1(study))
    page.table(tables.table_2(study))
    report.heading("Claims")
    _claims(page)
    report.heading("Examples")
    _gallery(page)
    report.heading("Class by class")
    _classes(page)
    report.heading("Confidence")
    _confidence(page)
    report.heading("Training")
    page.training({name: f"{MODELS[name]}: {name}" if name in MODELS else name for name in study.models})
    report.heading("Is the robustness real?")
    page.gradient_checks(MODELS)
    report.heading("The sticker")
    _sticker(page)
    report.heading("Protocol")
    page.recipes(MODELS, _trained_on(study))
    page.table(rounding_table(study.evaluations, MODELS, CONDITIONS, LABEL_KNOWN))


def _trained_on(study: Results[Settings]) -> dict[str, int]:
    """model -> number of its training images."""
    rows = study.evaluations.query("condition == 'own-train' and replicate == 0")
    return {str(model): int(n) for model, n in rows.groupby("model")["n"].sum().items()}


def _claims(page: Page[Settings]) -> None:
    published = tables.published_numbers()
    accuracy, known = Measurements(accuracies(page.study.evaluations)), verified(published, "model", "condition")
    source = heading(published["data"].iloc[0], page.study.data)
    page.verdicts(judge(CLAIMS, accuracy, known), source=source)
    shown = {"A_attacked": ("clean", "attack"), "B_clean": ("assist", "clean"), "C_clean": ("mixed", "clean")}
    page.report.headline(**{name: accuracy(*key).mean() for name, key in shown.items()})


def _gallery(page: Page[Settings]) -> None:
    page.report.figure(
        "gallery",
        drawings.signals(*page.study.gallery("gallery"), page.facts["eps"]),
        "The first test image of each class, with the answer and confidence of A (replicate 0); ✓ right, ✗ wrong. The "
        f"signal is what is added to the clean image, magnified; grey stands for no change. {LABEL_KNOWN}",
        "A row per class: clean image, magnified assistive signal, assisted image, attacked image.",
    )


def _classes(page: Page[Settings]) -> None:
    estimates, classes = accuracy_estimates(page.study.evaluations, "class"), page.facts["classes"]
    panels = {name: CONDITIONS[name] for name in ("clean", "assist", "attack-self")}
    letters = {model: MODELS[model] for model in PANELS}
    rows = weakest(estimates.xs(("clean", "clean"))["mean"], classes)
    which = f"The {MOST} classes on which A is weakest. " if len(rows) < len(classes) else ""
    page.report.figure(
        "classes",
        classwise(estimates, PANELS, panels, rows),
        f"{which}Markers: mean over replicates; thick bars: 95 % t interval over replicates; thin bars: 95 % Wilson "
        f"interval of one replicate, which says how well so few images stand for all. {LABEL_KNOWN}",
        "Accuracy of the models A, B and C for each class on clean, assistive and attacked test images.",
    )
    page.table(class_table(estimates, letters, panels, classes, LABEL_KNOWN))


def _confidence(page: Page[Settings]) -> None:
    panels = {name: CONDITIONS[name] for name in ("clean", "assist", "attack")}
    page.report.figure(
        "confidence",
        confidence(page.study.table("confidence"), PANELS, panels),
        f"Confidence (the highest probability) on test images; mean over replicates. {LABEL_KNOWN}",
        "Histograms of confidence, a row for each of the models A, B and C and a column for clean, assistive and "
        "attacked test images; right and wrong answers are stacked.",
    )


def _sticker(page: Page[Settings]) -> None:
    study, report = page.study, page.report
    counts, settings = study.table("sticker"), study.settings.patch
    count = int(counts["n"].iloc[0])
    note = (
        f"The perturbation covers only a square: eps {settings.eps:g}, {settings.steps} steps of the gradient's sign, "
        f"crafted on A (which is shown) for each of {count} test images; rounded to 8 bits. Corner: upper left; best "
        f"place: that of {settings.grid}×{settings.grid} where the loss of the image's label is lowest (friend) or "
        "highest (foe). 95 % t intervals over replicates. The label must be known before perturbing."
    )
    report.figure(
        "sticker-area",
        drawings.sticker_areas(tables.by_area(counts)),
        note,
        "Accuracy and probability of the true class against the area of the sticker, for friend and foe, in the corner "
        "and in the best place.",
    )
    report.table(tables.sticker_table(counts, note))
    report.figure(
        "sticker-examples",
        drawings.sticker_examples(*study.gallery("stickers")),
        "Stickers (outlined) in their best place, by area, with the answer and confidence of A (replicate 0). Friend: "
        "the first image that it gets wrong; foe: the first that it gets right.",
        "Two rows of images with growing stickers: one that helps the network, one that misleads it.",
    )
    report.figure(
        "sticker-place",
        drawings.sticker_places(tables.by_place(counts)),
        "Accuracy by place of the sticker (rows and columns of the grid) and its area; mean over replicates.",
        "Grids of accuracies, one for each goal and area.",
    )
