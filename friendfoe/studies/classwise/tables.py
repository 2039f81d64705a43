"""The tables of accuracies: defences against attacks, how unequal classes are, checks, and numbers of others."""

from collections.abc import Mapping
from dataclasses import replace
from functools import reduce
from operator import sub
from typing import Any

import numpy as np
import pandas as pd

from friendfoe.report.tables import Table
from friendfoe.studies.classwise.names import (
    ATTACK,
    DEFENCES,
    MODELS,
    SHOWN,
    STANDARD,
    STRONGEST,
    by_heading,
)
from friendfoe.studies.classwise.quantities import ACCURACY
from friendfoe.studies.evidence import Evidence, frame
from friendfoe.studies.grid import grid
from friendfoe.studies.published import heading
from friendfoe.studies.tables import Comparison, numbers, sheet

UNEQUAL = {
    ACCURACY: "average",
    "weakest": "weakest class",
    "discrepancy": "discrepancy",
    "chance": "discrepancy by chance",
    "variation": "coefficient of variation",
}
WHAT_THEY_ARE = (
    "Discrepancy: accuracy of the strongest class minus that of the weakest; by chance: what so few images would show "
    "if all classes were equal. Coefficient of variation: standard deviation over the classes / their mean."
)
# (an attack, one that it is at least as strong as)
ORDER = ((STRONGEST, "chosen"), ("chosen", ATTACK), (ATTACK, "fgsm"), (STRONGEST, ATTACK))
CHOSEN = "chosen T-PGD"
NOT_PUBLISHED = (
    "The paper's own tables could not be obtained; these are comparators, and nothing is judged by them: Wei et al. "
    "2023 (CFA, arXiv 2303.14460, table 1, best checkpoints), PreActResNet-18 on CIFAR-10, eps 8/255, AutoAttack. FAT "
    "and FRL are defences that friendfoe has not."
)


def accuracy_table(evidence: Evidence, titles: Mapping[str, str]) -> Table:
    """Models down, attacks across: average accuracy."""
    return grid(
        "accuracy",
        "Accuracy of the defences, clean and attacked",
        "defence",
        by_heading(MODELS),
        by_heading(titles),
        lambda model, condition: evidence(ACCURACY, model, condition),
    )


def unequal_table(evidence: Evidence, titles: Mapping[str, str]) -> Table:
    """Models and attacks down, measures of inequality across."""
    rows = {f"{title}: {titles[name]}": (model, name) for name in SHOWN for model, title in MODELS.items()}
    return grid(
        "classes-unequal",
        "How unequal the classes are",
        "defence: attack",
        rows,
        by_heading(UNEQUAL),
        lambda key, metric: evidence(metric, *key),
        WHAT_THEY_ARE,
    )


def order_table(evidence: Evidence, titles: Mapping[str, str]) -> Table:
    """Is every attack at least as strong as the one that it should beat? Differences of average accuracy by defence."""
    known = {**titles, "chosen": CHOSEN}
    table = grid(
        "order",
        "Is the order of the attacks sane?",
        "defence",
        by_heading(DEFENCES),
        {f"{known[weak]} − {known[strong]}": (weak, strong) for strong, weak in ORDER},
        lambda model, pair: evidence(ACCURACY, model, pair[0]) - evidence(ACCURACY, model, pair[1]),
        "Accuracy under the weaker attack minus accuracy under the stronger one, image by image. ✗: the attack that "
        "should be stronger is weaker, beyond its interval; ✓: it is not. Chosen T-PGD: at the temperature under which "
        "held-out training images are right least often.",
    )
    cells = table.cells.copy()
    for row, column, high in table.data[["row", "column", "high"]].itertuples(index=False):
        cells.loc[row, column] = f"{cells.loc[row, column]} {'✗' if high < 0 else '✓'}"
    return replace(table, cells=cells)


def standard_table(evidence: Evidence, titles: Mapping[str, str]) -> Table | None:
    """A reduced AutoAttack against the standard one on the same images of one replicate; None: it is not reduced."""
    models = [model for model in STANDARD if (ACCURACY, model, "standard") in evidence]
    if not models:
        return None
    records = []
    for model in models:
        standard, reduced = (evidence.outcomes[ACCURACY, model, name] for name in ("standard", STRONGEST))
        right, same = standard.values[0], reduced.values[0, np.searchsorted(reduced.samples, standard.samples)]
        records.append((model, len(same), same.mean(), right.mean(), int((same > right).sum())))
    data = pd.DataFrame(records, columns=["model", "images", "reduced", "standard", "only_standard"])
    cells = {
        "images": data["images"].astype(str).tolist(),
        titles[STRONGEST]: data["reduced"].map("{:.3f}".format).tolist(),
        "standard AutoAttack": data["standard"].map("{:.3f}".format).tolist(),
        "only the standard": [f"{only} of {n}" for only, n in zip(data["only_standard"], data["images"], strict=True)],
    }
    return sheet(
        "autoattack-check",
        "The reduced AutoAttack against the standard one",
        "defence",
        [DEFENCES[model] for model in models],
        cells,
        data,
        "Accuracy of the first replicate on the same images. Only the standard: images that the standard attack gets "
        "wrong and the reduced one does not. Numbers under the reduced attack are too high by about so much.",
    )


