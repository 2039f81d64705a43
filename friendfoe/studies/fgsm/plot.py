"""The report of the FGSM study, in the order in which it is read."""

from friendfoe.report.study import StudyReport
from friendfoe.studies.fgsm import drawings, sections
from friendfoe.studies.fgsm.claims import CLAIMS
from friendfoe.studies.fgsm.names import ATTACKS, MODELS
from friendfoe.studies.fgsm.sections import LARGE
from friendfoe.studies.fgsm.settings import Settings
from friendfoe.studies.fgsm.tables import FgsmPage, measurements, of_what_trained, published_numbers
from friendfoe.studies.results import Results

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
    units = study.facts()["models"]["maxout"]["job"]["network"].get("units", [])
    ours = of_what_trained(measurements(study.evidence, study.table("measures")))
    theirs = published_numbers(large=units[:1] == [1600])
    page = FgsmPage(study, report, ours, theirs, "perturbed images as floats, unclipped")
    page.begin("Adversarial examples: FGSM", QUESTION, DEFINITION, SOURCES)
    report.heading("Claims")
    page.verdicts(CLAIMS, LARGE, under=ATTACKS)
    errors = {"maxout": "maxout", "adversarial": "maxout-adversarial", "ensemble": "ensemble"}
    report.headline(**{f"{name}_error": page.evidence("error", errors[name], "fgsm").mean for name in errors})
    page.given({"error": "error", "confidence-wrong": "confidence where wrong"})
    report.heading("An image, a few grey levels, another answer")
    _panda(page)
    report.heading("Error and confidence")
    sections.errors(page)
    report.heading("Is the robustness real?")
    page.gradient_checks(MODELS)
    report.heading("Transfer and agreement")
    sections.transfer(page)
    report.heading("Linearity")
    sections.linearity(page)
    report.heading("Rubbish")
    sections.rubbish(page)
    report.heading("A detector")
    sections.detection(page)
    report.heading("Protocol")
    _protocol(page)


def _panda(page: FgsmPage) -> None:
    page.report.figure(
        "panda",
        drawings.panda(*page.study.gallery("panda")),
        "The first test image of each class that maxout (replicate 0) answers rightly, the signs of the gradient, and "
        "the image moved along them by the least number of grey levels that changes the answer. Pixels have 8 bits "
        "and stay in [0, 255]: what a saved image holds. Below each image the answer and its confidence; ✓ right, ✗ "
        "wrong. On ImageNet the paper shows a panda (57.7 %) that becomes a gibbon (99.3 %) at eps 0.007.",
        "A row per class: clean image, signs of the perturbation, attacked image, each with the network's answer.",
    )


def _protocol(page: FgsmPage) -> None:
    models = page.models
    page.training({name: MODELS.get(name, name) for name in models})
    epochs = {name: int(page.study.curve(name)["epoch"].max()) for name in models}
    page.recipes(MODELS, page.facts["train_images"], epochs)
