"""The climb of PGD on a GPU, where steps that are the same are repeated as a CUDA graph.

The steps of small networks are hundreds of kernels so short that a GPU waits for each to be asked for. A graph is asked
for at once, but repeats what was done on the same memory: so samples that have fallen stay among the others until they
are a quarter, and what becomes of them is not looked at. Then the others are put together, which takes a new graph.
"""

import torch
from torch import Tensor

from friendfoe.attacks import losses
from friendfoe.attacks.ball import Ball, Rows, taken
from friendfoe.attacks.loop import Best
from friendfoe.attacks.losses import Loss
from friendfoe.attacks.white_box import WhiteBox
from friendfoe.runtime.graphs import WARM_UP, captured
from friendfoe.runtime.waiting import may_look

_WORTH = 3  # steps that a graph has to repeat: to capture it takes as long as a step
_STANDING = 0.75  # share of the samples at which those that stand are put together


def is_repeatable(box: WhiteBox, images: Tensor, loss: Loss, best: Best) -> bool:
    """Whether steps may be repeated as a graph: on a GPU, where all that decides what they do is known.

    Not inside of a graph, nor of a training step, which becomes one; nor where each step has to be judged.
    """
    if not images.is_cuda or not may_look(images) or torch.cuda.is_current_stream_capturing():
        return False
    judged = best.stops_early and best.keep_best
    return box.any_format and getattr(loss, "__module__", None) == losses.__name__ and not judged


def climb_repeatedly(
    box: WhiteBox,
    ball: Ball,
    images: Tensor,
    labels: Tensor,
    rows: Rows,
    best: Best,
    *,
    loss: Loss,
    sign: int,
    steps: int,
    step_size: Tensor,
    judge_last: bool,
) -> None:
    """As `friendfoe.attacks.loop.climb`, with the same results."""
    at = _Place(ball, images.clone(), labels, rows, sign * step_size)

    def step() -> None:
        at.logits, at.values, gradient = box.gradient(at.images, at.labels, loss)
        if best.stops_early:
            at.seen, at.doubtful = at.images.clone(), best.doubtful(at.rows, at.logits)
        elif best.judges:
            best.offer(at.rows, at.images, sign * at.values, at.logits)
        at.images.copy_(at.ball.step(at.images, gradient, at.step_size))

    graph, done, repeatable = None, 0, True  # steps of this shape
    for left in range(steps, 0, -1):
        if repeatable and graph is None and done >= WARM_UP and left >= _WORTH:
            graph = captured(step, images.device, "steps of an attack")
            repeatable = graph is not None
        step() if graph is None else graph.replay()
        done += 1
        if best.stops_early and len(new := at.doubtful.nonzero().squeeze(1)):
            best.offer(at.row(new), at.seen[new], sign * at.values[new], at.logits[new])
            if at.drop(best, _STANDING):
                graph, done = None, 0
                if not len(at.images):
                    return
    if best.stops_early:
        at.drop(best, 1.0)
    if judge_last:
        logits = box.logits(at.images)
        best.offer(at.rows, at.images, sign * loss(logits, at.labels), logits)
    else:
        best.images[at.rows] = at.images


class _Place:
    """Where the samples of a climb are; every attribute has one entry per sample.

    What a step finds out of them lies, where it is a graph, at the same place in memory after each.
    """

    logits: Tensor
    values: Tensor
    """Of the loss."""
    seen: Tensor
    """The images that these belong to."""
    doubtful: Tensor
    """Which of them the model may have misclassified."""

    def __init__(self, ball: Ball, images: Tensor, labels: Tensor, rows: Rows, step_size: Tensor) -> None:
        self.ball, self.images, self.labels, self.rows, self.step_size = ball, images, labels, rows, step_size

    def row(self, some: Tensor) -> Tensor:
        """Which samples of the batch some of these are, int64."""
        return some if isinstance(self.rows, slice) else self.rows[some]

    def drop(self, best: Best, share: float) -> bool:
        """Go on without those that have fallen, where the others are no more than a share; whether it was done."""
        going = (~best.fooled[self.rows]).nonzero().squeeze(1)
        if len(going) == len(self.images) or len(going) > share * len(self.images):
            return False
        self.rows = self.row(going)
        self.ball, self.images = self.ball.take(going), taken(self.images, going)
        self.labels, self.step_size = self.labels[going], self.step_size[going]
        return True
