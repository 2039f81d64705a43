"""Square attack: random search, asking for logits only (Andriushchenko et al. 2020, section 3).

What it proposes in linf stands here, what it proposes in l2 in `random_windows`.
"""

import math

import torch
from torch import Tensor

from friendfoe.attacks.ball import Ball, ball_around
from friendfoe.attacks.contract import Model, check_count, check_labels, identities
from friendfoe.attacks.loop import Best
from friendfoe.attacks.losses import margin
from friendfoe.attacks.noise import uniform
from friendfoe.attacks.oracle import crafting
from friendfoe.attacks.random_windows import tiles, window
from friendfoe.attacks.threat import Threat

_SHARE = 0.8  # of the image that the first square covers
_HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)  # the queries after which that share is halved


def square(
    model: Model,
    images: Tensor,
    labels: Tensor,
    *,
    threat: Threat,
    queries: int = 5000,
    early_stop: bool = False,
    seed: int = 0,
    samples: Tensor | None = None,
) -> Tensor:
    """Square attack: keeps a random change of a square wherever it raises the margin loss; needs no gradient.

    Args:
        model: gives logits [N, K].
        images: floating [N, C, H, W] in [0, 1].
        labels: int64 [N].
        threat: ``linf`` or ``l2``.
        queries: how often the model may be asked about a sample.
        early_stop: stop working on a sample once the model does not predict its label; that image is then returned.
        seed: of the squares.
        samples: int64 [N], the identity of each image; its place in the batch where not given.

    Returns:
        Perturbed images, like ``images``.

    Raises:
        ValueError: naming the argument that is wrong.
    """
    check_labels(images, labels)
    check_count("queries", queries)
    samples = identities(samples, images)
    images = images.detach()
    ball = ball_around(images, threat)
    if not len(images):
        return images.clone()
    first, change = (_stripes, _square) if threat.norm == "linf" else (tiles, window)
    rows = torch.arange(len(images), device=images.device)
    with crafting(model, labels=labels) as oracle:
        best = Best(oracle, images, keep_best=True, truth=labels if early_stop else None)
        for query in range(-1, queries):  # the clean image comes before the queries
            if query < 0:
                proposed = images
            elif query == 0:
                proposed = first(ball, seed, samples)
            else:
                proposed = change(ball, best.images[rows], seed, samples, query, share_at(query))
            logits = oracle.logits(proposed)
            best.offer(rows, proposed, margin(logits, labels), logits)
            if early_stop and bool(best.fooled[rows].any()):
                going = (~best.fooled[rows]).nonzero().squeeze(1)
                rows, labels, samples, ball = rows[going], labels[going], samples[going], ball.take(going)
            if not len(rows):
                break
    return best.images


def share_at(query: int) -> float:
    """The share of the image that the square of a query covers; it is halved on a fixed schedule."""
    return float(_SHARE * 0.5 ** sum(query > threshold for threshold in _HALVINGS))


def _stripes(ball: Ball, seed: int, samples: Tensor) -> Tensor:
    """Vertical stripes one pixel wide, +-eps for each column and channel."""
    count, channels, _, width = ball.centre.shape
    signs = _signs(uniform(seed, samples, channels * width)).view(count, channels, 1, width)
    return ball.project(ball.centre + ball.eps * signs)


def _square(ball: Ball, images: Tensor, seed: int, samples: Tensor, query: int, share: float) -> Tensor:
    """Images with a new square: +-2 eps for each channel, projected, so that it holds +-eps around the clean image.

    It may lie anywhere. (Reference implementations never let it touch the last row and column, and so find less.)
    """
    count, channels, height, width = images.shape
    side = min(square_side(share, height * width), height, width)
    drawn = uniform(seed, samples, 2 + channels, stream=query)
    top = (drawn[:, 0] * (height - side + 1)).long().view(-1, 1, 1, 1)
    left = (drawn[:, 1] * (width - side + 1)).long().view(-1, 1, 1, 1)
    row = torch.arange(height, device=images.device).view(1, 1, -1, 1)
    column = torch.arange(width, device=images.device).view(1, 1, 1, -1)
    inside = (row >= top) & (row < top + side) & (column >= left) & (column < left + side)
    signs = _signs(drawn[:, 2:]).view(count, channels, 1, 1)
    return ball.project(images + inside * (2 * ball.eps * signs))


def square_side(share: float, pixels: int) -> int:
    """Side of a square that covers a share of the pixels."""
    return max(1, round(math.sqrt(share * pixels)))


def _signs(numbers: Tensor) -> Tensor:
    return torch.where(numbers < 0.5, -1.0, 1.0)
