"""The two published tables, ours beside them; those of the likely set-up, of signals alone and of the sticker."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any

import pandas as pd

from friendfoe.evaluation.sample import Estimate, Sample
from friendfoe.report.tables import Table
from friendfoe.studies.assistive.claims import CHANCE, STICKER
from friendfoe.studies.assistive.names import (
    ASSISTED,
    ATTACKED,
    CONDITIONS,
    EXPLAINED,
    MODELS,
    NO_STICKER,
    OTHERS,
    SIGNAL_ALONE,
    SIGNAL_LEFT,
    THE_STUDY,
    likely_model,
    sticker,
)
from friendfoe.studies.assistive.settings import Settings
from friendfoe.studies.estimates import cell
from friendfoe.studies.evidence import Evidence, frame
from friendfoe.studies.page import Page
from friendfoe.studies.published import heading, published, readings
from friendfoe.studies.results import Results
from friendfoe.studies.tables import GREY, INTERVALS, Comparison, numbers, table

TRIED = (  # model, condition, and what stands beside it in the article
    ("clean", "clean", "clean"),
    ("clean", "assist", "assist"),
    ("assist", "clean", "clean"),
    ("assist", "assist", "assist"),
    ("assist", "attack-own-self", "attack"),
)
LINES = {
    ("friend", "best"): "friend, best place",
    ("friend", "universal"): "friend, one per class",
    ("friend", "corner"): "friend, corner",
    ("foe", "best"): "foe, best place",
    ("foe", "universal"): "foe, one per class",
    ("foe", "corner"): "foe, corner",
    ("grey", "universal"): "grey",
}


def published_numbers(settings: Settings) -> pd.DataFrame:
    """The published rows, under all of our names for what the article leaves open."""
    rows = readings(published("assistive"), "model", {"mixed-matched": "mixed"})
    same = dict.fromkeys(ASSISTED, "assist") | dict.fromkeys(ATTACKED, "attack")
    same |= {f"{name}-unclipped": original for name, original in same.items()}
    rows = readings(rows, "condition", {name: original for name, original in same.items() if name != original})
    setups = {likely_model(setup, model): model for setup in settings.likely.every for model in MODELS}
    return readings(rows, "model", setups)


def as_the_library_attacks(rows: pd.DataFrame) -> pd.DataFrame:
    """The published rows in the reading of the claims: attacks lead away from a model's own answer."""
    return rows[~rows["condition"].isin(["attack", "attack-self"])]


