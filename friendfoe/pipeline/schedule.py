"""Which stages can run now, and which of them first: the one at the head of the longest path.

List scheduling by longest path (Graham, *Bounds on multiprocessing timing anomalies*, 1969): never more than twice the
best, and near it where stages are many.
"""

from collections.abc import Collection, Mapping
from graphlib import TopologicalSorter

from friendfoe.runtime.errors import UserError


class Schedule:
    """Tasks by name, from waiting to done.

    Args:
        needs: what has to be done before each task; names that are no task are done already.
        seconds: how long each probably takes.
    """

    def __init__(self, needs: Mapping[str, Collection[str]], seconds: Mapping[str, float]) -> None:
        self._needs = {name: {need for need in before if need in needs} for name, before in needs.items()}
        self._after: dict[str, set[str]] = {name: set() for name in needs}
        for name, before in self._needs.items():
            for need in before:
                self._after[need].add(name)
        self._order = [*TopologicalSorter(self._needs).static_order()]
        self.waiting = dict.fromkeys(needs)
        self.expect(seconds)
        self.running: dict[str, None] = {}
        self.done: dict[str, None] = {}
        self.failed: dict[str, None] = {}

    def expect(self, seconds: Mapping[str, float]) -> None:
        """How long each probably takes, as is known by now."""
        self._seconds = seconds
        self._path: dict[str, float] = {}  # the longest one from here to an end
        for name in reversed(self._order):
            self._path[name] = seconds[name] + max((self._path[later] for later in self._after[name]), default=0.0)
        self.waiting = dict.fromkeys(sorted(self.waiting, key=lambda name: -self._path[name]))

    def ready(self) -> list[str]:
        """What can be started, the most urgent first."""
        return [name for name in self.waiting if self._needs[name] <= self.done.keys()]

    def start(self, name: str) -> None:
        """It runs now."""
        del self.waiting[name]
        self.running[name] = None

    def put_off(self, name: str) -> None:
        """It could not run yet."""
        del self.running[name]
        self.waiting = dict.fromkeys(sorted((*self.waiting, name), key=lambda each: -self._path[each]))

    def end(self, name: str) -> None:
        """It is done."""
        del self.running[name]
        self.done[name] = None

    def fail(self, name: str) -> None:
        """It has failed: what needs it never becomes ready."""
        del self.running[name]
        self.failed[name] = None

    def seconds_left(self, slots: int, elapsed: Mapping[str, float]) -> float:
        """How long it takes at least, with so many at once; `elapsed`: how long each has been running."""
        rest = {name: max(0.0, self._seconds[name] - elapsed.get(name, 0.0)) for name in (*self.waiting, *self.running)}
        longest = max((rest[name] + self._path[name] - self._seconds[name] for name in rest), default=0.0)
        return max(longest, sum(rest.values()) / slots)


class Slots:
    """What stages run on: so many at once, which share the cores and the GPUs.

    Args:
        jobs: stages at once.
        cores: shared among those that can run.
        cards: as CUDA_VISIBLE_DEVICES names them; each stage sees one, which it shares where there are more jobs.
    """

    def __init__(self, jobs: int, cores: int, cards: Collection[str] = ()) -> None:
        self.jobs, self._cores = jobs, cores
        self._cards = dict.fromkeys(cards, 0)
        self._taken: dict[str, tuple[int, str | None]] = {}

    @property
    def free(self) -> int:
        """How many more can be started."""
        return self.jobs - len(self._taken)

    def take(self, name: str, sharing: int) -> dict[str, str]:
        """Begin a task that shares what is free with `sharing - 1` others; its part, as settings of the environment."""
        free = self._cores - sum(cores for cores, _ in self._taken.values())
        cores = max(1, -(-free // min(sharing, self.free)))
        card = min(self._cards, key=lambda each: self._cards[each]) if self._cards else None
        self._taken[name] = cores, card
        part = {"FRIENDFOE_WORKERS": str(cores)}
        if card is not None:
            self._cards[card] += 1
            part["CUDA_VISIBLE_DEVICES"] = card
        return part

    def release(self, name: str) -> None:
        """The task has ended."""
        _, card = self._taken.pop(name)
        if card is not None:
            self._cards[card] -= 1


def cards(count: int | None) -> list[str]:
    """So many GPUs, as CUDA_VISIBLE_DEVICES names them; all that there are where no number is given.

    Raises:
        UserError: there are not so many, or `FRIENDFOE_DEVICE` names one device.
    """
    import os

    import torch

    chosen = os.environ.get("FRIENDFOE_DEVICE") or "auto"
    if chosen not in ("auto", "cuda"):
        if count:
            raise UserError(f"--gpus {count} and FRIENDFOE_DEVICE={chosen} do not go together; leave one of them out")
        return []
    found = torch.cuda.device_count()
    if count is not None and count > found:
        raise UserError(f"--gpus {count}: there {'is' if found == 1 else 'are'} {found or 'none'} here; ask for fewer")
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = [name.strip() for name in visible.split(",")] if visible else [str(number) for number in range(found)]
    return names[: found if count is None else count]
