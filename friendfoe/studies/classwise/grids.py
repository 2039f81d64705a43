"""The tables of quantities with intervals: of accuracies, of the order of the classes, and of differences."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial, reduce
from operator import sub

from friendfoe.evaluation.outcomes import Key
from friendfoe.evaluation.sample import Sample
from friendfoe.report.tables import Table
from friendfoe.studies.classwise.names import (
    ATTACK,
    ATTACKS,
    CONTROLS,
    DEFENCES,
    MODEL,
    MODELS,
    PLAIN,
    RESTARTS,
    SHOWN,
    STRONGER,
    STRONGEST,
    TEMPERATURES,
    TOGETHER_T,
    VARIANTS,
    before,
    by_heading,
)
from friendfoe.studies.classwise.quantities import ACCURACY, ALL
from friendfoe.studies.evidence import Evidence
from friendfoe.studies.tables import grid

UNEQUAL = {
    ACCURACY: "average",
    "weakest": "weakest class",
    "discrepancy": "discrepancy",
    "chance": "discrepancy by chance",
    "variation": "coefficient of variation",
}
GAINS = {"gain": "further success", "share": "share on the weaker half", "excess": "weaker half minus the rest"}
# (an attack, one that it is at least as strong as)
ORDER = ((STRONGEST, "chosen"), ("chosen", ATTACK), (ATTACK, "fgsm"), (STRONGEST, ATTACK))
CORRELATION = {"rank correlation": ()}


def grids(evidence: Evidence, titles: Mapping[str, str], kept: Mapping[str, Sequence[int]]) -> dict[str, Table]:
    """All of them by name; `kept` are the epochs of every defence that held-out images choose, by replicate."""
    accuracy = partial(evidence, ACCURACY)

    def less(model: str, conditions: Sequence[str]) -> Sample:
        """Accuracy under the first condition, less that under the second one where there is one."""
        return reduce(sub, (accuracy(model, condition) for condition in conditions))

    def change(models: tuple[str, str], key: tuple[str, str]) -> Sample:
        """What the first of two models adds to a metric of the other, under a condition."""
        (first, second), (metric, condition) = models, key
        return evidence(metric, first, condition) - evidence(metric, second, condition)

    def of_key(key: Key, _: object) -> Sample:
        return evidence(*key)

    known = {**titles, "chosen": "chosen T-PGD"}
    order = {f"{known[weak]} − {known[strong]}": (weak, strong) for strong, weak in ORDER}
    unequal = {f"{title}: {titles[name]}": (model, name) for name in SHOWN for model, title in MODELS.items()}
    classes: dict[str, Key] = {
        **{f"between attacks, of {title}": ("order", model, "attacks") for model, title in DEFENCES.items()},
        "between attacks, of all defences": ("order", ALL, "attacks"),
        **{f"between defences, under {titles[name]}": ("order", ALL, name) for name in ATTACKS},
        "between defences, under all attacks": ("order", ALL, "defences"),
    }
    norms: dict[str, Key] = {title: ("norms", model, ATTACK) for model, title in MODELS.items()}
    norms["the four defences"] = ("norms", ALL, ATTACK)
    gains = {
        f"{title}: {titles[stronger]} over {titles[attack]}": (model, attack)
        for attack, stronger in STRONGER.items()
        for model, title in DEFENCES.items()
    }
    temperatures: dict[tuple[str, str], Sequence[str]] = {
        **{("accuracy", f"1/T = {sharpness}"): (name,) for name, sharpness in TEMPERATURES.items()},
        ("accuracy", "margin"): ("margin",),
        ("accuracy", "PGD, five restarts"): (RESTARTS,),
        ("accuracy", "T-PGD, all five T"): (TOGETHER_T,),
        ("PGD − T-PGD", "T chosen elsewhere"): (ATTACK, "chosen"),
        ("PGD − T-PGD", "five restarts − five T"): (RESTARTS, TOGETHER_T),
    }
    changes = {
        **{f"{MODELS[changed]} − {MODELS[plain]}": (changed, plain) for changed, plain in PLAIN.items()},
        **{f"{MODELS[changed]} − {MODELS[control]}": (changed, control) for changed, control in CONTROLS.items()},
        **{f"{DEFENCES[MODEL]}, {title}": (variant, before(variant)) for variant, title in VARIANTS.items()},
    }
    costs = {("weakest class", titles[name]): ("weakest", name) for name in SHOWN}
    costs |= {("average", titles[name]): (ACCURACY, name) for name in ("clean", STRONGEST)}
    epochs = {f"{DEFENCES[model]} (epochs {', '.join(map(str, each))})": model for model, each in kept.items()}
    ends = {"kept": ("",), "last": ("/last",), "kept − last": ("", "/last")}
    defences = by_heading(DEFENCES)
    return {
        "accuracy": grid("defence", by_heading(MODELS), by_heading(titles), accuracy),
        "order": marked(grid("defence", defences, order, less)),
        "classes-unequal": grid(
            "defence: attack", unequal, by_heading(UNEQUAL), lambda key, metric: evidence(metric, *key)
        ),
        "order-of-classes": grid("order of the classes", classes, CORRELATION, of_key),
        "norms": grid("defence", norms, CORRELATION, of_key),
        "gains": grid("defence: attacks", gains, by_heading(GAINS), lambda key, metric: evidence(metric, *key)),
        "temperature": grid("defence", defences, temperatures, less),
        "mitigation": grid("change", changes, costs, change),
        "checkpoints": grid(
            "defence",
            epochs,
            ends,
            lambda model, epochs: reduce(sub, (accuracy(f"{model}{epoch}", ATTACK) for epoch in epochs)),
        ),
    }


def marked(table: Table) -> Table:
    """Of differences between attacks: ✗ where the one that should be stronger is weaker, beyond its interval."""
    cells = table.cells.copy()
    for row, column, high in table.data[["row", "column", "high"]].itertuples(index=False):
        cells.loc[row, column] = f"{cells.loc[row, column]} {'✗' if high < 0 else '✓'}"
    return replace(table, cells=cells)
