"""The tables of the diagnosis: order of the classes, gains, temperatures, homing, norms, mitigation, checkpoints."""

from collections.abc import Mapping

import pandas as pd

from friendfoe.report.tables import Table
from friendfoe.studies.classwise import measures
from friendfoe.studies.classwise.names import ATTACKS, DEFENCES, MODEL, MODELS, STRONGER, TEMPERATURES, VARIANTS
from friendfoe.studies.estimates import over_replicates, shown

HOME = (
    "Turned: images (summed over replicates) that the network of all classes gets right, and that PGD turns into this "
    "class. Home: the share that a network trained without this class, attacked anew, takes for what they are. "
    "Control: the same with another class left out in its place."
)


def order_of_classes(accuracy: pd.Series, note: str) -> Table:
    """Rank correlation of the classes between attacks (of each defence) and between defences (under each attack)."""
    attacked = accuracy[accuracy.index.get_level_values("condition") != "clean"].loc[list(DEFENCES)]
    between = {
        "attacks": measures.rank_correlation(attacked, "condition", list(ATTACKS)),
        "defences": measures.rank_correlation(attacked, "model", list(DEFENCES)),
    }
    other = {"attacks": "model", "defences": "condition"}
    titles = {"attacks": DEFENCES, "defences": ATTACKS}
    rows, data = {}, []
    for what, values in between.items():
        means = values.groupby(level=[other[what], "replicate"]).mean()
        pairs = values.groupby(level=["first", "second"]).mean()
        found = over_replicates(means.dropna())
        for name, title in titles[what].items():
            label = f"between {what}, {'of' if what == 'attacks' else 'under'} {title}"
            rows[label] = [shown(found, name)]
        if pairs.notna().any():
            least = [{**ATTACKS, **DEFENCES}[str(name)] for name in pairs.sort_values().index.to_frame().iloc[0]]
            rows[f"between {what}: the least alike"] = [f"{pairs.min():.3f} ({', '.join(least)})"]
        data.append(values.rename("correlation").reset_index().rename(columns={other[what]: "of"}).assign(between=what))
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=["rank correlation"])
    frame.index.name = "order of the classes"
    notes = ("Spearman's correlation of the accuracies of the classes; the mean over all pairs.", note)
    return Table("order-of-classes", "Is the order of the classes kept?", frame, pd.concat(data), notes)


def gain_table(counts: pd.DataFrame, note: str) -> Table:
    """Where the further success of stronger attacks falls."""
    found = measures.gains(counts.loc[list(DEFENCES)], STRONGER)
    total = found["weak"] + found["rest"]
    parts = {
        "gain": over_replicates(total),
        "share": over_replicates((found["weak"] / total.where(total > 0)).dropna()),
        "excess": over_replicates(found["weak"] - found["rest"]),
    }
    rows, index = [], []
    for attack, stronger in STRONGER.items():
        for model, title in DEFENCES.items():
            rows.append([shown(part, attack, stronger, model) for part in parts.values()])
            index.append(f"{title}: {ATTACKS[stronger]} over {ATTACKS[attack]}")
    columns = ["further success", "share on the weaker half", "weaker half minus the rest"]
    frame = pd.DataFrame(rows, columns=columns, index=pd.Index(index, name="defence: attacks"))
    notes = (
        "Further success: share of all images that the stronger attack gets wrong beyond the weaker one. The weaker "
        "half of the classes: those of the lower accuracy under the weaker attack. Shares of a small gain vary much.",
        note,
    )
    return Table("gains", "On which classes do stronger attacks gain?", frame, found.reset_index(), notes)


def temperature_table(average: pd.Series, note: str) -> Table:
    """Accuracy under Temperature-PGD for each 1/T, beside PGD and margin PGD.

    Args:
        average: accuracy by model, condition and replicate.
    """
    found = over_replicates(average)
    columns = {name: f"1/T = {sharpness}" for name, sharpness in TEMPERATURES.items()} | {"margin": "margin"}
    cells = {title: [shown(found, model, name) for model in MODELS] for name, title in columns.items()}
    frame = pd.DataFrame(cells, index=pd.Index(MODELS.values(), name="defence"))
    data = found.reset_index()
    data = data[data["condition"].isin(columns)]
    notes = ("1/T = 1 is PGD itself; for high 1/T the attack tends to margin PGD (CW-inf).", note)
    return Table("temperature", "Accuracy under Temperature-PGD", frame, data, notes)


