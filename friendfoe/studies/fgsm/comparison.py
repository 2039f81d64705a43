"""The tables of ours and published side by side, in percent."""

from collections.abc import Mapping

import pandas as pd

from friendfoe.report.tables import Table
from friendfoe.studies.fgsm.names import ATTACKS, CURVES, FILTERS, FITTED, HARDENED, LOGISTIC, MODELS, RUBBISH, SIDES
from friendfoe.studies.fgsm.settings import Settings
from friendfoe.studies.fgsm.tables import CONSTANT, PERCENT, constant
from friendfoe.studies.page import Page
from friendfoe.studies.published import heading
from friendfoe.studies.tables import Comparison, numbers

NEVER = ("wide", "wide-adversarial")  # shown as published where they are not trained
PLAIN = ("loss", "closed-form", "held-uphill", "held-downhill", "push")  # metrics that are no shares

Rows = Mapping[str, tuple[str, str]]
"""Heading -> model and condition."""
Columns = Mapping[str, tuple[str | None, str, int]]
"""Heading -> condition (None: the row's), metric and digits."""


def comparisons(page: Page[Settings]) -> dict[str, Table]:
    """All of them by name."""
    settings, trained = page.study.settings, page.models
    near, reach = settings.logits.near, settings.logits.reach
    shape = page.facts["shape"][1:]
    sizes = {side: "×".join(str(max(1, round(length * share))) for length in shape) for side, share in SIDES.items()}
    shown = (*trained, *(name for name in NEVER if name not in trained), "conv-maxout", "mp-dbm", "googlenet")
    agreeing = (("softmax", "maxout-other"), ("rbf", "maxout-other"), ("rbf", "softmax"))
    forms: dict[str, tuple[Rows, Columns]] = {
        "errors": (
            {MODELS.get(name, name): (name, "fgsm") for name in shown},
            {
                "clean error": ("clean", "error", 2),
                "clean confidence": ("clean", "confidence", 1),
                "FGSM error": (None, "error", 1),
                "confidence": (None, "confidence", 1),
                "confidence where wrong": (None, "confidence-wrong", 1),
            },
        ),
        "steps": (
            {MODELS[name]: (name, "pgd") for name in HARDENED},
            {
                "FGSM": ("one-step", "error", 1),
                f"PGD, {settings.iterated.steps} steps": (None, "error", 1),
                "AutoAttack": ("autoattack", "error", 1),
            },
        ),
        "pixels": (
            {MODELS.get(name, name): (name, "fgsm") for name in trained},
            {
                "unclipped": (None, "error", 1),
                "clipped": ("fgsm-clipped", "error", 1),
                "8 bits": ("fgsm-stored", "error", 1),
            },
        ),
        "weight-decay": (
            {MODELS[name]: (name, "train") for name in FITTED},
            {
                "error on training images": (None, "error", 2),
                "clean error": ("clean", "error", 2),
                "FGSM error": ("fgsm", "error", 1),
            },
        ),
        "transfer": (
            {
                "the adversarially trained, on examples of the original": ("maxout-adversarial", "on-maxout-other"),
                "the original, on examples of the adversarially trained": ("maxout-other", "on-maxout-adversarial"),
                "ensemble, attacked as a whole": ("ensemble", "fgsm"),
                "ensemble, attacked through one member": ("ensemble", "on-member"),
            },
            {"error": (None, "error", 1), "confidence where wrong": (None, "confidence-wrong", 1)},
        ),
        "agreement": (
            {f"{MODELS[model]}, with {MODELS[source]}": (model, f"on-{source}") for model, source in agreeing},
            {
                "of the other's mistakes": (None, "agreement", 1),
                "where both are wrong": (None, "agreement-wrong", 1),
                "by chance": (None, "chance", 1),
            },
        ),
        "linearity": (
            {MODELS[name]: (name, "far") for name in CURVES},
            {
                f"R² uphill, to {near:g}": ("near", "linear-uphill", 2),
                f"R² downhill, to {near:g}": ("near", "linear-downhill", 2),
                f"R² uphill, to {reach:g}": (None, "linear-uphill", 2),
                f"R² downhill, to {reach:g}": (None, "linear-downhill", 2),
                "right uphill, up to eps": (None, "held-uphill", 2),
                "right downhill, up to eps": (None, "held-downhill", 2),
            },
        ),
        "saturation": (
            {MODELS["sigmoid"]: ("sigmoid", "clean")},
            {"share of the units": (None, "unsaturated", 1)},
        ),
        "growth": (
            {size: ("softmax", side) for side, size in sizes.items()},
            {
                "clean error": (None, "clean-error", 1),
                "FGSM error": (None, "error", 1),
                "fall of the label's lead": (None, "push", 2),
            },
        ),
        "logistic": (
            {title: (name, "fgsm") for name, title in LOGISTIC.items()},
            {
                "error on training images": ("train", "error", 2),
                "clean error": ("clean", "error", 2),
                "FGSM error": (None, "error", 1),
                "clipped": ("fgsm-clipped", "error", 1),
                "loss under FGSM": (None, "loss", 4),
                "in closed form": (None, "closed-form", 4),
            },
        ),
        "filters": (
            {MODELS[name]: (name, "filters") for name in FILTERS},
            {"effective share of the pixels": (None, "spread", 1), "radius": (None, "radius", 1)},
        ),
        "rubbish": (
            {MODELS[name]: (name, "rubbish") for name in (*RUBBISH, "conv-maxout")},
            {"error": (None, "error", 1), "confidence of these": (None, "confidence-wrong", 1)},
        ),
        "fooling": (
            {MODELS[name]: (name, "fooling") for name in ("maxout", "conv-maxout")},
            {"before the step": (None, "before", 1), "after the step": (None, "after", 1)},
        ),
        "detector": (
            {
                "clean images that it takes for adversarial": ("detector", "clean"),
                "adversarial images that it takes for clean": ("detector", "fgsm-stored"),
                "images that an attack on both makes wrong and clean": ("detector", "pgd-both"),
            },
            {"error": (None, "error", 1)},
        ),
    }
    sources = _sources(page)
    return {name: _compared(page, sources, rows, columns) for name, (rows, columns) in forms.items()}


