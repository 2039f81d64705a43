"""The report of the assistive study, in the order in which it is read."""

from functools import partial

import pandas as pd

from friendfoe.report.classwise import MOST, classwise, weakest
from friendfoe.report.confidence import confidence
from friendfoe.report.curves import training_curves
from friendfoe.report.study import StudyReport
from friendfoe.studies.assistive import drawings, tables
from friendfoe.studies.assistive.claims import CLAIMS
from friendfoe.studies.assistive.names import CONDITIONS, HALVES, LABEL_KNOWN, LIKELY, MODELS, NO_STICKER, ON, PERTURBED
from friendfoe.studies.assistive.settings import Settings
from friendfoe.studies.evidence import Evidence
from friendfoe.studies.page import CURVES, Page
from friendfoe.studies.page import PANELS as PANELS_OF_CURVES
from friendfoe.studies.results import Results
from friendfoe.studies.tables import INTERVALS, class_table, rounding_table

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
TWICE = (
    "Each claim on networks is judged twice: on the study's own network, and in the set-up that the article is likely "
    "to have had, whose sizes are compared with the published ones where the data are the article's."
)
LIKELY_SETUP = (
    "The article names neither network nor budget. Likely is the example that its library begins with "
    "(examples/get_started_pytorch.py of the Adversarial Robustness Toolbox):"
)
ON_HALVES = ("own-train", "clean")
"""Conditions of table 2."""
OPEN = (
    "The article says neither on which its attacked images were crafted nor which of the two C is: its numbers stand "
    "beside all readings. Its library attacks the model's own answer where no label is given, and its remark that the "
    "attack presumes an accurate classifier says as much."
)
EXPLANATION = (
    "The article explains its result so: the signal itself holds what tells the classes apart, and B's features are "
    "limited to it. Towards another label: test images with the signal, crafted on A, of a label that is drawn among "
    "the others; a network that goes by the signal answers that label, one that goes by the image the image's. Alone: "
    "the signal of the image's label on a grey image. What clipping leaves of it also shows where the image is black."
)


def plot(study: Results[Settings], report: StudyReport) -> None:
    """Write all tables, figures and verdicts of the study.

    Raises:
        UserError: an evaluation, a training curve or a part of the analysis is missing or damaged.
    """
    evidence = tables.evidence(study, study.facts())
    page = Page(study, report, evidence, tables.as_the_library_attacks(study.settings))
    estimates = evidence.estimates("accuracy")
    page.begin("Assistive signals", QUESTION, DEFINITION, SOURCES)
    report.heading("Published tables")
    _published(page, estimates)
    report.heading("Claims")
    page.verdicts(CLAIMS, TWICE)
    shown = {"A_attacked": ("clean", "attack"), "B_clean": ("assist", "clean"), "C_clean": ("mixed", "clean")}
    report.headline(**{name: evidence("accuracy", *key).mean for name, key in shown.items()})
    page.given({"accuracy": "accuracy"}, CONDITIONS)
    report.heading("The article's likely set-up")
    _likely(page, estimates)
    report.heading("Signal or image?")
    page.table(tables.explanation(study, evidence, EXPLANATION))
    report.heading("Examples")
    _gallery(page)
    report.heading("Class by class")
    _classes(page, evidence)
    report.heading("Confidence")
    _confidence(page)
    report.heading("Training")
    page.training({name: f"{MODELS[name]}: {name}" if name in MODELS else name for name in study.models})
    report.heading("Is the robustness real?")
    page.gradient_checks(MODELS)
    report.heading("The sticker")
    _sticker(page, evidence)
    report.heading("Protocol")
    page.recipes(MODELS, _trained_on(study))
    page.table(rounding_table(study.evaluations, MODELS, CONDITIONS, LABEL_KNOWN))


def _published(page: Page[Settings], estimates: pd.DataFrame) -> None:
    """Tables 1 and 2."""
    study = page.study
    caption = "Table 1. Accuracy, by what the model was trained on (columns) and what it is shown (rows)"
    models = [name for name in study.models if name not in HALVES]
    conditions = [name for name in study.conditions if name != "own-train"]
    notes = (
        "A: clean images; B: assistive images alone; C: both, all of each; C (half): both, half of each.",
        LABEL_KNOWN,
        f"{ON} {OPEN} Unclipped: the formula alone, pixels may leave [0, 1]; counted as crafted.",
    )
    page.table(tables.comparison(study, estimates, "table-1", caption, models, conditions, *notes))
    caption = "Table 2. Accuracy after training on half of the images: does an assistive image teach more?"
    about = "A′ and B′ are trained on the same half of the images: clean for A′, with the assistive signal for B′."
    page.table(tables.comparison(study, estimates, "table-2", caption, HALVES, ON_HALVES, about, LABEL_KNOWN))


