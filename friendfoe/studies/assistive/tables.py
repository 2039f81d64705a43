"""The two published tables, ours beside them; those of the likely set-up, of signals alone and of the sticker."""

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any

import pandas as pd

from friendfoe.evaluation.sample import Estimate, Sample
from friendfoe.report.tables import Table, estimate
from friendfoe.studies.assistive.claims import CHANCE, STICKER
from friendfoe.studies.assistive.names import (
    ASSISTED,
    ATTACKED,
    CONDITIONS,
    EXPLAINED,
    LABEL_KNOWN,
    MODELS,
    NO_STICKER,
    ON,
    OTHERS,
    PERTURBED,
    SIGNAL_ALONE,
    SIGNAL_LEFT,
    likely_model,
    sticker,
)
from friendfoe.studies.assistive.settings import Settings
from friendfoe.studies.estimates import cell
from friendfoe.studies.evidence import Evidence, frame
from friendfoe.studies.published import heading, published, readings
from friendfoe.studies.results import Results
from friendfoe.studies.tables import GREY, INTERVALS, Comparison, Key, numbers, sheet

HALVES = ("clean-half", "assist-half")
FULL = [model for model in MODELS if model not in HALVES]
LINES = {
    ("friend", "best"): "friend, best place",
    ("friend", "universal"): "friend, one per class",
    ("friend", "corner"): "friend, corner",
    ("foe", "best"): "foe, best place",
    ("foe", "universal"): "foe, one per class",
    ("foe", "corner"): "foe, corner",
    ("grey", "universal"): "grey",
}
OPEN = (
    "The article says neither on which its attacked images were crafted nor which of the two C is: its numbers stand "
    "beside all readings. Its library attacks the model's own answer where no label is given, and its remark that the "
    "attack presumes an accurate classifier says as much."
)


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
    side = [*facts["sides"]][len(facts["sides"]) // 2]
    chance = Sample.of_replicates([1 / len(facts["classes"])] * facts["replicates"])
    stickers = {("true", "clean", name): known("true", "clean", sticker(*_goal(name, side))) for name in STICKER}
    return known.also({CHANCE: chance, **stickers})


def _goal(name: str, side: str) -> tuple[str, int, str]:
    goal, place = name.split("-")
    return goal, int(side), place


def table_1(study: Results[Settings], estimates: pd.DataFrame) -> Table:
    """Accuracy of A, B, C in both readings and any further model, under every condition."""
    conditions = {name: CONDITIONS.get(name, name) for name in study.conditions if name != "own-train"}
    models = {name: MODELS.get(name, name) for name in study.models if name not in HALVES}
    return _comparison(
        study,
        estimates,
        "table 1",
        "table-1",
        "Table 1. Accuracy, by what the model was trained on (columns) and what it is shown (rows)",
        [(title, {model: (model, name) for model in models}) for name, title in conditions.items()],
        models,
        "A: clean images; B: assistive images alone; C: both, all of each; C (half): both, half of each.",
        LABEL_KNOWN,
        f"{ON} {OPEN} Unclipped: the formula alone, pixels may leave [0, 1]; counted as crafted.",
    )


def table_2(study: Results[Settings], estimates: pd.DataFrame) -> Table:
    """Accuracy of A′ and B′, trained on half as many images."""
    return _comparison(
        study,
        estimates,
        "table 2",
        "table-2",
        "Table 2. Accuracy after training on half of the images: does an assistive image teach more?",
        [(CONDITIONS[name], {model: (model, name) for model in HALVES}) for name in ("own-train", "clean")],
        {name: MODELS[name] for name in HALVES},
        "A′ and B′ are trained on the same half of the images: clean for A′, with the assistive signal for B′.",
        LABEL_KNOWN,
    )


def likely_1(study: Results[Settings], estimates: pd.DataFrame, note: str) -> Table:
    """Table 1 in the likely set-ups."""
    conditions = ["assist-train", "clean", *PERTURBED]
    return _comparison(
        study,
        estimates,
        "table 1",
        "likely-1",
        "Table 1 in the likely set-up",
        _in_setups(study, conditions, FULL),
        {name: MODELS[name] for name in FULL},
        note,
        LABEL_KNOWN,
        f"{ON} {OPEN}",
    )


def likely_2(study: Results[Settings], estimates: pd.DataFrame, note: str) -> Table:
    """Table 2 in the likely set-ups."""
    return _comparison(
        study,
        estimates,
        "table 2",
        "likely-2",
        "Table 2 in the likely set-up",
        _in_setups(study, ["own-train", "clean"], HALVES),
        {name: MODELS[name] for name in HALVES},
        note,
        LABEL_KNOWN,
    )


Row = tuple[str, dict[str, Key]]
"""Its heading, and the key of each column's model."""


def _in_setups(study: Results[Settings], conditions: Iterable[str], models: Iterable[str]) -> list[Row]:
    return [
        (f"{CONDITIONS[name]}, {setup}", {model: (likely_model(setup, model), name) for model in models})
        for setup in study.settings.likely.setups
        for name in conditions
    ]


def _comparison(
    study: Results[Settings],
    estimates: pd.DataFrame,
    source: str,
    name: str,
    caption: str,
    rows: list[Row],
    columns: dict[str, str],
    *notes: str,
) -> Table:
    """Conditions down, models across; under a model with published numbers (of the table `source`) two columns."""
    known = published_numbers(study.settings)
    known = known[known["table"] == source]
    comparison = Comparison(estimates, {heading(known["data"].iloc[0], study.data): known})
    for model, title in columns.items():
        comparison.add(title, [keys[model] for _, keys in rows])
    data = numbers(estimates, [keys[model] for _, keys in rows for model in columns], known)
    notes = (INTERVALS, *([GREY] if comparison.muted else []), *notes)
    return comparison.sheet(name, caption, "input images", [title for title, _ in rows], data, *notes)


def tried(study: Results[Settings], estimates: pd.DataFrame, networks: Mapping[str, str], note: str) -> Table:
    """What was tried in search of B's published accuracy: A and B in every set-up, and in the study's own."""
    settings, curves = study.settings.likely, study.table("likely")
    shown = [("clean", "clean"), ("clean", "assist"), ("assist", "clean"), ("assist", "assist")]
    shown += [("assist", "attack-own-self")]
    rows = {"the study's own": {key: key for key in shown}}
    rows |= {setup: {key: (likely_model(setup, key[0]), key[1]) for key in shown} for setup in settings.every}
    known = published("assistive").set_index(["model", "condition"])["value"]
    same = {"attack-own-self": "attack"}
    cells: dict[tuple[str, str], list[str]] = {
        ("trained with", "network"): ["as in table 1", *networks.values(), "–"],
        ("trained with", "budget"): ["as in table 1", *map(settings.in_words, settings.every), "–"],
    }
    for model, condition in shown:
        ours = [cell(estimates, *keys[model, condition]) for keys in rows.values()]
        cells[MODELS[model], CONDITIONS[condition]] = [*ours, f"{known[model, same.get(condition, condition)]:.4f}"]
    swing = _swing(curves[curves["model"] == "assist"])
    cells["B", "clean test, from epoch to epoch"] = ["–", *(swing.get(setup, "–") for setup in settings.every), "–"]
    keys = [key for row in rows.values() for key in row.values()]
    lowest = min(float(estimates["mean"].loc[row["assist", "clean"]]) for row in rows.values())
    data = estimates.loc[keys].reset_index()
    return sheet(
        "tried",
        "What was tried to come near the article's B",
        "set-up",
        [*rows, "published (Fashion-MNIST)"],
        cells,
        data,
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
    models = {**EXPLAINED}
    for setup in study.settings.likely.setups:
        models |= {likely_model(setup, name): f"{letter}, likely set-up, {setup}" for name, letter in EXPLAINED.items()}
    found: dict[tuple[str, ...], Estimate] = {
        (metric, model, condition): known(metric, model, condition).estimate()
        for model in models
        for metric, condition in columns.values()
    }
    cells = {
        title: [_cell(found[metric, model, condition]) for model in models]
        for title, (metric, condition) in columns.items()
    }
    data = frame(found, ["metric", "model", "condition"]).reset_index()
    return sheet("explanation", "Signal or image?", "model", models.values(), cells, data, INTERVALS, note)


def _cell(one: Estimate) -> str:
    return estimate(one.mean, one.low, one.high)


def by_area(known: Evidence, sides: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Accuracy and the probability of the true class (`sticker.analyse`) by the area of the sticker.

    `sides`: side in pixels -> area and places.

    Returns:
        mean, low, high, replicates, n; indexed by measure ("accuracy", "true"), goal, place ("best", "universal",
        "corner"), side and area. Side 0 is the image without sticker, in every place.
    """
    sizes = {0: 0.0, **{int(side): facts["area"] for side, facts in sides.items()}}
    rows: dict[tuple[str, ...], Estimate] = {}
    for measure, (goal, place), side in product(("accuracy", "true"), LINES, sizes):
        name = sticker(goal, side, "0-0" if place == "corner" else place) if side else NO_STICKER
        rows[measure, goal, place, str(side)] = known(measure, "clean", name).estimate()
    estimates = frame(rows, ["measure", "goal", "place", "side"]).reset_index()
    estimates["side"] = estimates["side"].astype(int)
    estimates["area"] = estimates["side"].map(sizes)
    estimates = estimates.set_index(["measure", "goal", "place", "side", "area"])
    ends = ["mean", "low", "high"]
    estimates[ends] = estimates[ends].clip(0, 1)
    return estimates.sort_index()


def by_place(known: Evidence, sides: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """goal, side, area, top, left and accuracy, the mean over replicates and images."""
    return pd.DataFrame(
        [
            {
                "goal": goal,
                "side": int(side),
                "area": facts["area"],
                "top": top,
                "left": left,
                "accuracy": known("accuracy", "clean", sticker(goal, int(side), f"{top}-{left}")).mean,
            }
            for goal in ("foe", "friend")
            for side, facts in sides.items()
            for top, left in facts["places"]
        ]
    )


def sticker_table(estimates: pd.DataFrame, note: str) -> Table:
    """Accuracy by area (`by_area`): friend and foe, image by image and one per class, and a grey square."""
    sizes = estimates.xs(("accuracy", "friend", "best")).index.sort_values()
    cells = {
        title: [cell(estimates, "accuracy", *line, side, area) for side, area in sizes] for line, title in LINES.items()
    }
    headings = [f"{area:.1%} ({side}×{side} pixels)" if side else "no sticker" for side, area in sizes]
    caption = "Accuracy of A with a sticker, by goal, place and area"
    return sheet("stickers", caption, "area", headings, cells, estimates.reset_index(), INTERVALS, note)
