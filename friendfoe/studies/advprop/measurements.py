"""All that the AdvProp study measures, as evidence; and what was published, likewise.

Its quantities are `accuracy` and `mce` by model and network size, and what a model adds to another one's, `METRIC over
MODEL`; over sizes these have a mean, a change from one to the next, and a value at the smallest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from operator import add

import numpy as np
import pandas as pd

from friendfoe.evaluation import sample
from friendfoe.evaluation.mce import CLEAN, mean_corruption_error, measurable, yardstick
from friendfoe.evaluation.outcomes import Key, Outcomes
from friendfoe.evaluation.sample import Estimate, Sample
from friendfoe.studies.advprop.names import ADVPROP, CONTROL, FINE, MADRY, METHODS, SHARED, TUNED, VANILLA, split
from friendfoe.studies.evidence import Evidence, frame
from friendfoe.studies.published import verified

OVER, SLOPE, SMALLEST = "mean over sizes", "change from one size to the next", "smallest size"
"""Conditions beside the sizes."""

GAINS = (
    *((method, VANILLA) for method in METHODS if method != VANILLA),
    *((ADVPROP, other) for other in (CONTROL, SHARED, TUNED)),
    (FINE, ADVPROP),
    (TUNED, MADRY),
)
"""Models, and those that they are compared with."""

EFFICIENTNETS = ("EfficientNet", "same attacker", "robustness of EfficientNet-B7", "fine-tuning")
"""Tables of published.csv."""

Errors = dict[str, dict[str, Outcomes]]
"""By network, MODEL/VARIANT, and corruption."""


def measured(outcomes: Mapping[Key, Outcomes], errors: Errors, sizes: Sequence[str]) -> Evidence:
    """Accuracy on clean images and mCE (percent of the reference), of every model and variant.

    Args:
        outcomes: as the analysis wrote them.
        errors: `corruption_errors` of these.
        sizes: from small to large.
    """
    found: dict[Key, Outcomes] = {}
    for name, each in errors.items():
        model, variant = split(name)
        found["accuracy", model, variant] = outcomes["accuracy", name, CLEAN]
        parts = list(each.values())
        found["mce", model, variant] = _in_place(parts[0], np.mean([part.values for part in parts], axis=0))
    return over_sizes(Evidence(found), sizes)


def by_corruption(errors: Errors, sizes: Sequence[str]) -> Evidence:
    """CE (percent of the reference), mean over sizes, of every model under every corruption."""
    return Evidence(
        samples={
            ("ce", model, corruption): sample.mean([Sample.of(errors[f"{model}/{size}"][corruption]) for size in sizes])
            for model in METHODS
            for corruption in errors[reference(sizes)]
        }
    )


def corruption_errors(outcomes: Mapping[Key, Outcomes], sizes: Sequence[str]) -> Errors:
    """What every image adds to the CE of a network, by the network and the corruption: CE is the mean over images.

    Without corruptions under which the reference makes no errors.
    """
    wrong: dict[tuple[str, str], list[Outcomes]] = {}
    errors = []
    for (_, name, condition), one in outcomes.items():
        corruption, _, severity = condition.rpartition("-")
        if corruption:  # else they are clean
            wrong.setdefault((name, corruption), []).append(one)
            shares = 1 - one.values.mean(axis=1, dtype=np.float64)
            errors += [(name, replicate, corruption, int(severity), share) for replicate, share in enumerate(shares)]
    columns = ["model", "replicate", "corruption", "severity", "error"]
    by = reference(sizes)
    measure = yardstick(measurable(pd.DataFrame(errors, columns=columns), by), by)
    found: dict[str, dict[str, Outcomes]] = {}
    for (name, corruption), severities in wrong.items():
        if corruption in measure:
            sums = np.sum([1 - one.values for one in severities], axis=0)
            found.setdefault(name, {})[corruption] = _in_place(severities[0], 100 * sums / measure[corruption])
    return found


def easy(outcomes: Mapping[Key, Outcomes], errors: Errors) -> list[str]:
    """The corruptions that are left out of corruption errors, since the reference makes none under them."""
    asked = {condition.rpartition("-")[0].replace("_", " ") for _, _, condition in outcomes} - {""}
    return sorted(asked - {name.replace("_", " ") for each in errors.values() for name in each})


def reference(sizes: Sequence[str]) -> str:
    """What corruption errors are measured by: vanilla training at the smallest size, which errs most."""
    return f"{VANILLA}/{sizes[0]}"


def on_benchmark(errors: pd.DataFrame, sizes: Sequence[str]) -> Evidence:
    """The same on a published benchmark, of which errors are known by corruption, but not image by image.

    Accuracy is the mean over corruptions and severities, and there is no mCE where the benchmark has but one.
    """
    means = {"accuracy": 1 - errors.groupby(["model", "replicate"])["error"].mean()}
    if errors["corruption"].nunique() > 1:
        mce = mean_corruption_error(measurable(errors, reference(sizes)), reference(sizes))
        means["mce"] = mce.set_index(["model", "replicate"])["mce"]
    found: dict[Key, Sample] = {}
    for metric, values in means.items():
        for name, of_model in values.groupby(level="model"):
            model, variant = split(str(name))
            found[metric, model, variant] = Sample.of_replicates(of_model.sort_index().to_numpy())
    return over_sizes(Evidence(samples=found), sizes)


def published_by_size(rows: pd.DataFrame) -> pd.DataFrame:
    """What is published of EfficientNets on ImageNet and ImageNet-C, with the same gains, and the same over sizes.

    A gain that was printed as such, with the same attacker for both models, stands in the place of the difference.
    """
    known = rows[rows["verified"] & rows["table"].isin(EFFICIENTNETS) & rows["data"].isin(("ImageNet", "ImageNet-C"))]
    table = over_sizes(verified(known), sorted(set(known["condition"]))).table
    return table[["metric", "model", "condition", "value"]].assign(data="ImageNet", verified=True)


def over_sizes(evidence: Evidence, sizes: Sequence[str]) -> Evidence:
    """The same evidence with gains, and with what `OVER`, `SLOPE` and `SMALLEST` say, over the sizes that there are."""
    gains: dict[Key, Sample] = {}
    for metric in ("accuracy", "mce"):
        for model, other in GAINS:
            name = f"{metric} over {other}"
            for size in sizes:
                both = ((metric, model, size), (metric, other, size))
                if (name, model, size) not in evidence and all(key in evidence for key in both):
                    gains[name, model, size] = evidence(*both[0]) - evidence(*both[1])
    whole = evidence.also(gains)
    along: dict[Key, Sample] = {}
    quantities = whole.keys()
    for metric, model in dict.fromkeys((metric, model) for metric, model, _ in quantities):
        known = {rank: whole(metric, model, size) for rank, size in enumerate(sizes) if (metric, model, size) in whole}
        if model in METHODS and known:
            along[metric, model, OVER] = sample.mean([*known.values()])
            along[metric, model, SMALLEST] = known[min(known)]
            if len(known) > 1:
                along[metric, model, SLOPE] = _slope(known)
    return whole.also(along)


def against_vanilla(evidence: Evidence, metric: str, names: Sequence[str], size: str) -> pd.DataFrame:
    """What networks, MODEL/VARIANT, add to a measure of vanilla training at a size, with paired intervals."""
    level = evidence(metric, VANILLA, size)
    gains: dict[tuple[str, ...], Estimate] = {}
    for model, variant in map(split, names):
        gains[model, variant] = (evidence(metric, model, variant) - level).estimate()
    return frame(gains, ["model", "condition"])


def _slope(along: Mapping[int, Sample]) -> Sample:
    """Of a line through quantities at their ranks, by least squares."""
    ranks = np.array([*along]) - np.mean([*along])
    weights = ranks / (ranks @ ranks)
    return reduce(add, [one * float(weight) for one, weight in zip(along.values(), weights, strict=True)])


def _in_place(of: Outcomes, values: np.ndarray) -> Outcomes:
    """Other values for the same images."""
    return replace(of, values=values.astype(np.float32))
