"""What class-wise accuracies say: how unequal classes are, whether their order is kept, where gains fall.

Accuracies are Series indexed by model, condition, class and replicate. A class without test images is missing (nan) and
takes part in nothing.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

DRAWS = 2000  # of chance: its mean is known to a hundredth of the discrepancy
SPREAD = ("average", "worst", "discrepancy", "variation", "chance")


def by_class(evaluations: pd.DataFrame) -> pd.DataFrame:
    """correct, n and accuracy (nan where n is 0), indexed by model, condition, class and replicate."""
    counts = evaluations.set_index(["model", "condition", "class", "replicate"])[["correct", "n"]].sort_index()
    return counts.assign(accuracy=counts["correct"] / counts["n"].where(counts["n"] > 0))


def spread(counts: pd.DataFrame) -> pd.DataFrame:
    """How unequal the classes are, by correct and n of each (`by_class`), for whatever else the index holds.

    Returns:
        average: accuracy over all images.
        worst: accuracy of the weakest class.
        discrepancy: accuracy of the strongest class minus that of the weakest.
        variation: coefficient of variation: standard deviation over classes / their mean (nan where that is 0).
        chance: the discrepancy to expect if all classes were equal, from so few images.
    """
    keys = [name for name in counts.index.names if name != "class"]
    rows = {}
    for key, table in counts[counts["n"] > 0].groupby(level=keys, sort=False):
        correct, n = table["correct"].to_numpy(float), table["n"].to_numpy(int)
        accuracy = correct / n
        rows[key] = (
            correct.sum() / n.sum(),
            accuracy.min(),
            accuracy.max() - accuracy.min(),
            accuracy.std() / accuracy.mean() if accuracy.any() else np.nan,
            chance(n, correct.sum() / n.sum()),
        )
    index = pd.MultiIndex.from_tuples([key if isinstance(key, tuple) else (key,) for key in rows], names=keys)
    return pd.DataFrame(list(rows.values()), index=index, columns=list(SPREAD))


def chance(n: NDArray[np.int64], accuracy: float) -> float:
    """Expected discrepancy of classes with `n` images each that all have the same accuracy."""
    drawn = np.random.default_rng(0).binomial(n, accuracy, size=(DRAWS, len(n))) / n
    return float((drawn.max(axis=1) - drawn.min(axis=1)).mean())


def rank_correlation(accuracy: pd.Series, across: str, values: Sequence[str]) -> pd.Series:
    """Spearman's correlation of the class order under two `values` of `across` ("condition" or "model"), for each pair.

    Returns:
        Indexed by first, second, the other of model and condition, and replicate; nan where an order does not exist
        (all classes equal).
    """
    other = "model" if across == "condition" else "condition"
    parts = {}
    for first, second in combinations(values, 2):
        pair = accuracy.unstack(across)[[first, second]]
        parts[first, second] = pair.groupby(level=[other, "replicate"]).apply(
            lambda group: _spearman(group.iloc[:, 0], group.iloc[:, 1])
        )
    correlations: pd.Series = pd.concat(parts, names=["first", "second"])
    return correlations


def class_correlation(robustness: pd.Series, other: pd.Series) -> pd.Series:
    """Spearman's correlation over the classes of two Series by model, class and replicate; by model and replicate."""
    both = pd.concat([robustness.rename("a"), other.rename("b")], axis=1)
    groups = both.groupby(level=["model", "replicate"])
    correlations: pd.Series = groups.apply(lambda group: _spearman(group["a"], group["b"]))
    return correlations


def gains(counts: pd.DataFrame, stronger: Mapping[str, str]) -> pd.DataFrame:
    """Where the further success of a stronger attack falls: on the half of the classes that are weakest, or elsewhere.

    The weakest are those of the lower accuracy under the weaker attack (of an odd number of classes the smaller half).
    Counts are as of `by_class`; `stronger`: an attack -> a stronger one.

    Returns:
        weak and rest, shares of all images that only the stronger attack gets wrong; indexed by attack, stronger, model
        and replicate.
    """
    rows = {}
    for attack, other in stronger.items():
        before, after = (counts.xs(name, level="condition") for name in (attack, other))
        for key, table in before[before["n"] > 0].groupby(level=["model", "replicate"]):
            assert isinstance(key, tuple)
            order = table["accuracy"].sort_values(kind="stable").index
            gained = table["correct"] - after.loc[table.index, "correct"]
            weak, rest = order[: len(order) // 2], order[len(order) // 2 :]
            total = table["n"].sum()
            rows[(attack, other, *key)] = (gained[weak].sum() / total, gained[rest].sum() / total)
    index = pd.MultiIndex.from_tuples(list(rows), names=["attack", "stronger", "model", "replicate"])
    return pd.DataFrame(list(rows.values()), index=index, columns=["weak", "rest"])


def few_targets(confusion: pd.DataFrame, targets: int) -> pd.Series:
    """Of the wrong answers, the share of each class's most frequent ones (`targets`); by model and replicate."""
    wrong = confusion[confusion["class"] != confusion["answer"]]
    keys = ["model", "replicate"]
    most = wrong.sort_values("n", ascending=False, kind="stable").groupby([*keys, "class"]).head(targets)
    total = wrong.groupby(keys)["n"].sum()
    share: pd.Series = most.groupby(keys)["n"].sum() / total.where(total > 0)
    return share.rename("share")


def homing_rates(homing: pd.DataFrame, *by: str) -> pd.DataFrame:
    """Share of the images of `homing.analyse` that come home; pooled over classes, by replicate and `by`, as "into".

    Returns:
        n: images that were turned; home: share taken for their class without what they were turned into; control:
        the same without another class.
    """
    keys = [*by, "replicate"]
    own = homing["into"] == homing["without"]
    sums = [homing[part].groupby(keys)[["n", "home"]].sum() for part in (own, ~own)]
    home, control = (part["home"] / part["n"] for part in sums)
    return pd.DataFrame({"n": sums[0]["n"], "home": home, "control": control})


def _spearman(a: pd.Series, b: pd.Series) -> float:
    pair = pd.DataFrame({"a": a.to_numpy(), "b": b.to_numpy()}).dropna()
    if len(pair) < 2 or pair["a"].nunique() < 2 or pair["b"].nunique() < 2:
        return float("nan")
    return float(pair.corr(method="spearman").to_numpy()[0, 1])
