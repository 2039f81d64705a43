"""One step of training, and on a GPU its repetition as a CUDA graph.

The kernels of small networks are so short that a GPU waits for each to be asked for. A graph is asked for at once.
"""

from collections.abc import Hashable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from friendfoe.runtime.draws import Seed
from friendfoe.runtime.graphs import WARM_UP, captured
from friendfoe.runtime.memory_format import in_any_format
from friendfoe.runtime.processes import ONE, Processes
from friendfoe.runtime.waiting import without_waiting
from friendfoe.training.augmentation import augmented
from friendfoe.training.images import TrainingImages
from friendfoe.training.job import TrainingConfig
from friendfoe.training.objectives import Objective, Repeatable, TrainingBatch
from friendfoe.training.optimization import is_penalised, layers, limit, penalise


@dataclass
class Step:
    """What one step does: a batch, its loss and gradient, and the change of the weights."""

    model: nn.Module
    """Gives logits [N, K]."""
    images: TrainingImages
    """What batches are made of."""
    objective: Objective
    """The loss of a batch."""
    optimizer: Optimizer
    """Of the model's weights."""
    config: TrainingConfig
    """Precision, augmentation, limits of the weights."""
    totals: Tensor
    """Float64 [2], to which the sums of loss and of right answers are added."""
    processes: Processes = ONE
    """That take a step together."""

    def __post_init__(self) -> None:
        self._weights = layers(self.model)  # walks over all modules: once, not at every step

    def __call__(self, rows: Tensor, seed: Seed, epoch: int, trained: float) -> None:
        """Train on the images `rows`, int64 [N]; `trained` is the share of the budget's steps that are done."""
        rows, count = rows[self.processes.share], len(rows)
        pixels, labels = self.images.take(rows)
        sample_ids, low = rows.to(labels.device), self.config.precision == "bfloat16"
        pixels = augmented(self.config.augmentation, pixels, sample_ids, seed)
        batch = TrainingBatch(pixels, labels, sample_ids, seed, epoch)
        with torch.autocast(labels.device.type, torch.bfloat16, enabled=low), self.processes.norms():
            loss, logits = self.objective(self.model, batch)
        self.optimizer.zero_grad(set_to_none=True)
        if self.processes.world > 1:  # a part of the mean over all
            torch.autograd.backward(loss * (len(rows) / count))
            self.processes.add_up(self.model.parameters())
        else:
            torch.autograd.backward(loss)
        penalise(self._weights, self.config, trained)
        self.optimizer.step()
        limit(self._weights, self.config)
        self.totals[0] += loss.detach() * len(rows)
        self.totals[1] += (logits.detach().argmax(1) == labels).sum()


@dataclass
class Repeating(Step):
    """Steps on a GPU: without looks at values after the first, and as graphs where that gives the same.

    A graph repeats the operations of one step on the same memory, with the Python values of then. So a step is captured
    only where all that decides what it does is known: a network of known layers, an objective that is `Repeatable`.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self._repeatable = self.images.on_device and in_any_format(self.model)
        self._looked = False
        self._kind: Hashable = None
        self._done = 0  # steps of this kind
        self._graph: Any = None
        # what a graph is told anew
        device = self.totals.device
        self._rate, self._seed = torch.zeros((), device=device), torch.zeros((), dtype=torch.int64, device=device)
        self._rows = torch.zeros(0, dtype=torch.int64)

    def __call__(self, rows: Tensor, seed: Seed, epoch: int, trained: float) -> None:
        """As of `Step`."""
        phase = self.objective.phase(epoch, self.totals.device) if isinstance(self.objective, Repeatable) else None
        kind = (phase, rows.shape, is_penalised(self.config, trained))
        if kind != self._kind:
            self._kind, self._done, self._graph = kind, 0, None
        self._rate.fill_(self.optimizer.param_groups[0]["lr"])
        if self._repeatable and phase is not None and self._done >= WARM_UP and not self._graph:
            self._graph = self._captured(rows, epoch, trained)
        if self._graph:
            self._rows.copy_(rows)
            self._seed.fill_(seed)
            self._graph.replay()
        else:
            with _rate_of(self.optimizer, self._rate), without_waiting() if self._looked else nullcontext():
                super().__call__(rows, seed, epoch, trained)
        self._looked = True
        self._done += 1

    def _captured(self, rows: Tensor, epoch: int, trained: float) -> Any:
        """A graph of a step, of which nothing is done yet; None where it cannot be one."""
        self._rows = rows.clone()
        step = partial(super().__call__, self._rows, self._seed, epoch, trained)
        with _rate_of(self.optimizer, self._rate), without_waiting():
            graph = captured(step, rows.device, "steps")
        self._repeatable = graph is not None
        return graph


@contextmanager
def _rate_of(optimizer: Optimizer, rate: Tensor) -> Iterator[None]:
    """The learning rate of all groups is `rate`, which lies on the device; afterwards the numbers of the schedule."""
    numbers = [group["lr"] for group in optimizer.param_groups]
    try:
        for group in optimizer.param_groups:
            group["lr"] = rate
        yield
    finally:
        for group, number in zip(optimizer.param_groups, numbers, strict=True):
            group["lr"] = number
