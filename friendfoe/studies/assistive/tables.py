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
    LABEL_KNOWN,
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
from friendfoe.studies.published import heading, published, readings
from friendfoe.studies.results import Results
from friendfoe.studies.tables import GREY, INTERVALS, Comparison, numbers, sheet

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


def as_the_library_attacks(settings: Settings) -> pd.DataFrame:
    """The published rows in the reading of the claims: attacks lead away from a model's own answer."""
    rows = published_numbers(settings)
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
    study: Results[Settings],
    estimates: pd.DataFrame,
    name: str,
    caption: str,
    models: Sequence[str],
    conditions: Sequence[str],
    *notes: str,
    setups: Iterable[str] = (THE_STUDY,),
) -> Table:
    """A table of the article, ours beside it: conditions of every set-up down, models across.

    The last character of `name` is the number that the article gives it.
    """
    known = published_numbers(study.settings)
    known = known[known["table"] == f"table {name[-1]}"]
    rows = [(setup, condition) for setup in setups for condition in conditions]
    headings = [", ".join([CONDITIONS.get(condition, condition), *[setup] * bool(setup)]) for setup, condition in rows]
    table = Comparison(estimates, {heading(known["data"].iloc[0], study.data): known})
    keys = {model: [(likely_model(setup, model), condition) for setup, condition in rows] for model in models}
    for model, column in keys.items():
        table.add(MODELS.get(model, model), column)
    data = numbers(estimates, [key for row in zip(*keys.values(), strict=True) for key in row], known)
    notes = (INTERVALS, *([GREY] if table.muted else []), *notes)
    return table.sheet(name, caption, "input images", headings, data, *notes)


def tried(study: Results[Settings], estimates: pd.DataFrame, networks: Mapping[str, str], note: str) -> Table:
    """What was tried in search of B's published accuracy: A and B in every set-up, and in the study's own."""
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
    lowest = min(float(estimates["mean"].loc[likely_model(setup, "assist"), "clean"]) for setup in setups)
    return sheet(
        "tried",
        "What was tried to come near the article's B",
        "set-up",
        ["the study's own", *settings.every, "published (Fashion-MNIST)"],
        cells,
        estimates.loc[
            [(likely_model(setup, model), shown) for setup in setups for model, shown, _ in TRIED]
        ].reset_index(),
        INTERVALS,
        f"Of all these, B has {lowest:.3f} on clean test images at least; the article "
        f"has {known['assist', 'clean']:.4f}.",
        "From epoch to epoch: by how much the accuracy of a replicate moves between two epochs, the mean of all.",
        note,
        LABEL_KNOWN,
    )


def _swing(curves: pd.DataFrame) -> dict[str, str]:
    """By set-up: the mean change of test accuracy between epochs."""
    ordered = curves.sort_values(["setup", "replicate", "epoch"])
    moved = ordered.groupby(["setup", "replicate"])["test_accuracy"].diff().abs()
    means = moved.groupby(ordered["setup"]).mean().dropna()
    return {str(setup): f"{value:.3f}" for setup, value in means.items()}


def explanation(study: Results[Settings], known: Evidence, note: str) -> Table:
    """Whether networks go by the signal or by the image."""
    columns = {
        ("signal towards another label", "answers that label"): ("follows", OTHERS),
        ("signal towards another label", "answers the image's"): ("keeps", OTHERS),
        ("signal alone, on grey", "as computed"): ("accuracy", SIGNAL_ALONE),
        ("signal alone, on grey", "what clipping leaves"): ("accuracy", SIGNAL_LEFT),
    }
    models = {
        likely_model(setup, name): f"{letter}, likely set-up, {setup}" if setup else letter
        for setup in (THE_STUDY, *study.settings.likely.setups)
        for name, letter in EXPLAINED.items()
    }
    keys = [(metric, model, condition) for model in models for metric, condition in columns.values()]
    estimates = frame({key: known(*key).estimate() for key in keys}, ["metric", "model", "condition"])
    cells = {
        title: [cell(estimates, metric, model, condition) for model in models]
        for title, (metric, condition) in columns.items()
    }
    data = estimates.reset_index()
    return sheet("explanation", "Signal or image?", "model", models.values(), cells, data, INTERVALS, note)


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


def by_place(known: Evidence, sides: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """goal, side, area, top, left and accuracy, the mean over replicates and images."""
    rows = [
        (goal, int(side), facts["area"], top, left, known("accuracy", "clean", sticker(goal, int(side), place)).mean)
        for goal in ("foe", "friend")
        for side, facts in sides.items()
        for top, left in facts["places"]
        for place in [f"{top}-{left}"]
    ]
    return pd.DataFrame(rows, columns=["goal", "side", "area", "top", "left", "accuracy"])


def sticker_table(estimates: pd.DataFrame, note: str) -> Table:
    """Accuracy by area (`by_area`): friend and foe, image by image and one per class, and a grey square."""
    sizes = estimates.xs(("accuracy", "friend", "best")).index.sort_values()
    cells = {
        title: [cell(estimates, "accuracy", *line, side, area) for side, area in sizes] for line, title in LINES.items()
    }
    headings = [f"{area:.1%} ({side}×{side} pixels)" if side else "no sticker" for side, area in sizes]
    caption = "Accuracy of A with a sticker, by goal, place and area"
    return sheet("stickers", caption, "area", headings, cells, estimates.reset_index(), INTERVALS, note)
