"""How long an image takes in a network, measured on this machine in one thread: what estimates of time are good by."""

import time
from collections.abc import Callable
from functools import partial
from statistics import median

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from friendfoe.data.store import Split
from friendfoe.models.classifier import build
from friendfoe.plan.cost import Pace
from friendfoe.runtime.memory_format import to_fast_format
from friendfoe.training.job import Job, TrainingConfig
from friendfoe.training.optimization import make_optimizer

TIMES = 3  # steps that are timed, after one that is not
EVALUATED = 256  # images of a batch that is attacked or answered, at most


class Measured:
    """The pace of each network that it is asked for, measured once.

    Args:
        split: images of the data set.
    """

    def __init__(self, split: Split) -> None:
        self._split = split
        self._known: dict[str, Pace] = {}

    def __call__(self, job: Job) -> Pace:
        """Of the network that a job trains: in its batches and precision, by the processor's time."""
        training = job.training
        recipe = f"{job.network!r} {training.batch} {training.precision} {training.optimizer}"
        if recipe not in self._known:
            self._known[recipe] = self._measure(job)
        return self._known[recipe]

    def _measure(self, job: Job) -> Pace:
        split, training = self._split, job.training
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # as each replicate has
        try:
            network = build(job.network, split.shape, len(split.classes), split.mean, split.std)
            to_fast_format(network)
            size = min(training.batch, len(split.labels))
            images, labels = torch.rand(size, *split.shape), torch.arange(size) % len(split.classes)
            trained = _seconds(_step(network.train(), training, images, labels)) / size
            few = slice(EVALUATED)
            shown, truth = images[few], labels[few]
            network.eval().requires_grad_(False)
            inner, attacked = (
                _seconds(partial(_gradient, network, shown, truth, low)) / len(shown)
                for low in (training.precision == "bfloat16", False)
            )
            answered = _seconds(partial(_answers, network, shown)) / len(shown)
        finally:
            torch.set_num_threads(threads)
        return Pace(trained, inner, attacked, answered)


def _step(network: nn.Module, training: TrainingConfig, images: Tensor, labels: Tensor) -> Callable[[], None]:
    optimizer = make_optimizer(network, training)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=training.precision == "bfloat16"):
            loss = F.cross_entropy(network(images).float(), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def _gradient(network: nn.Module, images: Tensor, labels: Tensor, low: bool) -> None:
    pixels = images.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=low):
        loss = F.cross_entropy(network(pixels).float(), labels)
    torch.autograd.grad(loss, pixels)


@torch.no_grad()
def _answers(network: nn.Module, images: Tensor) -> None:
    network(images)


def _seconds(work: Callable[[], None]) -> float:
    work()
    taken = []
    for _ in range(TIMES):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return median(taken)
