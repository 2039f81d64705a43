"""The report of the AdvProp study, in the order in which it is read."""

from textwrap import fill
from typing import Any

import pandas as pd

from friendfoe.report.study import StudyReport
from friendfoe.studies.advprop import drawings, measurements, tables
from friendfoe.studies.advprop.claims import CLAIMS
from friendfoe.studies.advprop.measurements import MeasurementsBySize, reference
from friendfoe.studies.advprop.names import ADVPROP, ATTACKERS, BENCHMARKS, FINE, METHODS, SHARED, VANILLA
from friendfoe.studies.advprop.settings import Settings
from friendfoe.studies.claims import Verdict, judge
from friendfoe.studies.estimates import over_replicates
from friendfoe.studies.page import Page
from friendfoe.studies.published import heading, published
from friendfoe.studies.results import Results

QUESTION = "Do adversarial examples improve recognition once they have a batch norm of their own?"
DEFINITION = (
    "Adversarial training in its mixed form minimises the loss on clean images and on adversarial ones. In one batch "
    "they share the statistics of every batch norm, which then fit neither. AdvProp passes the adversarial images "
    "through auxiliary batch norms, crafts them there, and drops these after training; fine-grained AdvProp has one "
    "more for strongly augmented images. The losses of all distributions weigh the same and are averaged, so that the "
    "learning rate means the same to every method. The controls are trained on adversarial images alone, one of them "
    "on clean images for its last epochs. The attacker is PGD (L∞, random start) towards a random wrong class."
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
    facts, errors = study.facts(), study.table("errors")
    sizes, rows = facts["sizes"], published("advprop")
    images = f"trained on {facts['train_images']} of {facts['available']} images; clean images as stored"
    page, yardstick = Page(study, report, images), reference(sizes)
    ours = MeasurementsBySize(measurements.measured(errors, yardstick), sizes)
    printed = measurements.published_by_size(rows)
    estimates = over_replicates(ours.values)
    attacker = (
        f"While training, the attacker has eps {facts['eps']:g} and {facts['steps']} steps of "
        f"{facts['step'] * facts['eps']:.3g}."
    )
    by = (
        f"mCE: errors on {facts['corrupted_images']} test images under {len(set(errors['corruption'])) - 1} "
        f"corruptions at five severities, relative to those of {METHODS[VANILLA]} training at {sizes[0]} "
        "(mean over its replicates), which stands in the place of the AlexNet of the paper; lower is better."
    )
    page.begin("AdvProp", QUESTION, DEFINITION, SOURCES)
    report.heading("Claims")
    judgements = judge(CLAIMS, ours, printed)
    page.verdicts(judgements, attacker, by, source=heading("ImageNet", study.data))
    shown = {"vanilla": VANILLA, "advprop": ADVPROP}
    report.headline(**{f"{name}_mCE": ours.by_size("mce", model)[sizes[-1]].mean() for name, model in shown.items()})
    if open_ := [number for number, claim in enumerate(judgements, 1) if claim.verdict is not Verdict.REPRODUCED]:
        report.text(_tried(open_, estimates, facts))
    report.heading("Accuracy and corruption error against network size")
    page.table(tables.by_size("accuracy", "accuracy", "Clean accuracy", estimates, sizes, attacker))
    report.table(tables.published("efficientnet", rows[rows["table"] == "EfficientNet"]))
    page.table(tables.by_size("mce", "mce", "Mean corruption error", estimates, sizes, by, attacker))
    report.table(tables.published("robustness", rows[rows["table"].str.startswith("robustness")]))
    report.figure(
        "sizes",
        drawings.by_size(estimates, sizes),
        f"Bars: 95 % t intervals over replicates. {by}",
        "Accuracy and mean corruption error against network size, a line per method.",
    )
    report.heading("What separating the batch norms adds")
    _separation(report, ours, printed)
    report.table(tables.published("resnet", rows[rows["table"] == "ResNet"]))
    report.table(tables.published("fine-tuning", rows[rows["table"] == "fine-tuning"]))
    report.heading("Corruption by corruption")
    each = over_replicates(measurements.by_corruption(errors[~errors["model"].str.startswith("attackers/")], yardstick))
    report.figure("corruptions", drawings.corruptions(each), by, "A group of bars per corruption, a bar per method.")
    page.table(tables.corruptions(each, by))
    _benchmarks(page, sizes)
    report.heading("Strength of the attacker")
    page.table(tables.attackers(estimates, facts["attackers"], _swept(facts), by))
    report.figure(
        "attackers",
        drawings.attackers(estimates, facts["attackers"], facts["eps"], facts["steps"]),
        _swept(facts),
        "Accuracy and mean corruption error of AdvProp against eps and steps of the attacker.",
    )
    report.heading("Protocol")
    _protocol(page)


def _tried(claims: list[int], estimates: pd.DataFrame, facts: dict[str, Any]) -> str:
    """What was tried for the claims that are not reproduced."""
    weights = [facts["models"][f"{ADVPROP}/{size}"]["parameters"] for size in facts["sizes"]]
    attackers, one = pd.DataFrame(facts["attackers"].values()), _swept_weights(facts)
    reached = estimates["mean"].loc[("accuracy", ATTACKERS)]
    return (
        f"What was tried for the claims that are not reproduced ({', '.join(map(str, claims))}): "
        f"{len(weights)} networks of {min(weights)} to {max(weights)} weights, one by one below; "
        f"and attackers of eps {attackers['eps'].min():.4g} to {attackers['eps'].max():.4g} with "
        f"{attackers['steps'].min()} to {attackers['steps'].max()} steps, with which AdvProp reaches an accuracy of "
        f"{reached.min():.3f} to {reached.max():.3f} on the network of {one} weights."
    )


def _separation(report: StudyReport, ours: MeasurementsBySize, printed: MeasurementsBySize) -> None:
    estimates = {}
    for name, models in GAINS.items():
        gains = ours.gain("accuracy", *models).rename_axis(index="replicate", columns="size")
        estimates[name] = over_replicates(gains.melt(ignore_index=False).set_index("size", append=True)["value"])
    beside = {name: printed.gain("accuracy", *models).iloc[0] for name, models in GAINS.items()}
    report.figure(
        "separation",
        drawings.separation(estimates, beside, ours.sizes),
        "Differences are taken within replicates; bars are their 95 % t intervals. Published: AdvProp minus one batch "
        "norm with the same attacker for both; the others with the attacker that suits the network.",
        "Gains of accuracy against network size, ours and the published ones.",
    )


def _benchmarks(page: Page[Settings], sizes: list[str]) -> None:
    """A section for the published benchmarks, where the user has some; else none."""
    rows, yardstick = page.study.table("benchmarks"), reference(sizes)
    if len(rows):
        page.report.heading("Published benchmarks")
    for name, errors in rows.groupby("benchmark", sort=False):
        estimates = over_replicates(measurements.measured(errors, yardstick))
        images = f"{int(errors.groupby(['model', 'replicate'])['n'].sum().iloc[0])} images of {BENCHMARKS[str(name)]}."
        for metric, caption in {"accuracy": "Accuracy", "mce": "Mean corruption error"}.items():
            if metric in estimates.index.get_level_values("metric"):
                title = f"{caption} on {BENCHMARKS[str(name)]}"
                page.table(tables.by_size(f"{name}-{metric}", metric, title, estimates, sizes, images))


def _swept(facts: dict[str, Any]) -> str:
    return (
        f"AdvProp on the network of {_swept_weights(facts)} weights. Fewer or more steps are so much longer or shorter "
        "that all attackers of an eps go equally far. eps 0: the auxiliary batch norms see clean images."
    )


def _swept_weights(facts: dict[str, Any]) -> int:
    """How many weights the network has that is trained against attackers of other strength."""
    weights: int = facts["models"][next(iter(facts["attackers"]))]["parameters"]
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
