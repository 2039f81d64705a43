"""How stages are going: on a terminal a table that changes in place, elsewhere a line for each event."""

from collections import Counter
from collections.abc import Mapping
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text
from typing_extensions import Self

from friendfoe.pipeline.schedule import Schedule, Slots
from friendfoe.pipeline.times import Times
from friendfoe.runtime.progress import STEP

_SAID = {"restored": "from the run-cache", "unchanged": "unchanged", "failed": "FAILED"}


class View:
    """Shows a schedule.

    Args:
        schedule: what is shown.
        slots: of how many at once.
        times: how long things took, where what is left comes from; told how long they take.
        unit: what the tasks are called.
    """

    def __init__(self, schedule: Schedule, slots: Slots, times: Times, unit: str = "stages") -> None:
        self._schedule, self._slots, self._times, self._unit = schedule, slots, times, unit
        self._names = list(schedule.waiting)
        self._count = len(self._names)
        self.outcomes: Counter[str] = Counter()
        self.lost = 0
        self._elapsed: Mapping[str, float] = {}
        self._last: dict[str, str] = {}  # what a task has said last
        self._console = Console()
        terminal = self._console.is_terminal
        self._live = Live(console=self._console, auto_refresh=False, transient=True) if terminal else None

    def begins(self, name: str, again: bool = False) -> None:
        """A task has begun; again, where what ran it was lost."""
        self.lost += again
        if again or (not self._live and self._slots.jobs > 1):
            self._say(f"{self._progress()} {name} begins{' again: its worker was lost' if again else ''}")

    def ends(self, name: str, outcome: str, seconds: float) -> None:
        """It has ended."""
        self.outcomes[outcome] += 1
        self._last.pop(name, None)
        if outcome == "ran":
            self._times.remember(name, seconds)
            self._schedule.expect(self._times.of(self._names))
        if outcome != "unchanged":
            said = f"{self._progress()} {name} {_SAID.get(outcome, 'ends')}, {in_time(seconds)}"
            left = "" if self._live else self._left({})  # the table says it
            self._say(f"{said}; {left}" if left else said)

    def says(self, name: str, line: str) -> None:
        """A task has said how far it is, or something that has to be known."""
        if not line.startswith(STEP):
            self._say(f"{self._progress()} {name}: {line}")
            return
        self._last[name] = text = _unrepeated(line.removeprefix(STEP), name)
        if not self._live:
            self._say(f"{self._progress()} {name}: {text}")

    def tick(self, elapsed: Mapping[str, float]) -> None:
        """Time goes by."""
        if self._live:
            self._elapsed = elapsed
            self._live.update(self._table(), refresh=True)

    def summary(self, seconds: float) -> str:
        """What has become of all, in a line."""
        words = {"ran": "run", **_SAID, "failed": "failed"}
        parts = [f"{self.outcomes[outcome]} {word}" for outcome, word in words.items() if self.outcomes[outcome]]
        if waiting := len(self._schedule.waiting):
            parts.append(f"{waiting} not begun")
        if self.lost:
            parts.append(f"{self.lost} times again after the loss of a worker")
        return f"{self._count} {self._unit} in {in_time(seconds)}: {', '.join(parts)}"

    def _say(self, line: str) -> None:
        if self._live:
            self._console.print(line, highlight=False, markup=False)
        else:
            print(line, flush=True)

    def _progress(self) -> str:
        width = len(str(self._count))
        return f"[{self.outcomes.total():{width}}/{self._count}]"

    def _table(self) -> Group:
        running, waiting = len(self._schedule.running), len(self._schedule.waiting)
        title = f"{self.outcomes.total()} of {self._count} {self._unit} done, {running} running, {waiting} waiting"
        if left := self._left(self._elapsed):
            title += f", {left}"
        lines = [
            Text(f"{in_time(seconds):>12}  {name}  {self._last.get(name, '')}", no_wrap=True, overflow="ellipsis")
            for name, seconds in self._elapsed.items()
        ]
        return Group(title, *lines)

    def _left(self, elapsed: Mapping[str, float]) -> str:
        """How long it takes yet, in words; nothing where all is done, or no stage has shown how long it takes."""
        seconds = self._schedule.seconds_left(self._slots.jobs, elapsed)
        return f"about {in_time(seconds)} left" if self._times and seconds else ""

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()


def _unrepeated(text: str, name: str) -> str:
    """What a task says, without the model that its own name ends with."""
    for end in (": ", "/"):
        model, _, rest = text.partition(end)
        if rest and name.endswith(f"-{model}"):
            return rest
    return text


def in_time(seconds: float) -> str:
    """Seconds in the units of a clock."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
