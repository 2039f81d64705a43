"""Square attack: random search, asking for logits only (Andriushchenko et al. 2020, section 3).

In linf it proposes squares of a constant change. In l2, where a change of a given length does most if it is
concentrated, it proposes windows that hold a peak each (section 3.4, algorithm 3).
"""

import math
from collections.abc import Callable
from functools import partial
from itertools import count, groupby
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field, PositiveInt
from torch import Tensor

from friendfoe.attacks.ball import Ball, ball_around, signs, taken, unit
from friendfoe.attacks.config import BallConfig
from friendfoe.attacks.contract import Ids, Model, check_counts, check_labels, check_sample_ids
from friendfoe.attacks.loop import Best
from friendfoe.attacks.losses import margin
from friendfoe.attacks.threat import Threat
from friendfoe.attacks.white_box import WhiteBox, white_box
from friendfoe.runtime.draws import Seed, uniform

_SHARE = 0.8  # of the image that the first square covers
_TILES = 5  # along the shorter side of the first proposal in l2
_SCHEDULED = 10_000  # queries
_HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)  # the queries after which that share is halved
_AHEAD = 4  # queries about a sample at once, at most: one in twenty succeeds, and what is asked after it is lost
_BLIND = 4  # calls of the model on an accelerator for which nobody looks at what they gave

Change = Callable[[Ball, Tensor, Seed, Tensor, Tensor], Tensor]
"""Ball, images, seed, sample ids and queries (int64 [N]) -> what is proposed."""


