"""The one loop behind FGSM, PGD, Temperature-PGD, margin PGD and assistive signals."""

import torch
from torch import Tensor

from friendfoe.attacks.ball import Ball, Rows, taken
from friendfoe.attacks.losses import Loss
from friendfoe.attacks.white_box import WhiteBox
from friendfoe.runtime.precision import is_rounded

_ROUNDING = 4  # of a score, in units of its last place: where logits are tiny, scores differ by nothing else


class Best:
    """The best image of each sample so far.

    Args:
        box: confirms in full precision what low precision holds for misclassified.
        images: where the search begins, [N, C, H, W].
        keep_best: keep the image of the highest score; otherwise the latest one.
        truth: int64 [N]. Where given, the first image that the model does not take for it is final for its sample.
        in_turn: how many searches there are for each image, all first ones before all second ones. Those after one
            that ended with a misclassified image are finished, too.
    """

    def __init__(
        self, box: WhiteBox, images: Tensor, *, keep_best: bool, truth: Tensor | None = None, in_turn: int = 1
    ) -> None:
        self.images = images.clone()
        self.score = images.new_full((len(images),), -torch.inf)
        self.fooled = torch.zeros(len(images), dtype=torch.bool, device=images.device)
        self._box = box
        self.keep_best = keep_best
        self._truth = truth
        self._in_turn = in_turn
        self.stops_early = truth is not None
        """Whether samples may be finished before the loop is."""
        self.judges = keep_best or self.stops_early
        """Whether images must be shown to the model before they are offered."""
        self.may_fall = True
        """Whether what was offered last may have finished samples, as far as is known without a look."""

    def offer(
        self,
        rows: Rows,
        images: Tensor,
        score: Tensor,
        logits: Tensor,
        *,
        among: Tensor | None = None,
        whole: bool = False,
    ) -> None:
        """Show new images of some samples, with scores [n] and logits [n, K].

        Args:
            among: bool [n], which of them count; all where not given.
            whole: the logits are of full precision (`WhiteBox.logits`), whatever gradients are computed in.
        """
        score = score.to(self.score)
        if among is not None:
            score = score.masked_fill(~among, -torch.inf)
        if self._truth is not None:
            truth = self._truth[rows]
            fooled = logits.argmax(1) != truth if whole else self._misclassified(images, logits, truth)
            fooled &= ~self.fooled[rows] if among is None else among & ~self.fooled[rows]
            self.fooled[rows] |= fooled
            if not self.keep_best:  # then only successes count
                put(self.images, rows, images, fooled)
                return
            score = score.masked_fill(fooled, torch.inf)
        better = self.improves(rows, score)
        self.score[rows] = torch.maximum(score, self.score[rows])
        put(self.images, rows, images, better)

    def doubtful(self, rows: Rows, logits: Tensor) -> Tensor:
        """Which of some samples are not finished and, by logits [n, K] of whatever precision, misclassified; bool."""
        assert self._truth is not None
        return (logits.argmax(1) != self._truth[rows]) & ~self.fooled[rows]

    def improves(self, rows: Rows, score: Tensor) -> Tensor:
        """Whether images of some samples, with scores [n], would be kept for their scores; of equals, the latest is."""
        held = self.score[rows]
        return score.to(held) >= held - _ROUNDING * torch.finfo(held.dtype).eps * held.abs()

    def finished(self) -> Tensor:
        """Whether there is nothing left to do for a sample, bool [N]."""
        if self._in_turn == 1:
            return self.fooled
        return (self.fooled.view(self._in_turn, -1).cumsum(0) > 0).flatten()

    def standing(self) -> Tensor:
        """The samples that are not finished, int64."""
        return (~self.finished()).nonzero().squeeze(1)

    def _misclassified(self, images: Tensor, logits: Tensor, truth: Tensor) -> Tensor:
        """Which images the model does not take for the truth [n]; logits of low precision are asked for again."""
        wrong = logits.argmax(1) != truth
        if is_rounded(images):
            doubtful = wrong.nonzero().squeeze(1)
            self.may_fall = len(doubtful) > 0
            if self.may_fall:
                wrong[doubtful] = self._box.logits(images[doubtful]).argmax(1) != truth[doubtful]
        return wrong


def climb(
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
    """Follow the loss upwards (sign 1) or downwards (sign -1), and offer every image on the way to ``best``.

    ``ball``, ``images``, ``labels`` and ``step_size`` [n, 1, 1, 1] are those of the samples ``rows`` of ``best``. The
    last image needs a forward pass of its own; without ``judge_last`` it is taken unseen.
    """
    step_size = sign * step_size
    for _ in range(steps):
        logits, values, gradient = box.gradient(images, labels, loss)
        if best.judges:
            best.offer(rows, images, sign * values, logits)
        if best.stops_early:
            going = (~best.fooled[rows]).nonzero().squeeze(1)
            if len(going) < len(images):
                rows = _of_batch(rows, going)
                images, gradient, ball = taken(images, going), taken(gradient, going), ball.take(going)
                labels, step_size = labels[going], step_size[going]
            if not len(going):
                return
        images = ball.step(images, gradient, step_size)
    if judge_last:
        logits = box.logits(images)
        best.offer(rows, images, sign * loss(logits, labels), logits)
    else:
        best.images[rows] = images


def put(held: Tensor, rows: Rows, images: Tensor, where: Tensor) -> None:
    """Hold new images of some samples in place of the old ones, where bool [n] is true."""
    if images.device.type == "cpu":  # they are few; elsewhere a look at which they are would wait
        new = where.nonzero().squeeze(1)
        held[_of_batch(rows, new)] = taken(images, new)
    else:
        held[rows] = chosen(where, images, taken(held, rows))


def _of_batch(rows: Rows, chosen: Tensor) -> Tensor:
    """Which samples of the batch are the chosen ones of ``rows``; int64 indices all."""
    return chosen if isinstance(rows, slice) else rows[chosen]


def chosen(rows: Tensor, these: Tensor, others: Tensor) -> Tensor:
    """Images [N, C, H, W] out of ``these`` in the rows where bool [N] is true, else out of ``others``.

    As `torch.where`, bit for bit where no difference of the two overflows, but several times faster on a CPU.
    """
    return others.lerp(these, rows.to(others.dtype).view(-1, 1, 1, 1))