def evidence(study: Results[Settings], facts: Mapping[str, Any]) -> Evidence:
    """The study's, with what a guess gets right, and with the sticker of the middle size as the claims name it."""
    known = study.evidence
    side = int([*facts["sides"]][len(facts["sides"]) // 2])
    chance = Sample.of_replicates([1 / len(facts["classes"])] * facts["replicates"])
    stickers = {
        ("true", "clean", name): known("true", "clean", sticker(goal, side, place))
        for name in STICKER
        for goal, place in [name.split("-")]
    }
    return known.also({CHANCE: chance, **stickers})


def comparison(
    page: Page[Settings],
    printed: pd.DataFrame,
    number: int,
    models: Sequence[str],
    conditions: Sequence[str],
    setups: Iterable[str] = (THE_STUDY,),
) -> Table:
    """Table 1 or 2 of the article, ours beside it: conditions of every set-up down, models across.

    `printed`: `published_numbers`.
    """
    estimates, known = page.evidence.estimates("accuracy"), printed[printed["table"] == f"table {number}"]
    rows = [(setup, condition) for setup in setups for condition in conditions]
    comparison = Comparison(estimates, {heading(known["data"].iloc[0], page.study.data): known})
    keys = {model: [(likely_model(setup, model), condition) for setup, condition in rows] for model in models}
    for model, column in keys.items():
        comparison.add(MODELS.get(model, model), column)
    headings = [", ".join([CONDITIONS.get(condition, condition), *[setup] * bool(setup)]) for setup, condition in rows]
    data = numbers(estimates, [key for row in zip(*keys.values(), strict=True) for key in row], known)
    return comparison.table("input images", headings, data, INTERVALS, *([GREY] if comparison.muted else []))


def tried(study: Results[Settings], estimates: pd.DataFrame, networks: Mapping[str, str]) -> tuple[Table, float]:
    """What was tried in search of B's published accuracy: A and B in every set-up, and in the study's own.

    Also the lowest that B has of them all.
    """
    settings, curves = study.settings.likely, study.table("likely")
    known = published("assistive").set_index(["model", "condition"])["value"]
    swing = _swing(curves[curves["model"] == "assist"])
    cells: dict[tuple[str, str], list[str]] = {
        ("trained with", "network"): ["as in table 1", *networks.values(), "–"],
        ("trained with", "budget"): ["as in table 1", *map(settings.in_words, settings.every), "–"],
    }
    setups = [THE_STUDY, *settings.every]
    for model, condition, printed in TRIED:
        ours = [cell(estimates, likely_model(setup, model), condition) for setup in setups]
        cells[MODELS[model], CONDITIONS[condition]] = [*ours, f"{known[model, printed]:.4f}"]
    cells["B", "clean test, from epoch to epoch"] = [*(swing.get(setup, "–") for setup in setups), "–"]
    rows = ["the study's own", *settings.every, "published (Fashion-MNIST)"]
    shown = [(likely_model(setup, model), condition) for setup in setups for model, condition, _ in TRIED]
    lowest = min(float(estimates["mean"].loc[likely_model(setup, "assist"), "clean"]) for setup in setups)
    return table("set-up", rows, cells, estimates.loc[shown].reset_index()), lowest


def _swing(curves: pd.DataFrame) -> dict[str, str]:
    """By set-up: the mean change of test accuracy between epochs."""
    ordered = curves.sort_values(["setup", "replicate", "epoch"])
    moved = ordered.groupby(["setup", "replicate"])["test_accuracy"].diff().abs()
    means = moved.groupby(ordered["setup"]).mean().dropna()
    return {str(setup): f"{value:.3f}" for setup, value in means.items()}


def explanation(page: Page[Settings], setups: Iterable[str]) -> Table:
    """Whether networks go by the signal or by the image."""
    columns = {
        ("signal towards another label", "answers that label"): ("follows", OTHERS),
        ("signal towards another label", "answers the image's"): ("keeps", OTHERS),
        ("signal alone, on grey", "as computed"): ("accuracy", SIGNAL_ALONE),
        ("signal alone, on grey", "what clipping leaves"): ("accuracy", SIGNAL_LEFT),
    }
    models = {
        likely_model(setup, name): f"{letter}, likely set-up, {setup}" if setup else letter
        for setup in (THE_STUDY, *setups)
        for name, letter in EXPLAINED.items()
    }
    cells = {title: page.column(*of, models) for title, of in columns.items()}
    keys = [(metric, model, condition) for model in models for metric, condition in columns.values()]
    return table("model", models.values(), cells, page.estimates.loc[keys].reset_index())


def by_area(known: Evidence, sides: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Accuracy and the probability of the true class (`sticker.analyse`) by the area of the sticker.

    `sides`: side in pixels -> area and places.

    Returns:
        mean, low, high, replicates, n; indexed by measure ("accuracy", "true"), goal, place ("best", "universal",
        "corner"), side and area. Side 0 is the image without sticker, in every place.
    """
    rows: dict[tuple[Any, ...], Estimate] = {}
    for measure, (goal, place), side in product(("accuracy", "true"), LINES, (0, *map(int, sides))):
        name = sticker(goal, side, "0-0" if place == "corner" else place) if side else NO_STICKER
        area = sides[str(side)]["area"] if side else 0.0
        rows[measure, goal, place, side, area] = known(measure, "clean", name).estimate()
    estimates = frame(rows, ["measure", "goal", "place", "side", "area"]).sort_index()
    return estimates.assign(low=estimates["low"].clip(0), high=estimates["high"].clip(upper=1))


def by_place(known: Evidence, sides: Mapping[str, Mapping[str, Any]]) -> dict[tuple[str, float], pd.DataFrame]:
    """Accuracy, the mean over replicates and images, by place (top, left) of stickers; by their goal and area."""
    return {
        (goal, facts["area"]): pd.Series(
            {
                (top, left): known("accuracy", "clean", sticker(goal, int(side), f"{top}-{left}")).mean
                for top, left in facts["places"]
            }
        ).unstack()
        for goal in ("friend", "foe")
        for side, facts in sides.items()
    }


def sticker_table(estimates: pd.DataFrame) -> Table:
    """Accuracy by area (`by_area`): friend and foe, image by image and one per class, and a grey square."""
    sizes = estimates.xs(("accuracy", "friend", "best")).index.sort_values()
    cells = {
        title: [cell(estimates, "accuracy", *line, side, area) for side, area in sizes] for line, title in LINES.items()
    }
    headings = [f"{area:.1%} ({side}×{side} pixels)" if side else "no sticker" for side, area in sizes]
    return table("area", headings, cells, estimates.reset_index())