def square(
    model: Model,
    images: Tensor,
    labels: Tensor,
    *,
    threat: Threat,
    n_queries: int = 5000,
    rescale_schedule: bool = True,
    early_stop: bool = False,
    seed: int = 0,
    sample_ids: Ids = None,
) -> Tensor:
    """Square attack: keeps a random change of a square wherever it raises the margin loss; needs no gradient.

    What is not said here is the contract of `friendfoe.attacks`.

    Args:
        threat: ``linf`` or ``l2``.
        n_queries: how often the model may be asked about a sample.
        rescale_schedule: in linf, shrink the squares as fast as n_queries allows, as the authors' program does; else on
            the schedule of 10 000 queries, which AutoAttack keeps. In l2 it is always that one.
    """
    check_labels(images, labels)
    check_counts(n_queries=n_queries)
    sample_ids = check_sample_ids(sample_ids, images)
    images = images.detach()
    ball = ball_around(images, threat)
    if not len(images):
        return images.clone()
    scheduled = n_queries if rescale_schedule and threat.norm == "linf" else _SCHEDULED
    shares = [share_at(query * _SCHEDULED // scheduled) for query in range(1, n_queries)]
    linf = threat.norm == "linf"
    with white_box(model, images.dtype, labels=labels) as box:
        best = Best(box, ball.centre, keep_best=True, truth=labels if early_stop else None)
        for first in (None, _stripes if linf else tiles):  # the clean image comes before the queries
            rows = best.standing()
            here = ball.take(rows)
            proposed = here.centre if first is None else first(here, seed, sample_ids[rows])
            logits = box.logits(proposed)
            best.offer(rows, proposed, margin(logits, labels[rows]), logits, whole=True)
        search = _Search(box, best, ball, labels, seed, sample_ids)
        if linf:
            sides = [min(square_side(share, images[0, 0].numel()), *images.shape[2:]) for share in shares]
            search.run(range(1, n_queries), partial(_square, sides=torch.tensor([0, *sides], device=images.device)))
        else:  # windows of one size at a time
            for share, queries in groupby(range(1, n_queries), lambda query: shares[query - 1]):
                numbers = list(queries)
                middle = peak(window_side(share, *images.shape[2:])).to(ball.centre)
                search.run(range(numbers[0], numbers[-1] + 1), partial(window, middle=middle))
    return best.images.to(images.dtype)


class _Search:
    """Queries about the samples that stand, several about each at once where samples are few.

    Each is what it would be if one followed the other: those after the first that succeeds are forgotten.
    """

    def __init__(self, box: WhiteBox, best: Best, ball: Ball, labels: Tensor, seed: Seed, sample_ids: Tensor) -> None:
        self._box, self._best, self._ball, self._labels = box, best, ball, labels
        self._seed, self._sample_ids = seed, sample_ids

    def run(self, queries: range, change: Change) -> None:
        """Ask some queries, each about the image that a change of the best one so far gives."""
        rows = self._best.standing()
        query, here = torch.full_like(rows, queries.start), None
        looks = rows.device.type == "cpu"  # elsewhere each look waits, and all is done that nothing may come of
        for call in count(1):
            if not len(rows):
                return
            if here is None:
                ahead = min(_AHEAD, self._box.repeats(self._ball.centre, len(rows)))
                of = rows.repeat_interleave(ahead)
                here, ids, labels = self._ball.take(of), self._sample_ids[of], self._labels[of]
                every = torch.arange(len(of), device=of.device)
            asked = query.unsqueeze(1) + torch.arange(ahead, device=rows.device)
            images = taken(self._best.images, of)
            proposed = change(here, images, self._seed, ids, asked.flatten().clamp_max(queries.stop - 1))
            logits = self._box.logits(proposed)
            score = margin(logits, labels)
            better = self._best.improves(of, score) & (asked < queries.stop).flatten()
            # what leaves an image as it is succeeds in nothing, and must not make queries forgotten
            tried = better.nonzero().squeeze(1) if looks else every
            better[tried] &= (proposed[tried] != images[tried]).flatten(1).any(1)
            failed = (~better).view_as(asked).cumprod(1).sum(1)  # before the first that succeeds
            succeeds = (failed < ahead) & ~self._best.fooled[rows]
            new = succeeds.nonzero().squeeze(1) if looks else every[: len(rows)]
            if len(new):
                kept = new * ahead + failed[new].clamp_max(ahead - 1)
                self._best.offer(of[kept], proposed[kept], score[kept], logits[kept], among=succeeds[new], whole=True)
            query = query + (failed + 1).clamp_max(ahead)
            if looks or call % _BLIND == 0:
                going = ((query < queries.stop) & ~self._best.fooled[rows]).nonzero().squeeze(1)
                if len(going) < len(rows):
                    rows, query, here = rows[going], query[going], None


def share_at(query: int) -> float:
    """The share of the image that the square of a query, of 10 000, covers."""
    return float(_SHARE * 0.5 ** sum(query > threshold for threshold in _HALVINGS))


def _stripes(ball: Ball, seed: int, sample_ids: Tensor) -> Tensor:
    """For linf: vertical stripes one pixel wide, +-eps for each column and channel."""
    count, channels, _, width = ball.centre.shape
    stripes = signs(uniform(seed, sample_ids, channels * width)).view(count, channels, 1, width)
    return ball.project(ball.centre + ball.eps * stripes)


def _square(ball: Ball, images: Tensor, seed: Seed, sample_ids: Tensor, query: Tensor, sides: Tensor) -> Tensor:
    """For linf: images with a new square, +-2 eps for each channel and projected: +-eps around the clean image.

    ``sides``, int64, are those of all queries. It may lie anywhere. (Reference implementations never let it touch the
    last row and column, and so find less.)
    """
    count, channels, height, width = images.shape
    side = sides[query].view(-1, 1, 1, 1)
    drawn = uniform(seed, sample_ids, 2 + channels, stream=query)
    top = (drawn[:, 0].view(-1, 1, 1, 1) * (height - side + 1)).long()
    left = (drawn[:, 1].view(-1, 1, 1, 1) * (width - side + 1)).long()
    row = torch.arange(height, device=images.device).view(1, 1, -1, 1)
    column = torch.arange(width, device=images.device).view(1, 1, 1, -1)
    rows, columns = (row >= top) & (row < top + side), (column >= left) & (column < left + side)
    change = columns * (2 * ball.eps * signs(drawn[:, 2:]).view(count, channels, 1, 1))
    return ball.project(torch.addcmul(images, rows.to(images), change))


def square_side(share: float, pixels: int) -> int:
    """Side of a square that covers a share of the pixels."""
    return max(1, round(math.sqrt(share * pixels)))


def tiles(ball: Ball, seed: int, sample_ids: Tensor) -> Tensor:
    """For l2: images [N, C, H, W] of a grid of peaks, each with a random sign per channel, that together use up eps."""
    count, channels, height, width = ball.centre.shape
    side = max(1, min(height, width) // _TILES)
    down, across = height // side, width // side
    drawn = uniform(seed, sample_ids, (channels + 1) * down * across).view(count, channels + 1, down, across, 1, 1)
    peaks = signs(drawn[:, 1:]) * _turned(peak(side).to(ball.centre), drawn[:, :1])
    grid = peaks.transpose(3, 4).reshape(count, channels, down * side, across * side)
    above, before = (height - down * side) // 2, (width - across * side) // 2
    grid = F.pad(grid, (before, width - across * side - before, above, height - down * side - above))
    return ball.project(ball.centre + ball.eps * unit(grid))


def window(ball: Ball, images: Tensor, seed: Seed, sample_ids: Tensor, query: int | Tensor, middle: Tensor) -> Tensor:
    """For l2: images with a new window, as large as the peak in its middle, [side, side].

    Its change becomes a mixture of what it was and of a peak, as long as its own, another window's, which becomes zero,
    and what eps still allows.
    """
    count, channels, height, width = images.shape
    side = len(middle)
    drawn = uniform(seed, sample_ids, 5 + channels, stream=query)
    shape = (count, channels, side * side)
    taken = _places(drawn[:, 0], drawn[:, 1], height, width, side).expand(shape)
    given = _places(drawn[:, 2], drawn[:, 3], height, width, side).expand(shape)
    peaks = signs(drawn[:, 5:, None]) * _turned(middle, drawn[:, 4, None, None]).flatten(1).unsqueeze(1)

    change = (images - ball.centre).flatten(2)
    rest = change.scatter(2, given, 0.0).scatter(2, taken, 0.0)
    freed = (change - rest).square().sum(2, keepdim=True)  # in each channel
    unused = (ball.eps.flatten(1).square() - change.flatten(1).square().sum(1, keepdim=True)).clamp_min(0)
    here = peaks + F.normalize(change.gather(2, taken), dim=2)
    new = F.normalize(here, dim=2) * (freed + unused.unsqueeze(2) / channels).sqrt()
    return ball.project(ball.centre + ball.eps * unit(rest.scatter(2, taken, new).view_as(images)))


def window_side(share: float, height: int, width: int) -> int:
    """Side of a window that covers a share of the image: odd, and at least 3, where the image is large enough."""
    return min(max(3, round(math.sqrt(share * height * width))) // 2 * 2 + 1, height, width)


def peak(side: int) -> Tensor:
    """A peak in the upper half and its negative in the lower, [side, side], of length 1."""
    both = torch.cat([_pyramid(side // 2, side), -_pyramid(side - side // 2, side)])
    return F.normalize(both.flatten(), dim=0).view_as(both)


def _pyramid(height: int, width: int) -> Tensor:
    """Falls with the distance from the middle, as the sum of 1 / (k + 1)^2 over the squares of radius k around it."""
    rows, columns = (torch.arange(size, device="cpu").sub(size // 2).abs() for size in (height, width))
    radii = torch.arange(max(height, width) // 2 + 1, dtype=torch.float32, device="cpu")
    heights = (1 / (radii + 1.0) ** 2).flip(0).cumsum(0).flip(0)
    pyramid = heights[torch.maximum(rows.unsqueeze(1), columns)]
    return F.normalize(pyramid.flatten(), dim=0).view_as(pyramid)


def _places(down: Tensor, right: Tensor, height: int, width: int, side: int) -> Tensor:
    """The positions int64 [N, 1, side^2], in a flat image, of windows whose corners are drawn in [0, 1) x [0, 1)."""
    top, left = (down * (height - side + 1)).long(), (right * (width - side + 1)).long()
    steps = torch.arange(side, device=down.device)
    inside = steps.unsqueeze(1) * width + steps
    return (top * width + left).view(-1, 1, 1) + inside.flatten()


def _turned(square: Tensor, numbers: Tensor) -> Tensor:
    return torch.where(numbers < 0.5, square, square.t())


class SquareConfig(BallConfig):
    """Square attack: random search that asks for predictions only, no gradients."""

    attack: Literal["square"]
    function = square
    n_queries: PositiveInt = Field(default=5000, description="how often the model is asked about an image, at most")
