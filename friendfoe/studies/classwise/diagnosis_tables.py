"""The tables of the diagnosis: order of the classes, gains, temperatures, homing, and what raises the weakest class."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from friendfoe.evaluation.outcomes import Key
from friendfoe.evaluation.sample import Sample
from friendfoe.report.tables import Table, estimate
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
from friendfoe.studies.classwise.quantities import ACCURACY, ALL, shares_of_gain
from friendfoe.studies.evidence import Evidence
from friendfoe.studies.grid import grid
from friendfoe.studies.tables import sheet

HOME = (
    "Turned: images (summed over replicates) that the network of all classes gets right, and that PGD turns into this "
    "class. Home: the share that a network trained without this class, attacked anew, takes for what they are. "
    "Control: the same with another class left out in its place. Difference: of the same images."
)


def order_of_classes(evidence: Evidence, titles: Mapping[str, str]) -> Table:
    """Rank correlation of the classes between attacks (of each defence) and between defences (under each attack)."""
    rows: dict[str, Key] = {
        f"between attacks, of {title}": ("order", model, "attacks") for model, title in DEFENCES.items()
    }
    rows["between attacks, of all defences"] = ("order", ALL, "attacks")
    rows |= {f"between defences, under {titles[name]}": ("order", ALL, name) for name in ATTACKS}
    rows["between defences, under all attacks"] = ("order", ALL, "defences")
    return _correlations(
        evidence, "order-of-classes", "Is the order of the classes kept?", "order of the classes", rows,
        "Spearman's correlation of the accuracies of the classes; the mean over all pairs.",
    )  # fmt: skip


def norm_table(evidence: Evidence) -> Table:
    """Correlation of class robustness under PGD with the norms of the last layer's rows."""
    rows: dict[str, Key] = {title: ("norms", model, ATTACK) for model, title in MODELS.items()}
    rows["the four defences"] = ("norms", ALL, ATTACK)
    return _correlations(
        evidence, "norms", "Robustness and row norms of the last layer", "defence", rows,
        "Spearman's correlation over the classes of accuracy under PGD with the norm of the class's row.",
    )  # fmt: skip


def _correlations(
    evidence: Evidence, name: str, caption: str, corner: str, rows: Mapping[str, Key], note: str
) -> Table:
    count = {evidence(*key).images for key in rows.values()}
    about = (
        f"n = {' / '.join(map(str, sorted(count)))} classes; 95 % intervals over classes and replicates (jackknife, "
        "Fisher's z): what other classes of the kind would show."
    )
    columns = {"rank correlation": None}
    return grid(name, caption, corner, rows, columns, lambda key, _: evidence(*key), note, about)


def gain_table(evidence: Evidence, titles: Mapping[str, str]) -> Table:
    """Where the further success of stronger attacks falls."""
    rows = {
        f"{title}: {titles[stronger]} over {titles[attack]}": (model, attack)
        for attack, stronger in STRONGER.items()
        for model, title in DEFENCES.items()
    }
    columns = {"further success": "gain", "share on the weaker half": "share", "weaker half minus the rest": "excess"}
    return grid(
        "gains",
        "On which classes do stronger attacks gain?",
        "defence: attacks",
        rows,
        columns,
        lambda key, metric: evidence(metric, *key),
        "Further success: share of all images that the stronger attack gets wrong beyond the weaker one. The weaker "
        "half of the classes: those of the lower accuracy under PGD on held-out training images.",
    )


def gains_by_class(evidence: Evidence, titles: Mapping[str, str]) -> Table:
    """Each class's part of what stronger attacks gain, with the images that it rests on."""
    cells: dict[tuple[str, str], list[str]] = {}
    records = []
    for attack, stronger in STRONGER.items():
        for model in DEFENCES:
            parts = shares_of_gain(evidence, model, attack, stronger)
            every = {name: (gained, one.estimate()) for name, (gained, one) in parts.items()}
            records += [
                (model, attack, stronger, name, gained, one.mean, one.low, one.high)
                for name, (gained, one) in every.items()
            ]
            if model == MODEL:
                group = f"{titles[stronger]} over {titles[attack]}"
                cells[group, "images"] = [str(gained) for gained, _ in every.values()]
                cells[group, "share of the gain"] = [estimate(one.mean, one.low, one.high) for _, one in every.values()]
    columns = ["model", "attack", "stronger", "class", "images", "mean", "low", "high"]
    return sheet(
        "gains-by-class",
        f"What stronger attacks gain, class by class ({DEFENCES[MODEL]})",
        "class",
        evidence.classes,
        cells,
        pd.DataFrame(records, columns=columns),
        "Images: those that only the stronger attack gets wrong less those that only the weaker one does, all "
        "replicates together. Other defences stand in the CSV.",
    )


