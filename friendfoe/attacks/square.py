"""Square attack: random search, asking for logits only (Andriushchenko et al. 2020, section 3).

What it proposes in linf stands here, what it proposes in l2 in `random_windows`.
"""

import math
from functools import partial
from typing import Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor

from friendfoe.attacks.ball import Ball, ball_around
from friendfoe.attacks.config import BallConfig
from friendfoe.attacks.contract import Ids, Model, check_count, check_labels, check_sample_ids
from friendfoe.attacks.loop import Best
from friendfoe.attacks.losses import margin
from friendfoe.attacks.random_windows import signs, tiles, window
from friendfoe.attacks.threat import Threat
from friendfoe.attacks.white_box import white_box
from friendfoe.runtime.draws import uniform

_SHARE = 0.8  # of the image that the first square covers
_HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)  # the queries after which that share is halved


def square(
    model: Model,
    images: Tensor,
    labels: Tensor,
    *,
    threat: Threat,
    n_queries: int = 5000,
    early_stop: bool = False,
    seed: int = 0,
    sample_ids: Ids = None,
) -> Tensor:
    """Square attack: keeps a random change of a square wherever it raises the margin loss; needs no gradient.

    What is not said here is as in :func:`~friendfoe.attacks.pgd`.

    Args:
        threat: ``linf`` or ``l2``.
        n_queries: how often the model may be asked about a sample.
        early_stop: stop working on a sample once the model does not predict its label; that image is then returned.
    """
    check_labels(images, labels)
    check_count("n_queries", n_queries)
    sample_ids = check_sample_ids(sample_ids, images)
    images = images.detach()
    ball = ball_around(images, threat)
    if not len(images):
        return images.clone()
    first, change = (_stripes, _square) if threat.norm == "linf" else (tiles, window)
    rows = torch.arange(len(images), device=images.device)
    with white_box(model, labels=labels) as box:
        best = Best(box, images, keep_best=True, truth=labels if early_stop else None)
        for query in range(-1, n_queries):  # the clean image comes before the queries
            if query < 0:
                proposed = images
            elif query == 0:
                proposed = first(ball, seed, sample_ids)
            else:
                proposed = change(ball, best.images[rows], seed, sample_ids, query, share_at(query))
            logits = box.logits(proposed)
            best.offer(rows, proposed, margin(logits, labels), logits)
            if early_stop and bool(best.fooled[rows].any()):
                going = (~best.fooled[rows]).nonzero().squeeze(1)
                rows, labels, sample_ids, ball = rows[going], labels[going], sample_ids[going], ball.take(going)
            if not len(rows):
                break
    return best.images


def share_at(query: int) -> float:
    """The share of the image that the square of a query covers; it is halved on a fixed schedule."""
    return float(_SHARE * 0.5 ** sum(query > threshold for threshold in _HALVINGS))


def _stripes(ball: Ball, seed: int, sample_ids: Tensor) -> Tensor:
    """Vertical stripes one pixel wide, +-eps for each column and channel."""
    count, channels, _, width = ball.centre.shape
    stripes = signs(uniform(seed, sample_ids, channels * width)).view(count, channels, 1, width)
    return ball.project(ball.centre + ball.eps * stripes)


def _square(ball: Ball, images: Tensor, seed: int, sample_ids: Tensor, query: int, share: float) -> Tensor:
    """Images with a new square: +-2 eps for each channel, projected, so that it holds +-eps around the clean image.

    It may lie anywhere. (Reference implementations never let it touch the last row and column, and so find less.)
    """
    count, channels, height, width = images.shape
    side = min(square_side(share, height * width), height, width)
    drawn = uniform(seed, sample_ids, 2 + channels, stream=query)
    top = (drawn[:, 0] * (height - side + 1)).long().view(-1, 1, 1, 1)
    left = (drawn[:, 1] * (width - side + 1)).long().view(-1, 1, 1, 1)
    row = torch.arange(height, device=images.device).view(1, 1, -1, 1)
    column = torch.arange(width, device=images.device).view(1, 1, 1, -1)
    inside = (row >= top) & (row < top + side) & (column >= left) & (column < left + side)
    change = signs(drawn[:, 2:]).view(count, channels, 1, 1)
    return ball.project(images + inside * (2 * ball.eps * change))


def square_side(share: float, pixels: int) -> int:
    """Side of a square that covers a share of the pixels."""
    return max(1, round(math.sqrt(share * pixels)))


class SquareConfig(BallConfig):
    """Square attack: random search that asks for predictions only, no gradients."""

    attack: Literal["square"]
    n_queries: PositiveInt = Field(default=5000, description="how often the model is asked about an image, at most")

    def run(
        self, model: Model, images: Tensor, labels: Tensor, *, eps: float, seed: int, sample_ids: Ids, early_stop: bool
    ) -> Tensor:
        """Run :func:`square`."""
        attack = partial(square, threat=Threat(self.norm, eps), n_queries=self.n_queries)
        return attack(model, images, labels, early_stop=early_stop, seed=seed, sample_ids=sample_ids)
