"""How a stage goes: a bar on the terminal; elsewhere a line for each step that counts."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

STEP = "· "
"""Begins the line of a step."""
NOTE = "note: "
"""Begins a line about what has to be known; whoever runs stages passes both on from their logs."""


def step(text: str) -> None:
    """Say what has been done, where no bar shows it."""
    if not sys.stderr.isatty():
        print(f"{STEP}{text}", flush=True)


@contextmanager
def progress(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar while the block runs; it yields `advance(n)`."""
    if not sys.stderr.isatty():
        yield lambda n: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda n: bar.advance(task, n)
