"""The report of the distillation study, in the order in which it is read."""

from friendfoe.report.study import StudyReport
from friendfoe.studies.distillation import drawings, inside, tables
from friendfoe.studies.distillation.claims import CLAIMS
from friendfoe.studies.distillation.evidence import derived
from friendfoe.studies.distillation.names import CONDITIONS, ENDS, HOTTEST, UNDISTILLED, label, students
from friendfoe.studies.distillation.settings import Settings
from friendfoe.studies.page import Page
from friendfoe.studies.results import Results

QUESTION = "Does training on the probabilities of a network at a high temperature defend against adversarial examples?"
DEFINITION = (
    "A teacher is trained with softmax(logits / T), a student of the same architecture on the probabilities of the "
    "teacher, at the same T; the student is used at T = 1. Its logits are then about T times as large, its softmax is "
    "saturated, and the gradients of the softmax vanish: an attack that follows them stops. The undistilled network is "
    "the teacher at T = 1."
)
TRAINING = (
    "The paper trains for 50 epochs with SGD and momentum 0.5, at a learning rate of 0.1 that is halved every 10 "
    "epochs. At temperature T the gradient of the loss is 1 / T of the usual one, and nothing makes up for it; a short "
    "training at T = 100 needs an optimiser whose steps do not depend on the size of the gradient. Where the table "
    "says adamw, it takes the place of SGD for all networks."
)
SOURCES = [
    "Papernot et al. 2016, Distillation as a defense to adversarial perturbations against deep neural networks, "
    "IEEE S&P, arXiv:1511.04508",
    "Carlini & Wagner 2016, Defensive distillation is not robust to adversarial examples, arXiv:1607.04311",
    "Carlini & Wagner 2017, Towards evaluating the robustness of neural networks, IEEE S&P, arXiv:1608.04644",
    "Nguyen et al. 2015, Deep neural networks are easily fooled, CVPR, arXiv:1412.1897",
    "Szegedy et al. 2014, Intriguing properties of neural networks, ICLR, arXiv:1312.6199",
    "Papernot, McDaniel and Goodfellow 2016, Transferability in machine learning, arXiv:1605.07277",
    "an article on adversarial examples (in Japanese), which led here",
]


def plot(study: Results[Settings], report: StudyReport) -> None:
    """Write all tables, figures and verdicts of the study.

    Raises:
        UserError: an evaluation, gradient check, training curve or part of the analysis is missing or damaged.
    """
    known = tables.published_numbers(study.data)
    page = Page(study, report, derived(study), known, "perturbed images as crafted")
    page.begin("Defensive distillation", QUESTION, DEFINITION, SOURCES)
    report.heading("What distillation seems to do")
    page.table(tables.resilience(page))
    page.table(tables.temperatures(page))
    report.figure(
        "success",
        drawings.success(page.estimates, page.published, page.source, students(page.models)),
        f"{tables.protocol(page)} Bands: 95 % intervals over replicates and images.",
        "Success of JSMA against temperature: that on the softmax falls, the others stay; beside it accuracy.",
    )
    report.text(_logits(page))
    _gallery(page)
    page.table(tables.queries(page))
    report.heading("Claims")
    page.verdicts(CLAIMS, under=["naive", "jsma"])
    report.headline(
        JSMA_T1=page.evidence("success", UNDISTILLED, "jsma").mean,
        JSMA_T100=page.evidence("success", HOTTEST, "jsma").mean,
        CW_T100=page.evidence("success", HOTTEST, "cw-l2").mean,
    )
    page.given({"accuracy-crafted": "accuracy"}, CONDITIONS)
    report.heading("What breaks it")
    _attacks(page)
    report.heading("Gradients")
    inside.gradients(page)
    report.heading("Logits and distances")
    inside.distances(page)
    report.heading("Fooling images")
    inside.fooling(page)
    report.heading("Not the deep networks' alone")
    page.table(tables.others(page, _crafted_on(page)))
    report.heading("Protocol")
    report.text(TRAINING)
    page.recipes({name: label(name) for name in page.models}, page.facts["images"])
    names = {UNDISTILLED: "undistilled", "teacher-100": "teacher, T = 100", HOTTEST: "student, T = 100"}
    page.training(names, alt="Training curves, a panel per network.")


