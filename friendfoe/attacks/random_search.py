"""Square attack: random search with squares, asking for logits only (Andriushchenko et al. 2020, section 3)."""

import math

import torch
from torch import Tensor

from friendfoe.attacks.ball import PIXELS, LinfBall
from friendfoe.attacks.contract import Model, check_count, check_labels, identities
from friendfoe.attacks.loop import Best
from friendfoe.attacks.losses import margin
from friendfoe.attacks.noise import uniform
from friendfoe.attacks.oracle import crafting
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
    """Square attack: keeps a random square of +-eps wherever it raises the margin loss; needs no gradient.

    Args:
        model: gives logits [N, K].
        images: floating [N, C, H, W] in [0, 1].
        labels: int64 [N].
        threat: ``linf``.
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
    if threat.norm != "linf":
        raise ValueError(f"threat: square knows the norm linf, got {threat.norm}")
    samples = identities(samples, images)
    images = images.detach()
    if not len(images):
        return images.clone()
    ball = LinfBall.around(images, images.new_full((len(images), 1, 1, 1), threat.eps), None, PIXELS)
    rows = torch.arange(len(images), device=images.device)
    with crafting(model, labels=labels) as oracle:
        best = Best(oracle, images, keep_best=True, truth=labels if early_stop else None)
        for query in range(-1, queries):  # the clean image comes before the queries
            if query < 0:
                proposed = images
            elif query == 0:
                proposed = _stripes(ball, seed, samples)
            else:
                proposed = _square(ball, best.images[rows], seed, samples, query)
            logits = oracle.logits(proposed)
            best.offer(rows, proposed, margin(logits, labels), logits)
            if early_stop and bool(best.fooled[rows].any()):
                going = (~best.fooled[rows]).nonzero().squeeze(1)
                rows, labels, samples, ball = rows[going], labels[going], samples[going], ball.take(going)
            if not len(rows):
                break
    return best.images


def _stripes(ball: LinfBall, seed: int, samples: Tensor) -> Tensor:
    """Vertical stripes one pixel wide, +-eps for each column and channel."""
    count, channels, _, width = ball.centre.shape
    signs = _signs(uniform(seed, samples, channels * width)).view(count, channels, 1, width)
    return ball.project(ball.centre + ball.eps * signs)


def _square(ball: LinfBall, images: Tensor, seed: int, samples: Tensor, query: int) -> Tensor:
    """Images with a new square: +-2 eps for each channel, projected, so that it holds +-eps around the clean image.

    It may lie anywhere. (Reference implementations never let it touch the last row and column, and so find less.)
    """
    count, channels, height, width = images.shape
    side = min(square_side(query, height * width), height, width)
    drawn = uniform(seed, samples, 2 + channels, stream=query)
    top = (drawn[:, 0] * (height - side + 1)).long().view(-1, 1, 1, 1)
    left = (drawn[:, 1] * (width - side + 1)).long().view(-1, 1, 1, 1)
    row = torch.arange(height, device=images.device).view(1, 1, -1, 1)
    column = torch.arange(width, device=images.device).view(1, 1, 1, -1)
    inside = (row >= top) & (row < top + side) & (column >= left) & (column < left + side)
    signs = _signs(drawn[:, 2:]).view(count, channels, 1, 1)
    return ball.project(images + inside * (2 * ball.eps * signs))


def square_side(query: int, pixels: int) -> int:
    """Side of the square at a query: it covers a share of the pixels that is halved on a fixed schedule."""
    halvings = sum(query > threshold for threshold in _HALVINGS)
    return max(1, round(math.sqrt(_SHARE * pixels * 0.5**halvings)))


def _signs(numbers: Tensor) -> Tensor:
    return torch.where(numbers < 0.5, -1.0, 1.0)
