"""How long a study takes on a data set, stage by stage, from a few steps of each network on this machine."""

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from friendfoe.data.store import load_split
from friendfoe.plan.pace import Measured
from friendfoe.plan.table import check_known, plain
from friendfoe.plan.whole import Plan
from friendfoe.runtime import paths
from friendfoe.runtime.durations import in_words
from friendfoe.runtime.errors import UserError

RULE = "to a factor of two, in one thread, before what stages that run side by side take from one another"
SHORT = 0.01  # share of the whole: what takes less stands in no row of its own


def measured(plan: Plan, data: str, study: str = "") -> Iterator[Table | Text]:
    """A table for a study on a data set, or for each of its studies.

    Raises:
        UserError: there is no such data set or study, or its images are not prepared.
    """
    check_known(plan, data, study)
    if not data:
        raise UserError("--measure: name a data set, such as `friendfoe plan digits --measure`")
    names = [name for name in ([study] if study else plan.studies) if data in plan.studies[name].params.data]
    if not names:
        raise UserError(f"{study} is not planned on {data}: {plan.lacking(data, study)}")
    folder = paths.prepared(data)
    if not folder.is_dir():
        raise UserError(
            f"--measure: {folder} is not there; `dvc repro pipelines/data/dvc.yaml:prepare@{data}` prepares the images"
        )
    train, test = (load_split(folder, split) for split in ("train", "test"))
    paces = Measured(train)
    for name in names:
        seconds = plan.on_data(data, name).seconds(paces, (len(train), len(test)))
        yield _table(f"{name} on {data}", seconds)
        yield Text(f"{name} on {data}: {in_words(sum(seconds.values()))} of one core, {RULE}")


def _table(title: str, seconds: dict[str, float]) -> Table:
    whole = sum(seconds.values())
    table = plain(f"{title}: minutes of one core", "stage", "minutes")
    long = {name: one for name, one in seconds.items() if one >= SHORT * whole}
    for name, one in sorted(long.items(), key=lambda item: -item[1]):
        table.add_row(name, f"{one / 60:.1f}")
    rest = [one for name, one in seconds.items() if name not in long]
    if rest:
        table.add_row(f"{len(rest)} others", f"{sum(rest) / 60:.1f}")
    return table
