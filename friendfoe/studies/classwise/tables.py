"""The tables of accuracies: defences against attacks, how unequal classes are, and numbers of others."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from friendfoe.report.tables import Table, estimate
from friendfoe.studies.classwise.measures import SPREAD
from friendfoe.studies.classwise.names import ATTACKS, CONDITIONS, MODELS, TEMPERATURES
from friendfoe.studies.estimates import over_replicates, shown
from friendfoe.studies.published import heading

UNEQUAL = {
    "average": "average",
    "worst": "weakest class",
    "discrepancy": "discrepancy",
    "chance": "discrepancy by chance",
    "variation": "coefficient of variation",
}
WHAT_THEY_ARE = (
    "Discrepancy: accuracy of the strongest class minus that of the weakest; by chance: what so few images would show "
    "if all classes were equal. Coefficient of variation: standard deviation over the classes / their mean."
)
# (an attack, one that it is at least as strong as)
ORDER = (("autoattack", "temperature"), ("temperature", "pgd"), ("pgd", "fgsm"), ("autoattack", "pgd"))
NOT_PUBLISHED = (
    "The paper's own tables could not be obtained; these are comparators, and nothing is judged by them: Wei et al. "
    "2023 (CFA, arXiv 2303.14460, table 1, best checkpoints), PreActResNet-18 on CIFAR-10, eps 8/255, AutoAttack. FAT "
    "and FRL are defences that friendfoe has not."
)


def estimates_of_spread(spread: pd.DataFrame) -> pd.DataFrame:
    """Mean and interval of each measure; indexed by measure and what else the index holds."""
    return pd.concat({name: over_replicates(spread[name].dropna()) for name in SPREAD}, names=["measure"])


def accuracy_table(estimates: pd.DataFrame, note: str) -> Table:
    """Models down, attacks across: average accuracy."""
    cells = {
        title: [shown(estimates, "average", model, condition) for model in MODELS]
        for condition, title in CONDITIONS.items()
    }
    frame = pd.DataFrame(cells, index=pd.Index(MODELS.values(), name="defence"))
    data = estimates.loc[["average"]].reset_index()
    caption = "Accuracy of the defences, clean and attacked"
    return Table("accuracy", caption, frame, data, (note,))


def unequal_table(estimates: pd.DataFrame, conditions: tuple[str, ...], note: str) -> Table:
    """Models and attacks down, measures of inequality across."""
    keys = [(model, condition) for condition in conditions for model in MODELS]
    cells = {title: [shown(estimates, name, *key) for key in keys] for name, title in UNEQUAL.items()}
    headings = [f"{MODELS[model]}: {CONDITIONS[condition]}" for model, condition in keys]
    frame = pd.DataFrame(cells, index=pd.Index(headings, name="defence: attack"))
    return Table(
        "classes-unequal", "How unequal the classes are", frame, estimates.reset_index(), (WHAT_THEY_ARE, note)
    )


def order_table(accuracy: pd.Series, note: str) -> Table:
    """Is every attack at least as strong as the one that it should beat? Differences of accuracy, per defence.

    Args:
        accuracy: average accuracy by model, condition and replicate.
    """
    by_attack = accuracy.unstack("condition")
    names = [name for name, sharpness in TEMPERATURES.items() if sharpness > 1]
    by_attack["temperature"] = by_attack[names].min(axis=1)
    titles = {**ATTACKS, "temperature": "best T-PGD"}
    cells, data = {}, []
    for strong, weak in ORDER:
        found = over_replicates(by_attack[weak] - by_attack[strong])
        cells[f"{titles[weak]} − {titles[strong]}"] = [_sane(found.loc[model]) for model in MODELS]
        data.append(found.reset_index().assign(weaker=weak, stronger=strong))
    frame = pd.DataFrame(cells, index=pd.Index(MODELS.values(), name="defence"))
    notes = (
        "Accuracy under the weaker attack minus accuracy under the stronger one. ✓: not below 0, or its interval holds "
        "0; ✗: the attack that should be stronger is weaker. Best T-PGD: the lowest accuracy over 1/T = "
        f"{', '.join(str(TEMPERATURES[name]) for name in names)}, chosen on the same images.",
        note,
    )
    return Table("order", "Is the order of the attacks sane?", frame, pd.concat(data, ignore_index=True), notes)


def _sane(row: Any) -> str:
    mark = "✓" if row["mean"] >= 0 or row["high"] >= 0 else "✗"
    return f"{estimate(row['mean'], row['low'], row['high'])} {mark}"


def attack_table(attacks: Mapping[str, Mapping[str, Any]], standard: Mapping[str, Any], note: str) -> Table:
    """With what settings the defences are trained and attacked.

    Args:
        attacks: settings by condition, and those of PGD in training.
        standard: settings of AutoAttack as its authors run it.
        note: the budget.
    """
    rows = [
        (name, str(setting), value)
        for name, settings in attacks.items()
        for setting, value in settings.items()
        if setting != "attack" and value is not None
    ]
    titles = {"training": "PGD in training", **CONDITIONS}
    cells = {}
    for name, title in titles.items():
        said = [f"{setting.replace('_', ' ')}: {_said(value)}" for of, setting, value in rows if of == name]
        if said:
            cells[title] = [", ".join(said)]
    frame = pd.DataFrame.from_dict(cells, orient="index", columns=["settings"])
    frame.index.name = "attack"
    notes = (
        "A step is a share of eps. FGSM-AT trains against one step of 1.25 eps from a random start. The standard "
        f"AutoAttack has {standard['steps']} steps, {standard['n_target_classes']} target classes and "
        f"{standard['n_queries']} queries: with less it is weaker.",
        note,
    )
    data = pd.DataFrame(rows, columns=["condition", "setting", "value"])
    return Table("attacks", "Attacks", frame, data, notes)


def _said(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def comparators(estimates: pd.DataFrame, published: pd.DataFrame, data: str, note: str) -> Table:
    """Average and weakest class, clean and under AutoAttack: ours, and those of CFA's authors."""
    theirs = published[published["table"] == "comparators"].set_index(["model", "condition", "metric"])["value"]
    names = {**MODELS, "trades-ema": "TRADES + EMA", "fat": "FAT", "frl": "FRL"}
    models = list(dict.fromkeys(theirs.index.get_level_values("model")))
    source = heading("CIFAR-10", data).replace("published", "Wei et al.")
    cells, rows = {}, []
    for condition in ("clean", "autoattack"):
        for metric, title in (("average", "average"), ("worst", "weakest class")):
            of = f"{CONDITIONS[condition]}, {title}"
            cells[of, "ours"] = [shown(estimates, metric, model, condition) for model in models]
            cells[of, source] = [f"{theirs[model, condition, metric]:.3f}" for model in models]
            for model in models:
                ours = estimates["mean"].get((metric, model, condition), float("nan"))
                value = theirs[model, condition, metric]
                rows.append({"model": model, "condition": condition, "metric": metric, "ours": ours, "theirs": value})
    frame = pd.DataFrame(cells, index=pd.Index([names[model] for model in models], name="defence"))
    caption = "Beside comparators with known numbers"
    return Table("comparators", caption, frame, pd.DataFrame(rows), (NOT_PUBLISHED, note))


def further(published: pd.DataFrame) -> Table:
    """What others have measured under attacks that are not ours."""
    rows = published[published["table"] != "comparators"]
    cells = pd.DataFrame(
        {
            "data": rows["data"],
            "measured": rows["printed"],
            "accuracy": rows["value"].map("{:.4f}".format),
            "where": rows["citation"],
        }
    ).set_index("data")
    return Table("further", "Further measurements of others", cells, rows, ("Nothing is judged by them.",))
