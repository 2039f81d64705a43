"""The tables of the diagnosis: order of the classes, gains, temperatures, homing, norms, mitigation, checkpoints."""

from collections.abc import Mapping
from itertools import product

import pandas as pd

from friendfoe.report.tables import Table
from friendfoe.studies.classwise import measures
from friendfoe.studies.classwise.names import (
    ATTACKS,
    CONDITIONS,
    DEFENCES,
    MODEL,
    MODELS,
    STRONGER,
    TEMPERATURES,
    VARIANTS,
)
from friendfoe.studies.estimates import cell, over_replicates
from friendfoe.studies.tables import sheet

HOME = (
    "Turned: images (summed over replicates) that the network of all classes gets right, and that PGD turns into this "
    "class. Home: the share that a network trained without this class, attacked anew, takes for what they are. "
    "Control: the same with another class left out in its place."
)


def order_of_classes(accuracy: pd.Series) -> Table:
    """Rank correlation of the classes between attacks (of each defence) and between defences (under each attack)."""
    attacked = accuracy[accuracy.index.get_level_values("condition") != "clean"].loc[list(DEFENCES)]
    between = {
        "attacks": measures.rank_correlation(attacked, "condition", list(ATTACKS)),
        "defences": measures.rank_correlation(attacked, "model", list(DEFENCES)),
    }
    other = {"attacks": "model", "defences": "condition"}
    titles = {"attacks": DEFENCES, "defences": ATTACKS}
    cells, data = {}, []
    for what, values in between.items():
        means = values.groupby(level=[other[what], "replicate"]).mean()
        pairs = values.groupby(level=["first", "second"]).mean()
        estimates = over_replicates(means.dropna())
        for name, title in titles[what].items():
            label = f"between {what}, {'of' if what == 'attacks' else 'under'} {title}"
            cells[label] = cell(estimates, name)
        if pairs.notna().any():
            least = [{**ATTACKS, **DEFENCES}[str(name)] for name in pairs.sort_values().index.to_frame().iloc[0]]
            cells[f"between {what}: the least alike"] = f"{pairs.min():.3f} ({', '.join(least)})"
        data.append(values.rename("correlation").reset_index().rename(columns={other[what]: "of"}).assign(between=what))
    return sheet(
        "order-of-classes",
        "Is the order of the classes kept?",
        "order of the classes",
        cells,
        {"rank correlation": list(cells.values())},
        pd.concat(data),
        "Spearman's correlation of the accuracies of the classes; the mean over all pairs.",
    )


def gain_table(counts: pd.DataFrame) -> Table:
    """Where the further success of stronger attacks falls."""
    gains = measures.gains(counts.loc[list(DEFENCES)], STRONGER)
    total = gains["weak"] + gains["rest"]
    parts = {
        "further success": over_replicates(total),
        "share on the weaker half": over_replicates((gains["weak"] / total.where(total > 0)).dropna()),
        "weaker half minus the rest": over_replicates(gains["weak"] - gains["rest"]),
    }
    keys = [(attack, stronger, model) for attack, stronger in STRONGER.items() for model in DEFENCES]
    return sheet(
        "gains",
        "On which classes do stronger attacks gain?",
        "defence: attacks",
        [f"{DEFENCES[model]}: {ATTACKS[stronger]} over {ATTACKS[attack]}" for attack, stronger, model in keys],
        {title: [cell(part, *key) for key in keys] for title, part in parts.items()},
        gains.reset_index(),
        "Further success: share of all images that the stronger attack gets wrong beyond the weaker one. The weaker "
        "half of the classes: those of the lower accuracy under the weaker attack. Shares of a small gain vary much.",
    )


def temperature_table(average: pd.Series) -> Table:
    """Average accuracy under Temperature-PGD for each 1/T, beside PGD and margin PGD."""
    estimates = over_replicates(average)
    columns = {name: f"1/T = {sharpness}" for name, sharpness in TEMPERATURES.items()} | {"margin": "margin"}
    cells = {title: [cell(estimates, model, name) for model in MODELS] for name, title in columns.items()}
    data, caption = estimates.reset_index(), "Accuracy under Temperature-PGD"
    data = data[data["condition"].isin(columns)]
    about = "1/T = 1 is PGD itself; for high 1/T the attack tends to margin PGD (CW-inf)."
    return sheet("temperature", caption, "defence", MODELS.values(), cells, data, about)


def homing_table(homing: pd.DataFrame) -> Table:
    """Per class that is left out: images turned into it, how many come home, and the control."""
    rates = measures.homing_rates(homing, "into")
    pooled = pd.concat({"any one": measures.homing_rates(homing[homing["classes"] == 1])}, names=["into"])
    rates = pd.concat([rates, pooled])
    parts = {name: over_replicates(rates[name].dropna()) for name in ("home", "control")}
    turned = rates["n"].groupby(level="into", sort=False).sum()
    cells = {
        "turned": [f"{int(n)}" for n in turned],
        **{name: [cell(part, into) for into in turned.index] for name, part in parts.items()},
    }
    return sheet("homing", f"Homing of {DEFENCES[MODEL]}", "class left out", turned.index, cells, homing, HOME)