def _likely(page: Page[Settings], estimates: pd.DataFrame) -> None:
    """Tables 1 and 2 once more, training curves, and what was tried."""
    study, settings = page.study, page.study.settings.likely
    note = (
        f"{LIKELY_SETUP} {page.facts['networks'][LIKELY]}, {settings.in_words(LIKELY)}, batches of "
        f"{settings.training.batch}, pixels as they are; {page.facts['replicates']} replicates; perturbed images are "
        "counted as crafted."
    )
    report = page.report
    table = partial(tables.comparison, study, estimates, setups=settings.setups)
    full, shown = [name for name in MODELS if name not in HALVES], ["assist-train", "clean", *PERTURBED]
    about = (note, LABEL_KNOWN, f"{ON} {OPEN}")
    report.table(table("likely-1", "Table 1 in the likely set-up", full, shown, *about))
    report.table(table("likely-2", "Table 2 in the likely set-up", HALVES, ON_HALVES, note, LABEL_KNOWN))
    curves = study.table("likely").query("setup == @LIKELY")
    report.figure(
        "likely-training",
        training_curves({MODELS[str(model)]: curve for model, curve in curves.groupby("model", sort=False)}),
        f"{CURVES} {note}",
        PANELS_OF_CURVES,
    )
    report.table(tables.tried(study, estimates, page.facts["networks"], note))


def _trained_on(study: Results[Settings]) -> dict[str, int]:
    """model -> number of its training images."""
    rows = study.evaluations.query("condition == 'own-train' and replicate == 0")
    return {str(model): int(n) for model, n in rows.groupby("model")["n"].sum().items()}


def _gallery(page: Page[Settings]) -> None:
    page.report.figure(
        "gallery",
        drawings.signals(*page.study.gallery("gallery"), page.facts["eps"]),
        "The first test image of each class, with the answer and confidence of A (replicate 0); ✓ right, ✗ wrong. The "
        f"signal is what is added to the clean image, magnified; grey stands for no change. {LABEL_KNOWN}",
        "A row per class: clean image, magnified assistive signal, assisted image, attacked image.",
    )


def _classes(page: Page[Settings], evidence: Evidence) -> None:
    panels = {name: CONDITIONS[name] for name in ("clean", "assist", "attack-self")}
    letters = {model: MODELS[model] for model in PANELS}
    keys = [("accuracy", model, condition) for model in PANELS for condition in panels]
    shown = Evidence({key: evidence.outcomes[key] for key in keys}, classes=evidence.classes)
    estimates, classes = shown.estimates("accuracy", by_class=True).sort_index(), evidence.classes
    rows = weakest(estimates.xs(("clean", "clean"))["mean"], classes)
    which = f"The {MOST} classes on which A is weakest. " if len(rows) < len(classes) else ""
    page.report.figure(
        "classes",
        classwise(estimates, PANELS, panels, rows),
        f"{which}Markers: mean over replicates; bars: {INTERVALS[0].lower()}{INTERVALS[1:]} {LABEL_KNOWN}",
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


def _sticker(page: Page[Settings], evidence: Evidence) -> None:
    study, report, sides = page.study, page.report, page.facts["sides"]
    settings = study.settings.patch
    count = len(evidence.outcomes["accuracy", "clean", NO_STICKER].samples)
    tried = f"{settings.grid}×{settings.grid}"
    note = (
        "The perturbation covers only a square, and all is digital: pixels are set, nothing is printed. Image by "
        f"image: eps {settings.eps:g}, {settings.steps} steps of the gradient's sign, crafted on A (which is shown) "
        f"for each of {count} test images; corner: upper left; best place: that of {tried} where the loss of the "
        "image's label is lowest (friend) or highest (foe). One per class: made on training images of the class in "
        f"places that are drawn, in {settings.universal.steps} steps, and judged on these test images, the mean over "
        "all places; so is the grey square, which shows what covering alone does. Rounded to 8 bits. The label must be "
        "known before perturbing."
    )
    estimates = tables.by_area(evidence, sides)
    report.figure(
        "sticker-area",
        drawings.sticker_areas(estimates),
        f"{note} Bands: {INTERVALS[0].lower()}{INTERVALS[1:]}",
        "Accuracy and probability of the true class against the area of the sticker: friend and foe, in the corner, in "
        "the best place and one for a whole class; and a grey square.",
    )
    report.table(tables.sticker_table(estimates, note))
    report.figure(
        "sticker-examples",
        drawings.sticker_examples(*study.gallery("stickers")),
        "Stickers (outlined) in their best place, by area, with the answer and confidence of A (replicate 0). Friend: "
        "the first image that it gets wrong; foe: the first that it gets right.",
        "Two rows of images with growing stickers: one that helps the network, one that misleads it.",
    )
    report.figure(
        "sticker-classes",
        drawings.class_stickers(*study.gallery("universal")),
        "One sticker per class (outlined), in the middle of the first test image of the class, with the answer and "
        "confidence of A (replicate 0).",
        "Two rows of images, a column per class: with the sticker that helps, and with the one that misleads.",
    )
    report.figure(
        "sticker-place",
        drawings.sticker_places(tables.by_place(evidence, sides)),
        "Accuracy by place of the sticker, image by image (rows and columns of the grid), and its area; mean over "
        "replicates and images.",
        "Grids of accuracies, one for each goal and area.",
    )
