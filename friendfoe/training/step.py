"""One step of training, and on a GPU its repetition as a CUDA graph.

The kernels of small networks are so short that a GPU waits for each to be asked for. A graph is asked for at once.
"""

import sys
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from friendfoe.runtime.memory_format import in_any_format
from friendfoe.runtime.waiting import without_waiting
from friendfoe.training.augmentation import augmented, is_batched
from friendfoe.training.images import TrainingImages
from friendfoe.training.job import TrainingConfig
from friendfoe.training.objectives import Objective, Repeatable, TrainingBatch
from friendfoe.training.optimization import is_penalised, layers, limit, penalise

WARM_UP = 3
"""Steps of a kind before it is captured: libraries choose their algorithms, and optimisers make their state."""


class Step:
    """What one step does: a batch, its loss and gradient, and the change of the weights.

    Args:
        model: gives logits [N, K].
        images: what batches are made of.
        objective: the loss of a batch.
        optimizer: of the model's weights.
        config: precision, augmentation, limits of the weights.
        totals: float64 [2], to which the sums of loss and of right answers are added.
    """

    def __init__(
        self,
        model: nn.Module,
        images: TrainingImages,
        objective: Objective,
        optimizer: Optimizer,
        config: TrainingConfig,
        totals: Tensor,
    ) -> None:
        self._model, self._images, self._objective = model, images, objective
        self._optimizer, self._config, self._totals = optimizer, config, totals
        self._weights = layers(model)  # walks over all modules: once, not at every step

    def __call__(self, rows: Tensor, seed: int | Tensor, epoch: int, trained: float) -> None:
        """Train on the images `rows`, int64 [N]; `trained` is the share of the budget's steps that are done."""
        pixels, labels = self._images.take(rows)
        sample_ids, low = rows.to(labels.device), self._config.precision == "bfloat16"
        pixels = augmented(self._config.augmentation, pixels, sample_ids, seed)
        batch = TrainingBatch(pixels, labels, sample_ids, seed, epoch)
        with torch.autocast(labels.device.type, torch.bfloat16, enabled=low):
            loss, logits = self._objective(self._model, batch)
        self._optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        penalise(self._weights, self._config, trained)
        self._optimizer.step()
        limit(self._weights, self._config)
        self._totals[0] += loss.detach() * len(rows)
        self._totals[1] += (logits.detach().argmax(1) == labels).sum()


class Repeating:
    """Steps on a GPU: without looks at values after the first, and as graphs where that gives the same.

    A graph repeats the operations of one step on the same memory, with the Python values of then. So a step is captured
    only where all that decides what it does is known: a network of known layers, an objective that is `Repeatable`.

    Args: as of `Step`.
    """

    def __init__(
        self,
        model: nn.Module,
        images: TrainingImages,
        objective: Objective,
        optimizer: Optimizer,
        config: TrainingConfig,
        totals: Tensor,
    ) -> None:
        self._step = Step(model, images, objective, optimizer, config, totals)
        self._optimizer, self._config, self._objective = optimizer, config, objective
        self._repeatable = images.on_device and is_batched(config.augmentation) and in_any_format(model)
        self._rate = torch.zeros((), device=totals.device)
        self._seed = torch.zeros((), dtype=torch.int64, device=totals.device)
        self._rows = torch.zeros(0, dtype=torch.int64)
        self._kind: Hashable = None
        self._done = 0  # steps of this kind
        self._graph: Any = None
        self._looked = False

    def __call__(self, rows: Tensor, seed: int, epoch: int, trained: float) -> None:
        """As of `Step`."""
        phase = self._objective.phase(epoch, rows.device) if isinstance(self._objective, Repeatable) else None
        kind = (phase, rows.shape, is_penalised(self._config, trained))
        if kind != self._kind:
            self._kind, self._done, self._graph = kind, 0, None
        self._rate.fill_(self._optimizer.param_groups[0]["lr"])
        if self._repeatable and phase is not None and self._done >= WARM_UP:
            self._repeat(rows, seed, epoch, trained)
        else:
            self._eager(rows, seed, epoch, trained)
        self._done += 1

    def _eager(self, rows: Tensor, seed: int, epoch: int, trained: float) -> None:
        with _rate_of(self._optimizer, self._rate):
            if self._looked:
                with without_waiting():
                    self._step(rows, seed, epoch, trained)
            else:
                self._step(rows, seed, epoch, trained)
                self._looked = True

    def _repeat(self, rows: Tensor, seed: int, epoch: int, trained: float) -> None:
        if self._graph is None:
            self._rows, graph = rows.clone(), torch.cuda.CUDAGraph()
            current, rate = torch.cuda.device(rows.device), _rate_of(self._optimizer, self._rate)
            try:
                with rate, without_waiting(), current, torch.cuda.graph(graph):
                    self._step(self._rows, self._seed, epoch, trained)
            except RuntimeError as error:
                print(f"note: steps are not repeated as a CUDA graph ({_first_line(error)})", file=sys.stderr)
                self._repeatable = False
                return self._eager(rows, seed, epoch, trained)
            self._graph = graph
        self._rows.copy_(rows)
        self._seed.fill_(seed)
        self._graph.replay()
        return None


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


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
