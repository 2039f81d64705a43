"""The numbers in the tables of a report, as CSV files have them: each with the values of its replicates.

What a run has measured stands in `mean` (with `values`, an interval, replicates and images), or row by row where a
table has a row per replicate. A few columns are shares of images without replicates, and some follow from others. The
rest say what is measured: models, settings, what is published.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import count
from statistics import fmean

import pandas as pd

MEASURED = ("mean", "ours")
FOLLOWING = {  # from what is measured, and not compared by themselves
    "low", "high", "replicates", "n", "images", "values", "p", "verdict", "verdict_of_claim", "reason", "outcome",
    "failed_checks", "turned", "only_standard", "confidence", "confidence_wrong",
}  # fmt: skip
SHARES = re.compile("reduced|standard|.*1e-.*")  # AutoAttack on one replicate; bins of a histogram
NAN = float("nan")
WRITTEN = 1e-5  # relative: what six significant digits of a mean and of its values leave open
Key = tuple[object, ...]
_DIGITS = re.compile(r"[\d.]+")


@dataclass(frozen=True)
class Number:
    """A number of a run.

    Attributes:
        mean: over replicates.
        values: of the replicates; none where they are not known.
        low, high: of its 95 % interval.
        images: how many a value rests on.
    """

    mean: float
    values: tuple[float, ...] = ()
    low: float = NAN
    high: float = NAN
    images: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether it is the mean of its values, as it was when it was written."""
        if not self.values or any(value != value for value in self.values):
            return True
        largest = max(abs(value) for value in self.values)
        return abs(self.mean - fmean(self.values)) <= WRITTEN * largest


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        labels: by column, what is measured.
        number: that was found; none where a row has only words.
        images: how many it is about; where it does not say so, as many as the others of its table.
    """

    labels: dict[str, str]
    number: Number | None = None
    images: int = 0


def read(content: bytes) -> list[Row]:
    """The rows of a table."""
    table = pd.read_csv(BytesIO(content), dtype=str, keep_default_na=False)
    if "replicate" in table and ("value" in table or "correct" in table):
        return [*_by_replicates(table)]
    measured = next((name for name in MEASURED if name in table), None)
    labels = [str(name) for name in table if name not in (*FOLLOWING, measured)]
    records: list[dict[str, str]] = table.to_dict("records")  # type: ignore[assignment]
    most = max(map(_images, records), default=0)
    return [
        Row(
            {name: record[name] for name in labels},
            _number(record, measured) if measured else None,
            _images(record) or most,
        )
        for record in records
    ]


def _number(record: dict[str, str], measured: str) -> Number:
    return Number(
        _float(record[measured]),
        tuple(map(_float, record.get("values", "").split())),
        _float(record.get("low", "")),
        _float(record.get("high", "")),
        _images(record),
    )


def _images(record: dict[str, str]) -> int:
    images = record.get("n") or record.get("images") or ""
    return round(_float(images)) if images else 0


def _by_replicates(table: pd.DataFrame) -> Iterator[Row]:
    """A row per replicate: of quantities, or of counts by class."""
    if "correct" in table:
        share = pd.to_numeric(table["correct"]) / pd.to_numeric(table["n"])
        table = table.drop(columns="correct").assign(value=share.map(repr))
    labels = [str(name) for name in table if name not in (*FOLLOWING, "replicate", "value")]
    images = next((name for name in ("images", "n") if name in table), None)
    for key, rows in table.groupby(labels, sort=False):
        values = tuple(map(_float, rows["value"]))
        rest = round(pd.to_numeric(rows[images]).mean()) if images else 0
        yield Row(dict(zip(labels, map(str, key), strict=True)), Number(fmean(values), values, images=rest))


def _float(text: str) -> float:
    return float(text) if text else NAN


def pairs(before: Sequence[Row], after: Sequence[Row]) -> Iterator[tuple[Row | None, Row | None]]:
    """The rows of two tables that are of the same thing, and those that only one of them has, in their order.

    They have the same labels; or the same in columns of other names; or the same but for numbers, such as epochs; or
    the same in the columns that both tables have, as many and in the same order; or are as many, in the same order.
    """
    partners: dict[int, int] = {}
    left, right = dict(enumerate(before)), dict(enumerate(after))
    shared = {name for row in before for name in row.labels} & {name for row in after for name in row.labels}

    def common(row: Row) -> Key:
        return tuple(text for name, text in row.labels.items() if name in shared)

    for key in (_labels, _texts, _words, common, _nothing):
        sizes = [Counter(map(key, rows.values())) for rows in (left, right)]
        known = {name: place for place, name in _numbered(right, key)}
        for place, name in [*_numbered(left, key)]:
            as_many = sizes[0][name[0]] == sizes[1][name[0]]
            if name in known and (as_many or key not in (common, _nothing)):
                partners[place] = known[name]
                del left[place], right[known[name]]
    for place, row in enumerate(before):
        yield row, after[partners[place]] if place in partners else None
    for row in right.values():
        yield None, row


def worded(text: str) -> str:
    """A label without the numbers in it."""
    return _DIGITS.sub("#", text)


def _labels(row: Row) -> Key:
    return tuple(row.labels.items())


def _texts(row: Row) -> Key:
    return tuple(row.labels.values())


def _words(row: Row) -> Key:
    return tuple(map(worded, row.labels.values()))


def _nothing(row: Row) -> Key:
    return ()


def _numbered(rows: Mapping[int, Row], key: Callable[[Row], Key]) -> Iterator[tuple[int, tuple[Key, int]]]:
    """The places of rows and their keys, those that are the same with a number each."""
    seen: dict[Key, count[int]] = {}
    for place, row in rows.items():
        yield place, (key(row), next(seen.setdefault(key(row), count())))