def checkpoint_table(evidence: Evidence, curves: Mapping[str, pd.DataFrame]) -> Table:
    """The epoch that is kept, which held-out images choose, against the last one, on test images."""
    best = {
        model: curve.loc[curve.groupby("replicate")["validation_accuracy"].idxmax(), "epoch"].tolist()
        for model, curve in curves.items()
    }
    rows = {f"{DEFENCES[model]} (epochs {', '.join(map(str, epochs))})": model for model, epochs in best.items()}
    return grid(
        "checkpoints",
        "The epoch that is kept, and the last one: accuracy under PGD",
        "defence",
        rows,
        {"kept": ("",), "last": ("/last",), "kept − last": ("", "/last")},
        lambda model, epochs: reduce(sub, (evidence(ACCURACY, f"{model}{epoch}", ATTACK) for epoch in epochs)),
        "The epoch is kept that does best on held-out training images under PGD (in brackets, by replicate); all "
        "tables show it, on test images.",
    )


def attack_table(
    attacks: Mapping[str, Mapping[str, Any]], standard: Mapping[str, Any], titles: Mapping[str, str]
) -> Table:
    """With what settings the defences are trained and attacked; `standard`: AutoAttack's, as its authors run it."""
    known = {
        name: {setting: value for setting, value in attack.items() if setting != "attack" and value is not None}
        for name, attack in attacks.items()
    }
    texts = {
        title: ", ".join(f"{setting.replace('_', ' ')}: {_said(value)}" for setting, value in known[name].items())
        for name, title in {"training": "PGD in training", **titles}.items()
        if known.get(name)
    }
    rows = [(name, setting, value) for name, settings in known.items() for setting, value in settings.items()]
    return sheet(
        "attacks",
        "Attacks",
        "attack",
        texts,
        {"settings": list(texts.values())},
        pd.DataFrame(rows, columns=["condition", "setting", "value"]),
        "A step is a share of eps. FGSM-AT trains against one step of 1.25 eps from a random start. The standard "
        f"AutoAttack has {standard['steps']} steps, {standard['n_target_classes']} target classes and "
        f"{standard['n_queries']} queries: with less it is weaker.",
    )


def _said(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def comparators(evidence: Evidence, published: pd.DataFrame, data: str, titles: Mapping[str, str]) -> Table:
    """Average and weakest class, clean and under AutoAttack: ours, and those of CFA's authors."""
    known = published[published["table"] == "comparators"]
    names = {**MODELS, "fat": "FAT", "frl": "FRL"}
    models, metrics = known["model"].unique().tolist(), {"average": ACCURACY, "worst": "weakest"}
    estimates = frame(
        {
            (metric, model, condition): evidence(ours, model, condition).estimate()
            for metric, ours in metrics.items()
            for model in MODELS
            for condition in ("clean", STRONGEST)
        },
        ["metric", "model", "condition"],
    )
    comparison, keys = Comparison(estimates, {heading("CIFAR-10", data).replace("published", "Wei et al."): known}), []
    for condition in ("clean", STRONGEST):
        for metric, title in (("average", "average"), ("worst", "weakest class")):
            column = [(metric, model, condition) for model in models]
            comparison.add(f"{titles[condition]}, {title}", column, published_digits=3)
            keys += column
    columns = {"model": "model", "condition": "condition", "metric": "metric", "mean": "ours", "published": "theirs"}
    rows = numbers(estimates, keys, known)[list(columns)].rename(columns=columns)
    caption, shown = "Beside comparators with known numbers", [names[model] for model in models]
    return comparison.sheet("comparators", caption, "defence", shown, rows, NOT_PUBLISHED)


def further(published: pd.DataFrame) -> Table:
    """What others have measured under attacks that are not ours."""
    rows = published[published["table"] != "comparators"]
    cells = {
        "measured": rows["printed"].tolist(),
        "accuracy": rows["value"].map("{:.4f}".format).tolist(),
        "where": rows["citation"].tolist(),
    }
    caption = "Further measurements of others"
    return sheet("further", caption, "data", rows["data"], cells, rows, "Nothing is judged by them.")
