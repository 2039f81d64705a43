"""The report of the AdvProp study."""

from collections.abc import Iterator
from textwrap import fill
from typing import Any

from friendfoe.report.explorer import Attack, explorer
from friendfoe.report.study import StudyReport
from friendfoe.report.tables import Table
from friendfoe.studies.advprop import drawings, measurements, tables
from friendfoe.studies.advprop.claims import CLAIMS
from friendfoe.studies.advprop.measurements import OVER
from friendfoe.studies.advprop.names import ADVPROP, ATTACK, BENCHMARKS, METHODS, VANILLA, split
from friendfoe.studies.advprop.settings import Settings
from friendfoe.studies.page import EXPLORER, Page
from friendfoe.studies.published import published
from friendfoe.studies.results import Results

PUBLISHED = ("EfficientNet", "robustness of EfficientNet-B7", "same attacker", "ResNet", "fine-tuning")
"""Tables of published.csv that are shown as they are; the page names them by their first words."""

SHOWN_SEVERITY = 3  # of accuracies in the explorer


def plot(study: Results[Settings], report: StudyReport) -> None:
    """Write all tables, figures and verdicts of the study.

    Raises:
        UserError: a training curve or a part of the analysis is missing or damaged.
    """
    facts, outcomes, rows = study.facts(), study.evidence.outcomes, published("advprop")
    sizes, models, strengths = facts["sizes"], facts["models"], facts["attackers"]
    images = f"trained on {facts['train_images']} of {facts['available']} images; clean images as stored"
    errors = measurements.corruption_errors(outcomes, sizes)
    ours, printed = measurements.measured(outcomes, errors, sizes), measurements.published_by_size(rows)
    page = Page(study, report, ours, printed, images)
    each = measurements.by_corruption(errors, sizes).estimates("ce").rename_axis(["model", "corruption"])
    judgements, benchmarks = page.judge(CLAIMS), [*_benchmarks(study, sizes)]
    report.headline(**{f"{model}_mCE": ours("mce", model, sizes[-1]).mean for model in (VANILLA, ADVPROP)})
    page.write(
        {
            "regime": tables.regime(study, sizes),
            **{metric: tables.by_size(metric, ours, sizes) for metric in ("accuracy", "mce")},
            **{f"published-{_short(name)}": tables.published(rows[rows["table"] == name]) for name in PUBLISHED},
            "corruptions": tables.corruptions(each),
            **{name: table for name, _, _, table in benchmarks},
            **page.given({"accuracy": "accuracy", "mce": "mCE"}, {"": "corruptions"}),
            **page.gradient_checks(METHODS),
            "attackers": tables.attackers(ours, facts),
            "models": page.recipes(
                {f"{name}/{size}": f"{title}, {size}" for name, title in METHODS.items() for size in sizes},
                facts["train_images"],
            ),
        },
        {
            "sizes": drawings.by_size(ours, sizes),
            "separation": drawings.separation(ours, printed, sizes),
            "corruptions": drawings.corruptions(each),
            "attackers": drawings.attackers(ours, facts),
            "training": page.training({f"{name}/{sizes[-1]}": fill(title, 24) for name, title in METHODS.items()}),
        },
        judgements,
        explored(study, sizes[-1]),
        benchmarks=benchmarks,
        corruptions=each.index.get_level_values("corruption").nunique(),
        easy=measurements.easy(outcomes, errors),
        epochs=models[f"{VANILLA}/{sizes[0]}"]["job"]["training"]["epochs"],
        open=[number for number, claim in enumerate(judgements, 1) if not claim.verdict.holds],
        reached=[ours("accuracy", *split(name)).mean for name in strengths],
        strengths=[*strengths.values()],
        swept_weights=models[f"{ADVPROP}/{facts['attacked_size']}"]["parameters"],
        weights=[models[f"{ADVPROP}/{size}"]["parameters"] for size in sizes],
    )


def explored(study: Results[Settings], size: str) -> dict[str, Any]:
    """The explorer: networks of one size under attack and corruptions, whose accuracies are those at severity 3."""
    arrays = study.arrays(EXPLORER)
    corruptions = [name.split("/")[0] for name in arrays if name.endswith("/neither/sizes")]
    at, titles = f"{{}}-{SHOWN_SEVERITY}".format, {name: name.replace("_", " ") for name in corruptions}
    attacks = {name: Attack(title, "severity {:g}", (at(name),)) for name, title in titles.items()}
    right = {key[1:]: one for key, one in study.evidence.outcomes.items() if key[0] == "accuracy"}
    right |= {(model, ATTACK): one for (_, model, attack), one in study.checks.outcomes.items() if attack == "PGD"}
    return explorer(
        arrays,
        {f"{name}/{size}": f"{title}, {size}" for name, title in METHODS.items()},
        {ATTACK: Attack("PGD, as in training", "eps {:.3g}", (ATTACK,)), **attacks},
        right,
        {"clean": "clean", ATTACK: "PGD", **{at(name): title for name, title in titles.items()}},
    )


def _short(name: str) -> str:
    return "-".join(name.lower().split(" of ")[0].split())


def _benchmarks(study: Results[Settings], sizes: list[str]) -> Iterator[tuple[str, str, str, Table]]:
    """Name, caption, images and table of every measure on the published benchmarks that the user has."""
    for name, errors in study.table("benchmarks").groupby("benchmark", sort=False):
        evidence, title = measurements.on_benchmark(errors, sizes), BENCHMARKS[str(name)]
        images = f"{int(errors.groupby(['model', 'replicate'])['n'].sum().iloc[0])} images of {title}."
        for metric, caption in {"accuracy": "Accuracy", "mce": "Mean corruption error"}.items():
            if (metric, VANILLA, OVER) in evidence:
                yield f"{name}-{metric}", f"{caption} on {title}", images, tables.by_size(metric, evidence, sizes)