def norm_table(accuracy: pd.Series, norms: pd.DataFrame) -> Table:
    """Correlation of class robustness under PGD with the norms of the last layer's rows."""
    by_class = norms.set_index(["model", "class", "replicate"])["norm"]
    correlation = measures.class_correlation(accuracy.xs("pgd", level="condition"), by_class)
    estimates = over_replicates(correlation.dropna())
    cells = {"rank correlation": [cell(estimates, model) for model in MODELS]}
    caption, data = "Robustness and row norms of the last layer", estimates.reset_index()
    about = "Spearman's correlation over the classes of accuracy under PGD with the norm of the class's row."
    return sheet("norms", caption, "defence", MODELS.values(), cells, data, about)


def mitigation_table(trained: pd.DataFrame, variants: pd.DataFrame, strengths: pd.Series) -> Table:
    """What raises the weakest class, and what it costs on average.

    From `measures.spread` of the models and of the variants of the inference phase, and the strengths of the prior
    adjustment by replicate.
    """
    pairs = {
        "PGD-AT + EMA": (trained.loc["pgd-at-ema"], trained.loc["pgd-at"]),
        "PGD-AT + CFA": (trained.loc["pgd-at-cfa"], trained.loc["pgd-at"]),
        "TRADES + CFA": (trained.loc["trades-cfa"], trained.loc["trades"]),
        **{
            f"{DEFENCES[MODEL]}, {title}": (variants.loc[name], variants.loc["none"])
            for name, title in VARIANTS.items()
            if name != "none"
        },
    }
    changes = pd.concat({name: after - before for name, (after, before) in pairs.items()}, names=["change"])
    titles, cells, data = {"worst": "weakest class", "average": "average"}, {}, []
    robust, average = product(["worst"], ["clean", "pgd", "autoattack"]), product(["average"], ["clean", "autoattack"])
    for measure, condition in (*robust, *average):
        estimates = over_replicates(changes[measure].xs(condition, level="condition").dropna())
        cells[titles[measure], CONDITIONS[condition]] = [cell(estimates, name) for name in pairs]
        data.append(estimates.reset_index().assign(measure=measure, condition=condition))
    chosen = ", ".join(f"{strength:g}" for strength in strengths.sort_index())
    return sheet(
        "mitigation",
        "What raises the weakest class, and what it costs",
        "change",
        pairs,
        cells,
        pd.concat(data, ignore_index=True),
        "Differences of accuracy from the same defence without the change, replicate by replicate; average: the cost. "
        "EMA: averaged weights; CFA: class-calibrated eps and beta with averaged weights (training phase). Rows of "
        "equal norm, prior adjustment: inference phase, attacked anew. All four are our reading of the paper's "
        "changes.",
        f"Strength of the prior adjustment that held-out training images chose, by replicate: {chosen}.",
    )


def checkpoint_table(average: pd.Series, last: pd.DataFrame, curves: Mapping[str, pd.DataFrame]) -> Table:
    """The epoch that is kept (accuracy under PGD: `average`) against the last one (class-wise counts: `last`).

    Of both the accuracy on held-out images, from the training curves, and on test images.
    """
    sums = last.groupby(["model", "replicate"])[["correct", "n"]].sum()
    after = sums["correct"] / sums["n"]
    held_out, test = "held-out images, PGD", "test images, PGD"
    headings = [("best", "epoch"), (held_out, "best"), (held_out, "last"), (test, "best"), (test, "last")]
    rows, data = [], []
    for model in DEFENCES:
        curve = curves[model].set_index(["replicate", "epoch"])["validation_accuracy"]
        best = curve.groupby(level="replicate").idxmax().map(lambda key: key[1])
        values = {
            "epoch": best.astype(float),
            "held_out_best": curve.groupby(level="replicate").max(),
            "held_out_last": curve.groupby(level="replicate").last(),
            "best": average.xs(model, level="model"),
            "last": after.xs(model, level="model"),
        }
        estimates = over_replicates(pd.concat(values, names=["measure"]))
        rows.append([", ".join(str(epoch) for epoch in best), *(cell(estimates, name) for name in list(values)[1:])])
        data.append(estimates.reset_index().assign(model=model))
    return sheet(
        "checkpoints",
        "Best and last epoch",
        "defence",
        DEFENCES.values(),
        dict(zip(headings, zip(*rows, strict=True), strict=True)),
        pd.concat(data, ignore_index=True),
        "The epoch is kept that does best on held-out training images under PGD; all tables show it.",
    )
