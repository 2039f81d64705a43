"""The reports of two runs that are of the same study on the same data set."""

from collections.abc import Iterator, Sequence

from friendfoe.comparison.compare import Comparison, compare
from friendfoe.comparison.reports import report
from friendfoe.comparison.runs import Run
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.strict import nearest


def between(before: Run, after: Run, words: Sequence[str] = ()) -> Iterator[Comparison]:
    """Compare the reports that both runs have.

    Args:
        before, after: the runs.
        words: studies and data sets; all where none is named.

    Raises:
        UserError: the second has none of these, with the nearest; or the first has none that the second has.
    """
    wanted, known = named(words, after), before.reports()
    if not any(one in known for one in wanted):
        raise UserError(f"{before.name} has no report of {', '.join(f'{study} on {data}' for data, study in wanted)}")
    for one in wanted:
        if one in known:
            yield compare(report(before, *one), report(after, *one))


def named(words: Sequence[str], run: Run) -> list[tuple[str, str]]:
    """Data set and study of the reports that words stand for: every study named on every data set named.

    Raises:
        UserError: the run has no such report.
    """
    reports = run.reports()
    known = {word: place for place in (0, 1) for word in sorted({each[place] for each in reports})}
    for word in words:
        if word not in known:
            raise UserError(f"{run.name} has no report of '{word}'; {nearest(word, [*known])}")
    wanted = [{word for word in words if known[word] == place} for place in (0, 1)]
    found = [each for each in reports if all(not one or part in one for part, one in zip(each, wanted, strict=True))]
    if not found:
        raise UserError(
            f"{run.name} has no report of {' on '.join(words)}; `friendfoe repro {' '.join(words)}` makes it"
        )
    return found