def _logits(page: Page[Settings]) -> str:
    """What was tried of JSMA on logits."""

    def pair(kind: str) -> str:
        return " and ".join(page.column("success", kind, ENDS))

    return (
        "What “on the logits” means decides how often JSMA succeeds, distilled or not. Undistilled and at T = 100 it "
        f"reaches {pair('jsma-temperature')} on the softmax of logits / T; {pair('jsma-log')} on the logarithm of the "
        "softmax, which in exact arithmetic is the attack on the softmax: it chooses the same pixels where the softmax "
        f"does not underflow; and {pair('jsma-logits')} on logits as they are, where the saliency depends on a number "
        "that is common to all logits of an image, and that training leaves as it was drawn."
    )


def _gallery(page: Page[Settings]) -> None:
    titles = {
        (UNDISTILLED, "clean"): "clean",
        (UNDISTILLED, "jsma"): "undistilled",
        (HOTTEST, "jsma"): "T = 100",
        (HOTTEST, "jsma-temperature"): "T = 100,\nlogits / T",
        (HOTTEST, "jsma-log"): "T = 100,\nlog-softmax",
    }
    page.report.figure(
        "gallery",
        drawings.jsma_gallery(*page.study.gallery("gallery", "jsma"), titles),
        "Some of the attacked test images, each driven to the class after its label, and what replicate 0 of the "
        "attacked network answers at T = 1 (✗: not the label).",
        "Digits, clean and with pixels set by JSMA, with the answers of the undistilled and the distilled network.",
    )


def _attacks(page: Page[Settings]) -> None:
    images = len(page.evidence.outcomes["accuracy-crafted", UNDISTILLED, "naive"].samples)
    about = (
        "PGD, softmax: 20 steps on −log softmax(logits) by way of the probabilities, as a naive attacker does; PGD, "
        "logits: the same loss from log-odds, whose gradient does not vanish; Temperature-PGD: at temperature 100; "
        "transfer: PGD on the margin, crafted on an undistilled network of other initial weights; worst case: images "
        f"that withstand all of these. {images} test images."
    )
    robust = {label(model): model for model in page.models}
    page.table(tables.attacks(page, about), robust=robust, under=[CONDITIONS["naive"]])
    page.report.figure(
        "attacks",
        drawings.attacks(page.estimates, students(page.models)),
        about,
        "Accuracy under attack against temperature: under the naive one it rises, under the others it does not.",
    )
    settings = page.study.settings.transfer
    lead = (
        "Crafted on an undistilled network of other initial weights, until the wrong class has the lead (of logits); "
        "of the images that this succeeded with and that the network gets right as they are. A lead that nothing "
        "reached has no number."
    )
    page.table(tables.confidences(page, lead))
    shown = [UNDISTILLED, *(model for model in ("distilled-1", "distilled-10", HOTTEST) if model in page.models)]
    page.report.figure(
        "confidences",
        drawings.confidences(page.estimates, settings.confidences, shown),
        f"{lead} Drawn are the leads that at least half of the images could be given.",
        "Share of transferred images that fool a network: it grows with the lead of the wrong class.",
    )
    page.gradient_checks({name: label(name) for name in page.models})


def _crafted_on(page: Page[Settings]) -> str:
    settings, facts = page.study.settings.transfer, page.facts
    images, learned = min(settings.images, facts["test_images"]), min(settings.learners, facts["images"])
    return (
        f"PGD on the margin, {settings.steps} steps, eps {facts['eps']:g}, as crafted, of {images} test images. The "
        "first rows: on an undistilled network of other initial weights; the learners know the pixels of "
        f"{learned} training images. The last: on a network of one half of the training images."
    )
