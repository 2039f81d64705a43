"""The reports of two runs that are of the same study on the same data set; those here, and those that are committed."""

from collections.abc import Iterator, Sequence

from friendfoe.comparison.compare import Comparison, compare
from friendfoe.comparison.reports import report
from friendfoe.comparison.runs import HERE, Run, find
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.strict import nearest


def verify(words: Sequence[str] = (), against: str = "HEAD") -> Iterator[Comparison]:
    """Compare the reports here with those of a commit.

    Args:
        words: studies and data sets; all where none is named.
        against: what else `runs.find` knows.

    Raises:
        UserError: there is no report of these here, or none in the other run; with the nearest.
    """
    here, committed = find(HERE), find(against)
    for data, study in named(words, here):
        if (data, study) in committed.reports() or words:
            yield compare(report(committed, data, study), report(here, data, study))


def between(before: Run, after: Run, words: Sequence[str] = ()) -> list[Comparison]:
    """Compare the reports that two runs have.

    Args:
        before, after: the runs.
        words: studies and data sets; all where none is named.

    Raises:
        UserError: they have none in common.
    """
    both = [one for one in named(words, after) if one in before.reports()]
    if not both:
        raise UserError(f"{before.name} and {after.name} have no report of the same study on the same data set")
    return [compare(report(before, *one), report(after, *one)) for one in both]


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