def homing_table(homing: pd.DataFrame, note: str) -> Table:
    """Per class that is left out: images turned into it, how many come home, and the control."""
    rates = measures.homing_rates(homing, "into")
    pooled = pd.concat({"any one": measures.homing_rates(homing[homing["classes"] == 1])}, names=["into"])
    rates = pd.concat([rates, pooled])
    parts = {name: over_replicates(rates[name].dropna()) for name in ("home", "control")}
    turned = rates["n"].groupby(level="into", sort=False).sum()
    cells = {
        "turned": [f"{int(n)}" for n in turned],
        **{name: [shown(part, into) for into in turned.index] for name, part in parts.items()},
    }
    frame = pd.DataFrame(cells, index=pd.Index(turned.index, name="class left out"))
    caption = f"Homing of {DEFENCES[MODEL]}"
    return Table("homing", caption, frame, homing, (HOME, note))


def norm_table(accuracy: pd.Series, norms: pd.DataFrame, note: str) -> Table:
    """Correlation of class robustness under PGD with the norms of the last layer's rows."""
    of = norms.set_index(["model", "class", "replicate"])["norm"]
    found = measures.class_correlation(accuracy.xs("pgd", level="condition"), of)
    estimates = over_replicates(found.dropna())
    cells = {"rank correlation": [shown(estimates, model) for model in MODELS]}
    frame = pd.DataFrame(cells, index=pd.Index(MODELS.values(), name="defence"))
    notes = ("Spearman's correlation over the classes of accuracy under PGD with the norm of the class's row.", note)
    return Table("norms", "Robustness and row norms of the last layer", frame, estimates.reset_index(), notes)


def mitigation_table(trained: pd.DataFrame, variants: pd.DataFrame, strengths: pd.Series, note: str) -> Table:
    """What raises the weakest class, and what it costs on average.

    Args:
        trained: `measures.spread` of the models.
        variants: the same of the inference phase.
        strengths: of the prior adjustment, by replicate.
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
    columns = {
        ("weakest class", "clean"): ("worst", "clean"),
        ("weakest class", "PGD"): ("worst", "pgd"),
        ("weakest class", "AutoAttack"): ("worst", "autoattack"),
        ("average", "clean"): ("average", "clean"),
        ("average", "AutoAttack"): ("average", "autoattack"),
    }
    changes = pd.concat({name: after - before for name, (after, before) in pairs.items()}, names=["change"])
    cells = {}
    data = []
    for title, (measure, condition) in columns.items():
        found = over_replicates(changes[measure].xs(condition, level="condition").dropna())
        cells[title] = [shown(found, name) for name in pairs]
        data.append(found.reset_index().assign(measure=measure, condition=condition))
    frame = pd.DataFrame(cells, index=pd.Index(list(pairs), name="change"))
    chosen = ", ".join(f"{strength:g}" for strength in strengths.sort_index())
    notes = (
        "Differences of accuracy from the same defence without the change, replicate by replicate; average: the cost. "
        "EMA: averaged weights; CFA: class-calibrated eps and beta with averaged weights (training phase). Rows of "
        "equal norm, prior adjustment: inference phase, attacked anew. All four are our reading of the paper's "
        "changes.",
        f"Strength of the prior adjustment that held-out training images chose, by replicate: {chosen}.",
        note,
    )
    caption = "What raises the weakest class, and what it costs"
    return Table("mitigation", caption, frame, pd.concat(data, ignore_index=True), notes)


def checkpoint_table(average: pd.Series, last: pd.DataFrame, curves: Mapping[str, pd.DataFrame], note: str) -> Table:
    """The epoch that is kept against the last one: held-out accuracy, and test accuracy under PGD.

    Args:
        average: accuracy of the best epoch under PGD by model and replicate.
        last: class-wise counts of the last epoch under PGD.
        curves: training curves by model.
    """
    sums = last.groupby(["model", "replicate"])[["correct", "n"]].sum()
    after = sums["correct"] / sums["n"]
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
        found = over_replicates(pd.concat(values, names=["measure"]))
        epochs = ", ".join(str(epoch) for epoch in best)
        rows.append([epochs, *(shown(found, name) for name in list(values)[1:])])
        data.append(found.reset_index().assign(model=model))
    held_out, test = "held-out images, PGD", "test images, PGD"
    headings = [("best", "epoch"), (held_out, "best"), (held_out, "last"), (test, "best"), (test, "last")]
    columns = pd.MultiIndex.from_tuples(headings)
    frame = pd.DataFrame(rows, columns=columns, index=pd.Index(DEFENCES.values(), name="defence"))
    notes = ("The epoch is kept that does best on held-out training images under PGD; all tables show it.", note)
    return Table("checkpoints", "Best and last epoch", frame, pd.concat(data, ignore_index=True), notes)
