"""The report of the AdvProp study, in the order in which it is read."""

from textwrap import fill
from typing import Any

import pandas as pd

from friendfoe.report.study import StudyReport
from friendfoe.studies.advprop import drawings, measurements, tables
from friendfoe.studies.advprop.claims import CLAIMS
from friendfoe.studies.advprop.measurements import OVER
from friendfoe.studies.advprop.names import ADVPROP, BENCHMARKS, FINE, METHODS, SHARED, VANILLA, split
from friendfoe.studies.advprop.settings import Settings
from friendfoe.studies.evidence import Evidence
from friendfoe.studies.page import Page
from friendfoe.studies.published import published
from friendfoe.studies.results import Results

QUESTION = "Do adversarial examples improve recognition once they have a batch norm of their own?"
DEFINITION = (
    "Adversarial training in its mixed form minimises the loss on clean images and on adversarial ones. In one batch "
    "they share the statistics of every batch norm, which then fit neither. AdvProp passes the adversarial images "
    "through auxiliary batch norms, crafts them there, and drops these after training; fine-grained AdvProp has one "
    "more for strongly augmented images. The losses of all distributions weigh the same unless params say otherwise, "
    "and are averaged, so that the learning rate means the same to every method. The control is AdvProp with eps 0: "
    "its auxiliary batch norms see the clean images again, and what it differs by from AdvProp is due to the attack. "
    "Further ones are trained on adversarial images alone, one of them on clean images for its last epochs. The "
    "attacker is PGD (L∞, random start) towards a random wrong class. All methods of a replicate share the initial "
    "weights, the training images and their order."
)
SOURCES = [
    "Xie, Tan, Gong, Wang, Yuille and Le 2020, Adversarial examples improve image recognition, CVPR, arXiv:1911.09665",
    "an article on it (in Japanese, 2019-11), which led here",
    "Hendrycks and Dietterich 2019, Benchmarking neural network robustness to common corruptions and perturbations, "
    "ICLR, arXiv:1903.12261",
    "Mu and Gilmer 2019, MNIST-C: a robustness benchmark for computer vision, arXiv:1906.02337",
]
GAINS = {
    "AdvProp minus one batch norm": (ADVPROP, SHARED),
    "AdvProp minus vanilla": (ADVPROP, VANILLA),
    "fine-grained minus AdvProp": (FINE, ADVPROP),
}


def plot(study: Results[Settings], report: StudyReport) -> None:
    """Write all tables, figures and verdicts of the study.

    Raises:
        UserError: a training curve or a part of the analysis is missing or damaged.
    """
    facts, outcomes, rows = study.facts(), study.evidence.outcomes, published("advprop")
    sizes, corrupted = facts["sizes"], facts["corrupted_images"]
    images = f"trained on {facts['train_images']} of {facts['available']} images; clean images as stored"
    ours, printed = measurements.measured(outcomes, sizes), measurements.published_by_size(rows)
    page = Page(study, report, ours, printed, images)
    each = measurements.by_corruption(outcomes, sizes).estimates("ce").rename_axis(["model", "corruption"])
    attacker = (
        f"While training, the attacker has eps {facts['eps']:g} and {facts['steps']} steps of "
        f"{facts['step'] * facts['eps']:.3g}."
    )
    by = (
        f"mCE: errors on {corrupted} test images under {each.index.get_level_values('corruption').nunique()} "
        f"corruptions at five severities, relative to those of {METHODS[VANILLA]} training at {sizes[0]} "
        "(mean over its replicates), which stands in the place of the AlexNet of the paper; lower is better."
    )
    page.begin("AdvProp", QUESTION, DEFINITION, SOURCES)
    report.heading("Claims")
    judgements = page.verdicts(CLAIMS, attacker, by, _regime(facts))
    shown = {"vanilla": VANILLA, "advprop": ADVPROP}
    report.headline(**{f"{name}_mCE": ours("mce", model, sizes[-1]).mean for name, model in shown.items()})
    if open_ := [number for number, claim in enumerate(judgements, 1) if not claim.verdict.holds]:
        report.text(_tried(open_, ours, facts))
    page.given({"accuracy": "accuracy", "mce": "mCE"}, {"": "corruptions"})
    report.heading("The regime: few images or all")
    report.text(_regime(facts))
    curves = {(method, size): study.curve(f"{method}/{size}") for method in tables.CLEANLY for size in sizes}
    page.table(tables.regime(curves, sizes, "Training images are counted while the networks learn from them."))
    report.heading("Accuracy and corruption error against network size")
    page.table(tables.by_size("accuracy", "accuracy", "Clean accuracy", ours, sizes, attacker))
    report.table(tables.published("efficientnet", rows[rows["table"] == "EfficientNet"]))
    page.table(tables.by_size("mce", "mce", "Mean corruption error", ours, sizes, by, attacker))
    report.table(tables.published("robustness", rows[rows["table"].str.startswith("robustness")]))
    report.figure(
        "sizes",
        drawings.by_size(ours, sizes),
        f"Bars: 95 % intervals over replicates and images. {by}",
        "Accuracy and mean corruption error against network size, a line per method.",
    )
    report.heading("What separating the batch norms adds")
    report.figure(
        "separation",
        drawings.separation(GAINS, ours, printed, sizes),
        "Differences are paired over replicates and images; bars are their 95 % intervals. Published: AdvProp minus "
        "one batch norm with the same attacker for both; the others with the attacker that suits the network.",
        "Gains of accuracy against network size, ours and the published ones, on one scale.",
    )
    report.table(tables.published("same-attacker", rows[rows["table"] == "same attacker"]))
    report.table(tables.published("resnet", rows[rows["table"] == "ResNet"]))
    report.table(tables.published("fine-tuning", rows[rows["table"] == "fine-tuning"]))
    report.heading("Corruption by corruption")
    report.figure("corruptions", drawings.corruptions(each), by, "A group of bars per corruption, a bar per method.")
    page.table(tables.corruptions(each, by))
    _benchmarks(page, sizes)
    report.heading("Is the robustness real?")
    page.gradient_checks(METHODS)
    report.heading("Strength of the attacker")
    page.table(tables.attackers(ours, facts, _swept(facts), by))
    report.figure(
        "attackers",
        drawings.attackers(ours, facts),
        f"{_swept(facts)} Bars: 95 % intervals of the differences from vanilla training at the same size, the line.",
        "Accuracy and mean corruption error of AdvProp against eps and steps of the attacker; a line for vanilla.",
    )
    report.heading("Protocol")
    _protocol(page)


