"""What was measured, or published: a value per replicate, looked up by its key."""

from dataclasses import dataclass

import pandas as pd

from friendfoe.studies.claims import Measure

Key = tuple[str, ...]


@dataclass(frozen=True)
class Measurements:
    """One value per replicate under every key."""

    values: pd.Series  # indexed by the words of a key (such as metric, model, condition) and the replicate, sorted

    def __call__(self, *key: str) -> pd.Series:
        """The values of the replicates; a KeyError where there are none."""
        values: pd.Series = self.values.loc[key]
        return values


def value(*key: str) -> Measure[Measurements]:
    """A measurement as it is."""
    return lambda measurements: measurements(*key)


def difference(first: Key, second: Key) -> Measure[Measurements]:
    """One measurement less another, replicate by replicate."""
    return lambda measurements: measurements(*first) - measurements(*second)


def ratio(first: Key, second: Key) -> Measure[Measurements]:
    """One measurement as a share of another, replicate by replicate."""
    return lambda measurements: measurements(*first) / measurements(*second)
