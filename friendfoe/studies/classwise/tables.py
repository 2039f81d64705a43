"""The tables of accuracies: defences against attacks, how unequal classes are, and numbers of others."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from friendfoe.report.tables import Table, estimate
from friendfoe.studies.classwise.measures import SPREAD
from friendfoe.studies.classwise.names import ATTACKS, CONDITIONS, MODELS, TEMPERATURES
from friendfoe.studies.estimates import cell, over_replicates
from friendfoe.studies.published import heading
from friendfoe.studies.tables import Comparison, numbers, sheet

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


def accuracy_table(estimates: pd.DataFrame) -> Table:
    """Models down, attacks across: average accuracy."""
    cells = {
        title: [cell(estimates, "average", model, condition) for model in MODELS]
        for condition, title in CONDITIONS.items()
    }
    data = estimates.loc[["average"]].reset_index()
    return sheet("accuracy", "Accuracy of the defences, clean and attacked", "defence", MODELS.values(), cells, data)


def unequal_table(estimates: pd.DataFrame, conditions: tuple[str, ...]) -> Table:
    """Models and attacks down, measures of inequality across."""
    keys = [(model, condition) for condition in conditions for model in MODELS]
    cells = {title: [cell(estimates, name, *key) for key in keys] for name, title in UNEQUAL.items()}
    rows = [f"{MODELS[model]}: {CONDITIONS[condition]}" for model, condition in keys]
    data, caption = estimates.reset_index(), "How unequal the classes are"
    return sheet("classes-unequal", caption, "defence: attack", rows, cells, data, WHAT_THEY_ARE)


def order_table(accuracy: pd.Series) -> Table:
    """Is every attack at least as strong as the one that it should beat? Differences of average accuracy by defence."""
    by_attack = accuracy.unstack("condition")
    names = [name for name, sharpness in TEMPERATURES.items() if sharpness > 1]
    by_attack["temperature"] = by_attack[names].min(axis=1)
    titles = {**ATTACKS, "temperature": "best T-PGD"}
    cells, data = {}, []
    for strong, weak in ORDER:
        differences = over_replicates(by_attack[weak] - by_attack[strong])
        cells[f"{titles[weak]} − {titles[strong]}"] = [_sane(differences.loc[model]) for model in MODELS]
        data.append(differences.reset_index().assign(weaker=weak, stronger=strong))
    return sheet(
        "order",
        "Is the order of the attacks sane?",
        "defence",
        MODELS.values(),
        cells,
        pd.concat(data, ignore_index=True),
        "Accuracy under the weaker attack minus accuracy under the stronger one. ✓: not below 0, or its interval holds "
        "0; ✗: the attack that should be stronger is weaker. Best T-PGD: the lowest accuracy over 1/T = "
        f"{', '.join(str(TEMPERATURES[name]) for name in names)}, chosen on the same images.",
    )


def _sane(row: Any) -> str:
    mark = "✓" if row["mean"] >= 0 or row["high"] >= 0 else "✗"
    return f"{estimate(row['mean'], row['low'], row['high'])} {mark}"


def attack_table(attacks: Mapping[str, Mapping[str, Any]], standard: Mapping[str, Any]) -> Table:
    """With what settings the defences are trained and attacked; `standard`: AutoAttack's, as its authors run it."""
    known = {
        name: {setting: value for setting, value in attack.items() if setting != "attack" and value is not None}
        for name, attack in attacks.items()
    }
    texts = {
        title: ", ".join(f"{setting.replace('_', ' ')}: {_said(value)}" for setting, value in known[name].items())
        for name, title in {"training": "PGD in training", **CONDITIONS}.items()
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


def comparators(estimates: pd.DataFrame, published: pd.DataFrame, data: str) -> Table:
    """Average and weakest class, clean and under AutoAttack: ours, and those of CFA's authors."""
    known = published[published["table"] == "comparators"]
    names = {**MODELS, "trades-ema": "TRADES + EMA", "fat": "FAT", "frl": "FRL"}
    models, estimates = known["model"].unique().tolist(), estimates.rename_axis(index={"measure": "metric"})
    comparison, keys = Comparison(estimates, {heading("CIFAR-10", data).replace("published", "Wei et al."): known}), []
    for condition in ("clean", "autoattack"):
        for metric, title in (("average", "average"), ("worst", "weakest class")):
            column = [(metric, model, condition) for model in models]
            comparison.add(f"{CONDITIONS[condition]}, {title}", column, published_digits=3)
            keys += column
    columns = {"model": "model", "condition": "condition", "metric": "metric", "mean": "ours", "published": "theirs"}
    rows = numbers(estimates, keys, known)[list(columns)].rename(columns=columns)
    caption, titles = "Beside comparators with known numbers", [names[model] for model in models]
    return comparison.sheet("comparators", caption, "defence", titles, rows, NOT_PUBLISHED)


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