def _regime(facts: dict[str, Any]) -> str:
    """Which regime the data set is in, and why that matters."""
    epochs = facts["models"][f"{VANILLA}/{facts['sizes'][0]}"]["job"]["training"]["epochs"]
    if facts["train_images"] < facts["available"]:
        return (
            f"Regime: few images. Each replicate draws {facts['train_images']} of {facts['available']} training images "
            f"and sees them {epochs} times, so that networks overfit, and adversarial images have something to improve."
            " What claims say of their cost is tested far from the paper's regime: its networks see all of ImageNet."
        )
    return (
        f"Regime: all images. Networks see all {facts['available']} training images {epochs} times, as the paper's see "
        "all of ImageNet; where the table below shows that vanilla training does not overfit, there is little to gain."
    )


def _tried(claims: list[int], ours: Evidence, facts: dict[str, Any]) -> str:
    """What was tried for the claims that are not reproduced."""
    weights = [facts["models"][f"{ADVPROP}/{size}"]["parameters"] for size in facts["sizes"]]
    attackers = pd.DataFrame(facts["attackers"].values())
    reached = [ours("accuracy", *split(name)).mean for name in facts["attackers"]]
    return (
        f"What was tried for the claims that are not reproduced ({', '.join(map(str, claims))}): "
        f"{len(weights)} networks of {min(weights)} to {max(weights)} weights, one by one below; "
        f"and attackers of eps {attackers['eps'].min():.4g} to {attackers['eps'].max():.4g} with "
        f"{attackers['steps'].min()} to {attackers['steps'].max()} steps, with which AdvProp reaches an accuracy of "
        f"{min(reached):.3f} to {max(reached):.3f} on the network of {_swept_weights(facts)} weights."
    )


def _benchmarks(page: Page[Settings], sizes: list[str]) -> None:
    """A section for the published benchmarks, where the user has some; else none."""
    rows = page.study.table("benchmarks")
    if len(rows):
        page.report.heading("Published benchmarks")
    for name, errors in rows.groupby("benchmark", sort=False):
        evidence = measurements.on_benchmark(errors, sizes)
        images = f"{int(errors.groupby(['model', 'replicate'])['n'].sum().iloc[0])} images of {BENCHMARKS[str(name)]}."
        for metric, caption in {"accuracy": "Accuracy", "mce": "Mean corruption error"}.items():
            if (metric, VANILLA, OVER) in evidence:
                title = f"{caption} on {BENCHMARKS[str(name)]}"
                page.table(tables.by_size(f"{name}-{metric}", metric, title, evidence, sizes, images))


def _swept(facts: dict[str, Any]) -> str:
    return (
        f"AdvProp on the network of {_swept_weights(facts)} weights. Fewer or more steps are so much longer or shorter "
        f"that all attackers of an eps go equally far. eps 0 is the control."
    )


def _swept_weights(facts: dict[str, Any]) -> int:
    """How many weights the network has that is trained against attackers of other strength."""
    weights: int = facts["models"][f"{ADVPROP}/{facts['attacked_size']}"]["parameters"]
    return weights


def _protocol(page: Page[Settings]) -> None:
    facts, largest = page.facts, page.facts["sizes"][-1]
    page.training(
        {f"{name}/{largest}": fill(title, 24) for name, title in METHODS.items()},
        f"Accuracy while training, at {largest}; thin lines are replicates, thick ones their mean. Training images are "
        "the first kind that the main batch norm sees. The test images choose nothing.",
        "Training curves, a panel per method.",
    )
    names = {f"{name}/{size}": f"{title}, {size}" for name, title in METHODS.items() for size in facts["sizes"]}
    page.recipes(names, facts["train_images"])