def temperature_table(evidence: Evidence, chosen: Mapping[str, Sequence[str]]) -> Table:
    """Average accuracy under Temperature-PGD for each 1/T, and what it gains over PGD, defence by defence.

    `chosen`: the condition that held-out images choose, by defence and replicate.
    """
    one = {f"1/T = {sharpness}": name for name, sharpness in TEMPERATURES.items()} | {"margin": "margin"}
    columns: dict[tuple[str, str], tuple[str, ...]] = {("accuracy", title): (name,) for title, name in one.items()}
    columns["accuracy", "PGD, five restarts"] = (RESTARTS,)
    columns["accuracy", "T-PGD, all five T"] = (TOGETHER_T,)
    columns["PGD − T-PGD", "T chosen elsewhere"] = (ATTACK, "chosen")
    columns["PGD − T-PGD", "five restarts − five T"] = (RESTARTS, TOGETHER_T)

    def quantity(model: str, names: tuple[str, ...]) -> Sample:
        first, *rest = (evidence(ACCURACY, model, name) for name in names)
        return first - rest[0] if rest else first

    words = "; ".join(
        f"{DEFENCES[model]} {', '.join(str(TEMPERATURES[name]) for name in names)}" for model, names in chosen.items()
    )
    return grid(
        "temperature",
        "Accuracy under Temperature-PGD",
        "defence",
        by_heading(DEFENCES),
        columns,
        quantity,
        "1/T = 1 is PGD itself; for high 1/T the attack tends to margin PGD (CW-inf). Five restarts of PGD have as "
        "many gradients as all five temperatures; in both an image is wrong if one of the five succeeds.",
        f"1/T that held-out training images choose, by replicate: {words}.",
    )


def homing_table(evidence: Evidence) -> Table:
    """Per class that is left out: images turned into it, how many come home, and the control."""
    left_out = [condition for metric, _, condition in evidence.outcomes if metric == "home"]
    cells: dict[str, list[str]] = {"turned": [], "home": [], "control": [], "difference": []}
    records = []
    for into in left_out:
        home = evidence("home", MODEL, into)
        control = evidence("control", MODEL, into) if ("control", MODEL, into) in evidence else None
        turned = int((~np.isnan(evidence.outcomes["home", MODEL, into].values)).sum())
        cells["turned"].append(str(turned))
        samples = {"home": home, "control": control, "difference": None if control is None else home - control}
        for name, one in samples.items():
            found = None if one is None else one.estimate()
            cells[name].append("–" if found is None else estimate(found.mean, found.low, found.high))
            if found:
                records.append((into, name, turned, found.mean, found.low, found.high, found.replicates))
    columns = ["into", "measure", "turned", "mean", "low", "high", "replicates"]
    data = pd.DataFrame(records, columns=columns)
    return sheet("homing", f"Homing of {DEFENCES[MODEL]}", "class left out", left_out, cells, data, HOME)


def mitigation_table(evidence: Evidence, titles: Mapping[str, str], strengths: pd.Series) -> Table:
    """What raises the weakest class, and what it costs on average; `strengths` of the prior adjustment by replicate."""
    rows = {f"{MODELS[changed]} − {MODELS[plain]}": (changed, plain) for changed, plain in PLAIN.items()}
    rows |= {f"{MODELS[changed]} − {MODELS[control]}": (changed, control) for changed, control in CONTROLS.items()}
    rows |= {f"{DEFENCES[MODEL]}, {title}": (variant, before(variant)) for variant, title in VARIANTS.items()}
    columns = {
        **{("weakest class", titles[name]): ("weakest", name) for name in SHOWN},
        **{("average", titles[name]): (ACCURACY, name) for name in ("clean", STRONGEST)},
    }
    chosen = ", ".join(f"{strength:g}" for strength in strengths)
    changed = int((strengths > 0).sum())
    return grid(
        "mitigation",
        "What raises the weakest class, and what it costs",
        "change",
        rows,
        columns,
        lambda pair, key: evidence(key[0], pair[0], key[1]) - evidence(key[0], pair[1], key[1]),
        "Differences of accuracy, replicate by replicate and image by image; average: the cost. EMA: averaged weights; "
        "CFA: class-calibrated eps and beta, and an average that only those weights enter whose weakest held-out class "
        "passes a threshold (training phase); its difference from EMA is what these add. Rows of equal norm, prior "
        "adjustment: inference phase, attacked anew. All are our reading of the paper's changes.",
        f"Strength of the prior adjustment that held-out training images chose, by replicate: {chosen}. Strength 0 "
        f"changes nothing: the row is of the {changed} of {len(strengths)} replicates that were changed"
        f"{', of which there is none: it is the model itself' * (changed == 0)}.",
    )
