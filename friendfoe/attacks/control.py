"""Random noise as a perturbation: the control for every attack."""

from typing import Literal

import torch
from torch import Tensor

from friendfoe.attacks.ball import PIXELS, UNCLIPPED, L2Ball, LinfBall, ball_around, unit
from friendfoe.attacks.contract import check_images, identities
from friendfoe.attacks.noise import normal, uniform
from friendfoe.attacks.threat import Threat


def random_noise(
    images: Tensor,
    *,
    threat: Threat,
    kind: Literal["uniform", "extreme"] = "uniform",
    seed: int = 0,
    samples: Tensor | None = None,
    clip: bool = True,
) -> Tensor:
    """Images at a random point of the ball (``uniform``) or of its surface (``extreme``), clipped to [0, 1].

    For ``linf`` that is U(-eps, eps) or +-eps in each pixel, the two noises that Goodfellow et al. (2015, section 6)
    train on for comparison; for ``l2`` a random direction.

    Args:
        images: floating [N, C, H, W] in [0, 1].
        threat: ``linf`` or ``l2``.
        kind: inside the ball or on its surface.
        seed: of the noise.
        samples: int64 [N], the identity of each image; its place in the batch where not given.
        clip: keep pixels in [0, 1]; without, only the ball bounds them.

    Raises:
        ValueError: naming the argument that is wrong.
    """
    check_images(images)
    if kind not in ("uniform", "extreme"):
        raise ValueError(f"kind: must be uniform or extreme, got {kind!r}")
    samples = identities(samples, images)
    images = images.detach()
    ball = ball_around(images, threat, pixels=PIXELS if clip else UNCLIPPED)
    if not len(images) or kind == "uniform":
        return ball.draw(seed, samples, 0) if len(images) else images.clone()
    count = images[0].numel()
    if isinstance(ball, LinfBall):
        signs = (uniform(seed, samples, count) < 0.5).view(images.shape)
        return ball.project(torch.where(signs, images - ball.eps, images + ball.eps))
    assert isinstance(ball, L2Ball)
    return ball.project(images + ball.eps * unit(normal(seed, samples, count).view(images.shape).to(images)))
