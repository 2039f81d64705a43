"""All quantities of the class-wise study, derived from what became of single images.

What is chosen (which classes are weak, which temperature is best) was chosen on training images that were held out, and
is looked up here; what it is worth is counted on test images.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from friendfoe.evaluation import sample
from friendfoe.evaluation.outcomes import Key, Outcomes
from friendfoe.evaluation.rank_correlation import Correlation, rank_correlation
from friendfoe.evaluation.sample import Sample
from friendfoe.studies.classwise.names import (
    ATTACK,
    ATTACKS,
    DEFENCES,
    MODEL,
    MODELS,
    SHOWN,
    STRONG,
    STRONGER,
    TARGETS,
    TEMPERATURES,
    VARIANTS,
    WEAK,
    before,
)
from friendfoe.studies.classwise.settings import Settings
from friendfoe.studies.evidence import Evidence
from friendfoe.studies.results import Results

DRAWS = 2000  # of chance: its mean is known to a hundredth of the discrepancy
ACCURACY = "accuracy-crafted"  # of images as attacks leave them
ALL = "all defences"

Floats = NDArray[np.float64]


def derived(study: Results[Settings]) -> Evidence:
    """The evidence of the study with all that its tables, figures and claims are made from.

    Further keys, by metric (model, condition):
    weakest, discrepancy, variation, chance: of the classes of a model under the conditions `SHOWN`;
    named: the class that held-out images name strongest less the one that they name weakest, under PGD and under
    Temperature-PGD (condition "chosen");
    gain, excess, share: of a stronger attack over an attack (the condition); on the weaker half of the classes less on
    the others; on the weaker half as a share of all;
    others-beyond-weak, beyond-others: of the classes whose order on CIFAR-10 is known, under PGD, where they are;
    order: rank correlation of the classes between attacks (condition "attacks") and between defences (the model `ALL`);
    norms: that of robustness under PGD with the norms of the last layer's rows;
    accuracy-crafted of a defence at the temperature that held-out images choose (condition "chosen");
    beyond-chance: of wrong answers, those among the likeliest two, less what equally likely ones would give.

    Raises:
        UserError: an evaluation or a part of the analysis is missing or damaged.
    """
    held, raw = study.table("held-out"), study.evidence
    outcomes = {**raw.outcomes, **_changed(raw), **_at_chosen_temperatures(raw, held)}
    evidence = Evidence(outcomes, classes=raw.classes, partial=raw.partial)
    samples: dict[Key, Sample] = {}
    for model in (*MODELS, *VARIANTS, *map(before, VARIANTS)):
        for condition in SHOWN:
            samples |= _unequal(evidence, model, condition)
    for model in DEFENCES:
        accuracy = held_out_accuracy(held, model, ATTACK, raw.classes)
        for condition in (ATTACK, "chosen"):
            samples["named", model, condition] = _named(evidence.outcomes[ACCURACY, model, condition], accuracy)
        for attack, stronger in STRONGER.items():
            samples |= _gains(evidence, model, attack, stronger, weaker_half(accuracy))
    if has_ranking(raw.classes):
        samples |= _ranking(evidence.of_classes(ACCURACY, MODEL, ATTACK))
    samples |= _orders(evidence, study.table("norms"))
    likely = TARGETS / max(len(raw.classes) - 1, 1)
    samples["beyond-chance", MODEL, ATTACK] = evidence("among-two", MODEL, ATTACK) - likely
    return evidence.also(samples)


def held_out_accuracy(table: pd.DataFrame, model: str, condition: str, classes: Sequence[str]) -> Floats:
    """Accuracy by replicate and class, [replicates, K], of held-out images; nan where a class has none."""
    rows = table[(table["model"] == model) & (table["condition"] == condition)]
    correct, n = (_table(rows, name, classes) for name in ("correct", "n"))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(correct / n)


def weaker_half(accuracy: Floats) -> NDArray[np.int64]:
    """1 for the weaker half of the classes (of an odd number the smaller half), -1 for the others, 0: not known.

    By accuracies [replicates, K]; among equals the first.
    """
    sides = np.where(np.isnan(accuracy), 0, -1)
    for row, side in zip(accuracy, sides, strict=True):
        known = int((side != 0).sum())
        side[np.argsort(row, kind="stable")[: known // 2]] = 1  # nan comes last
    return sides


def has_ranking(classes: Collection[str]) -> bool:
    """Whether all classes are there whose order is known from others: those of CIFAR-10."""
    return {*WEAK, STRONG} < {*classes}


def _ranking(classes: Mapping[str, Sample]) -> dict[Key, Sample]:
    weak = [classes[name] for name in WEAK]
    others = [one for name, one in classes.items() if name not in WEAK]
    rest = [one for name, one in classes.items() if name != STRONG]
    return {
        ("others-beyond-weak", MODEL, ATTACK): sample.mean(others) - sample.mean(weak),
        ("beyond-others", MODEL, ATTACK): classes[STRONG] - sample.highest(rest),
    }


def chance(n: NDArray[np.int64], accuracy: float) -> float:
    """Expected discrepancy of classes with `n` images each that all have the same accuracy."""
    drawn = np.random.default_rng(0).binomial(n, accuracy, size=(DRAWS, len(n))) / n
    return float((drawn.max(axis=1) - drawn.min(axis=1)).mean())


def by_class(evidence: Evidence, model: str, condition: str) -> Floats:
    """Accuracy by replicate and class, [replicates, K]; nan where a class has no images."""
    there = evidence.of_classes(ACCURACY, model, condition)
    count = len(evidence(ACCURACY, model, condition).values)
    return np.stack([there[name].values if name in there else np.full(count, np.nan) for name in evidence.classes], 1)


def shares_of_gain(evidence: Evidence, model: str, attack: str, stronger: str) -> dict[str, tuple[int, Sample]]:
    """By class: images that the stronger attack gains (all replicates), and their share of all that it gains."""
    gained = difference(evidence.outcomes[ACCURACY, model, attack], evidence.outcomes[ACCURACY, model, stronger])
    parts = {
        name: replace(gained, values=gained.values * (gained.labels == number))
        for number, name in enumerate(evidence.classes)
    }
    total = Sample.of(gained)
    return {name: (round(float(part.values.sum())), Sample.of(part) / total) for name, part in parts.items()}


def turned_into(evidence: Evidence) -> dict[str, int]:
    """By the class that homing leaves out (or several): the images turned into it, all replicates together."""
    homes = {condition: found.values for (metric, _, condition), found in evidence.outcomes.items() if metric == "home"}
    return {into: int((~np.isnan(values)).sum()) for into, values in homes.items()}


def difference(first: Outcomes, second: Outcomes) -> Outcomes:
    """One outcome of each image less another, of the same images."""
    assert np.array_equal(first.samples, second.samples)
    return replace(first, values=first.values - second.values)


def chosen_temperatures(held: pd.DataFrame, model: str) -> list[str]:
    """The condition under which held-out images are right least often, by replicate; of equals the lowest 1/T."""
    rows = held[held["model"] == model]
    sums = rows.groupby(["replicate", "condition"])[["correct", "n"]].sum()
    accuracy = (sums["correct"] / sums["n"]).unstack("condition")[list(TEMPERATURES)]
    return [str(name) for name in accuracy.idxmin(axis=1).sort_index()]


def _at_chosen_temperatures(evidence: Evidence, held: pd.DataFrame) -> dict[Key, Outcomes]:
    found: dict[Key, Outcomes] = {}
    for model in DEFENCES:
        tables = [evidence.outcomes[ACCURACY, model, name] for name in chosen_temperatures(held, model)]
        values = np.stack([table.values[number] for number, table in enumerate(tables)])
        found[ACCURACY, model, "chosen"] = replace(tables[0], values=values)
    return found


def _changed(evidence: Evidence) -> dict[Key, Outcomes]:
    """The variants of the inference phase and, beside each, the model as it was (`before`), in the same replicates.

    A replicate in which strength 0 was chosen says nothing of a change. Where none was changed, both are the model.
    """
    found: dict[Key, Outcomes] = {}
    for variant in VARIANTS:
        for condition in SHOWN:
            after, plain = (evidence.outcomes[ACCURACY, name, condition] for name in (variant, MODEL))
            changed = ~np.isnan(after.values).all(axis=1)
            pair = (after.values[changed], plain.values[changed]) if changed.any() else (plain.values, plain.values)
            for name, values in zip((variant, before(variant)), pair, strict=True):
                found[ACCURACY, name, condition] = replace(plain, values=values)
    return found


def _unequal(evidence: Evidence, model: str, condition: str) -> dict[Key, Sample]:
    classes = evidence.by_class(ACCURACY, model, condition)
    weakest, strongest, mean = sample.lowest(classes), sample.highest(classes), sample.mean(classes)
    variance = sample.mean([(one - mean) * (one - mean) for one in classes])
    with np.errstate(divide="ignore", invalid="ignore"):
        deviation = variance.apply(np.sqrt, 0.5 / np.sqrt(variance.values))
    n = np.array([one.images for one in classes])
    return {
        ("weakest", model, condition): weakest,
        ("discrepancy", model, condition): strongest - weakest,
        ("variation", model, condition): deviation / mean,
        ("chance", model, condition): Sample.of_replicates(
            [chance(n, accuracy) for accuracy in evidence(ACCURACY, model, condition).values]
        ),
    }


def _named(outcomes: Outcomes, held: Floats) -> Sample:
    """What the class that held-out images name strongest has more than the one that they name weakest."""
    present = np.bincount(outcomes.labels, minlength=held.shape[1]) > 0
    known = np.where(present, held, np.nan)
    if np.isnan(known).all(axis=1).any():
        return Sample.of_replicates(np.full(len(held), np.nan))
    strong, weak = (
        np.where(outcomes.labels == which[:, None], outcomes.values, np.float32(np.nan))
        for which in (np.nanargmax(known, axis=1), np.nanargmin(known, axis=1))
    )
    return Sample.of(replace(outcomes, values=strong)) - Sample.of(replace(outcomes, values=weak))


def _gains(evidence: Evidence, model: str, attack: str, stronger: str, sides: NDArray[np.int64]) -> dict[Key, Sample]:
    gained = difference(evidence.outcomes[ACCURACY, model, attack], evidence.outcomes[ACCURACY, model, stronger])
    side = sides[:, gained.labels].astype(np.float32)  # [replicates, N]
    total, excess, weaker = (
        Sample.of(replace(gained, values=gained.values * factor)) for factor in (1, side, side > 0)
    )
    return {("gain", model, attack): total, ("excess", model, attack): excess, ("share", model, attack): weaker / total}


def _orders(evidence: Evidence, norms: pd.DataFrame) -> dict[Key, Sample]:
    accuracy = {(model, name): by_class(evidence, model, name) for model in MODELS for name in ATTACKS}
    between_attacks = {
        model: [(accuracy[model, a], accuracy[model, b]) for a, b in combinations(ATTACKS, 2)] for model in DEFENCES
    }
    between_defences = {
        name: [(accuracy[a, name], accuracy[b, name]) for a, b in combinations(DEFENCES, 2)] for name in ATTACKS
    }
    rows = {model: _table(norms[norms["model"] == model], "norm", evidence.classes) for model in MODELS}
    with_norms = {model: [(accuracy[model, ATTACK], rows[model])] for model in MODELS}
    found: dict[Key, Correlation] = {}
    found |= {("order", model, "attacks"): rank_correlation(pairs) for model, pairs in between_attacks.items()}
    found |= {("order", ALL, name): rank_correlation(pairs) for name, pairs in between_defences.items()}
    found |= {("norms", model, ATTACK): rank_correlation(pairs) for model, pairs in with_norms.items()}
    every = {
        ("order", ALL, "attacks"): between_attacks.values(),
        ("order", ALL, "defences"): between_defences.values(),
        ("norms", ALL, ATTACK): [with_norms[model] for model in DEFENCES],
    }
    found |= {key: rank_correlation([pair for pairs in groups for pair in pairs]) for key, groups in every.items()}
    void = next(
        (evidence(ACCURACY, model, ATTACK).void for model in DEFENCES if evidence(ACCURACY, model, ATTACK).void), ""
    )
    return {key: replace(one, void=void) for key, one in found.items()}


def _table(rows: pd.DataFrame, column: str, classes: Sequence[str]) -> Floats:
    """A column of a table by replicate and class, [replicates, K]."""
    return rows.pivot(index="replicate", columns="class", values=column).reindex(columns=list(classes)).to_numpy(float)
