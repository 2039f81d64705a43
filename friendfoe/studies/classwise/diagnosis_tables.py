"""The tables of the diagnosis: order of the classes, gains, temperatures, homing, and what raises the weakest class."""

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import sub

import pandas as pd

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
from friendfoe.studies.classwise.quantities import ACCURACY, ALL, shares_of_gain, turned_into
from friendfoe.studies.estimates import cell
from friendfoe.studies.evidence import Evidence, frame
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
    parts = {
        (model, attack, stronger, name): part
        for attack, stronger in STRONGER.items()
        for model in DEFENCES
        for name, part in shares_of_gain(evidence, model, attack, stronger).items()
    }
    estimates = frame(
        {key: share.estimate() for key, (_, share) in parts.items()}, ["model", "attack", "stronger", "class"]
    )
    estimates.insert(0, "images", [images for images, _ in parts.values()])
    cells: dict[tuple[str, str], list[str]] = {}
    for attack, stronger in STRONGER.items():
        keys = [(MODEL, attack, stronger, name) for name in evidence.classes]
        group = f"{titles[stronger]} over {titles[attack]}"
        cells[group, "images"] = [str(parts[key][0]) for key in keys]
        cells[group, "share of the gain"] = [cell(estimates, *key) for key in keys]
    return sheet(
        "gains-by-class",
        f"What stronger attacks gain, class by class ({DEFENCES[MODEL]})",
        "class",
        evidence.classes,
        cells,
        estimates.drop(columns=["replicates", "n"]).reset_index(),
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
    words = "; ".join(
        f"{DEFENCES[model]} {', '.join(str(TEMPERATURES[name]) for name in names)}" for model, names in chosen.items()
    )
    return grid(
        "temperature",
        "Accuracy under Temperature-PGD",
        "defence",
        by_heading(DEFENCES),
        columns,
        lambda model, names: reduce(sub, (evidence(ACCURACY, model, name) for name in names)),
        "1/T = 1 is PGD itself; for high 1/T the attack tends to margin PGD (CW-inf). Five restarts of PGD have as "
        "many gradients as all five temperatures; in both an image is wrong if one of the five succeeds.",
        f"1/T that held-out training images choose, by replicate: {words}.",
    )


def homing_table(evidence: Evidence) -> Table:
    """Per class that is left out: images turned into it, how many come home, and the control."""
    left_out = turned_into(evidence)
    samples: dict[tuple[str, ...], Sample] = {}
    for into in left_out:
        samples[into, "home"] = evidence("home", MODEL, into)
        if ("control", MODEL, into) in evidence:
            samples[into, "control"] = evidence("control", MODEL, into)
            samples[into, "difference"] = samples[into, "home"] - samples[into, "control"]
    estimates = frame({key: one.estimate() for key, one in samples.items()}, ["into", "measure"])
    cells = {"turned": [str(images) for images in left_out.values()]}
    for measure in ("home", "control", "difference"):
        cells[measure] = [cell(estimates, into, measure) for into in left_out]
    data = estimates.drop(columns="n").reset_index()
    data.insert(2, "turned", data["into"].map(left_out))
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
