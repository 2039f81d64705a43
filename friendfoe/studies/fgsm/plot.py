"""The report of the FGSM study, in the order in which it is read."""

from friendfoe.report.curves import training_curves
from friendfoe.report.study import StudyReport
from friendfoe.studies.budget import budget, model_table
from friendfoe.studies.claims import judge
from friendfoe.studies.fgsm import drawings, sections
from friendfoe.studies.fgsm.claims import CLAIMS
from friendfoe.studies.fgsm.evidence import ours, printed, theirs
from friendfoe.studies.fgsm.names import MODELS
from friendfoe.studies.fgsm.page import LARGE, Page
from friendfoe.studies.fgsm.settings import Settings
from friendfoe.studies.published import heading
from friendfoe.studies.results import Results
from friendfoe.studies.verdicts import verdict_cards, verdict_table

QUESTION = "Are networks fooled because they are nearly linear, and does training on such images help?"
DEFINITION = (
    "The fast gradient sign method takes one step of eps along the sign of the loss's gradient, x + eps · sign(∇J). "
    "A linear function w'x changes by eps · |w|₁, which grows with the number of pixels: at the same eps small "
    "images are harder to attack. The paper clips nothing, so that pixels may leave [0, 1], and so do we where "
    "nothing else is said; what clipping and 8-bit pixels change has a table of its own. Adversarial training adds "
    "such images, made anew at every step."
)
SOURCES = [
    "Goodfellow, Shlens and Szegedy 2015, Explaining and Harnessing Adversarial Examples, arXiv:1412.6572",
    "a review of it in Korean (JSP's Deep learning, 2023-01-15), which led here",
]


def plot(study: Results[Settings], report: StudyReport) -> None:
    """Write all tables, figures and verdicts of the study.

    Raises:
        UserError: a training curve or a part of the analysis is missing or damaged.
    """
    facts = study.facts()
    note = budget(study.data, facts, "perturbed images as floats, unclipped")
    page = Page(study, report, facts, ours(study.table("measures")), theirs(), note)
    report.title("Adversarial examples: FGSM", QUESTION, SOURCES, note)
    report.text(DEFINITION)
    report.heading("Claims")
    _claims(page)
    report.heading("An image, a few grey levels, another answer")
    _panda(page)
    report.heading("Error and confidence")
    sections.errors(page)
    report.heading("Transfer and agreement")
    sections.transfer(page)
    report.heading("Linearity")
    sections.linearity(page)
    report.heading("Rubbish")
    sections.rubbish(page)
    report.heading("Protocol")
    _protocol(page)


def _claims(page: Page) -> None:
    judgements = judge(CLAIMS, page.measures, printed(page.published))
    source = heading("MNIST", page.study.data)
    page.report.claims(verdict_table(judgements, (LARGE, page.note), source=source), verdict_cards(judgements))


def _panda(page: Page) -> None:
    page.report.figure(
        "panda",
        drawings.panda(page.study.arrays("panda")["images"], page.study.table("panda")),
        "The first test image of each class that maxout (replicate 0) answers rightly, the signs of the gradient, and "
        "the image moved along them by the least number of grey levels that changes the answer. Pixels have 8 bits "
        "and stay in [0, 255]: what a saved image holds. Below each image the answer and its confidence; ✓ right, ✗ "
        "wrong. On ImageNet the paper shows a panda (57.7 %) that becomes a gibbon (99.3 %) at eps 0.007.",
        "A row per class: clean image, signs of the perturbation, attacked image, each with the network's answer.",
    )


def _protocol(page: Page) -> None:
    models = page.study.models
    curves = {MODELS.get(name, name): page.study.curve(name) for name in models}
    page.report.figure(
        "training",
        training_curves(curves),
        "Accuracy while training; thin lines are replicates, thick ones their mean. The test images choose nothing.",
        "Training curves, a panel per model: accuracy on its own training images and on clean test images by epoch.",
    )
    images = dict.fromkeys(models, page.facts["train_images"])
    epochs = {name: int(curves[MODELS.get(name, name)]["epoch"].max()) for name in models}
    page.report.table(model_table(page.facts, MODELS, images, epochs))