def _sources(page: Page[Settings]) -> dict[str, pd.DataFrame]:
    """Published rows by the heading of their column; a convolutional network stands under ours on its own data."""
    rows, data = page.published, page.study.data
    same = rows["data"].map(lambda source: heading(source, data) == "published")
    own = rows[same & (rows["model"] == "conv-maxout")].assign(model="maxout")
    usual = {heading("MNIST", data): rows}
    return usual if own.empty else {"published": own, **usual}


def _compared(page: Page[Settings], sources: Mapping[str, pd.DataFrame], rows: Rows, columns: Columns) -> Table:
    """One of them; a column of published numbers only where there are any."""
    comparison, keys = Comparison(page.estimates, sources), []
    for title, (condition, metric, digits) in columns.items():
        column = [(metric, model, condition or own) for model, own in rows.values()]
        scale = 1 if metric in PLAIN else 100
        comparison.add(title, column, digits=digits, published_digits=digits, scale=scale)
        keys += column
    data = numbers(page.estimates, keys, next(iter(sources.values()))).drop(columns="verified")
    data = data.dropna(subset=["mean", "published"], how="all")
    idle = [MODELS.get(model, model) for model in constant(page.evidence) if model in {key[1] for key in keys}]
    warning = [f"Of {' and '.join(idle)} nothing can be said: {CONSTANT}."] if idle else []
    table = comparison.table("model", rows, data, PERCENT, *warning)
    under = [
        title
        for title, (condition, metric, _) in columns.items()
        if metric == "error" and {condition or own for _, own in rows.values()} & {*ATTACKS}
    ]
    return page.marked(table, {heading: model for heading, (model, _) in rows.items()}, under) if under else table
