"""Random noise as a perturbation: the control for every attack."""

from typing import Literal

from pydantic import Field
from torch import Tensor

from friendfoe.attacks.ball import PIXELS, UNCLIPPED, ball_around, signs, unit
from friendfoe.attacks.config import BallConfig, Clip
from friendfoe.attacks.contract import Ids, check_images, check_sample_ids
from friendfoe.attacks.threat import Threat
from friendfoe.runtime.draws import Seed, normal, uniform


def random_noise(
    images: Tensor,
    *,
    threat: Threat,
    kind: Literal["uniform", "extreme"] = "uniform",
    seed: Seed = 0,
    sample_ids: Ids = None,
    clip: bool = True,
) -> Tensor:
    """Images at a random point of the ball (``uniform``) or of its surface (``extreme``), clipped to [0, 1].

    For ``linf`` that is U(-eps, eps) or +-eps in each pixel, the two noises that Goodfellow et al. (2015, section 6)
    train on for comparison; for ``l2`` a random direction. Arguments and errors: `friendfoe.attacks`.
    """
    check_images(images)
    if kind not in ("uniform", "extreme"):
        raise ValueError(f"kind: must be uniform or extreme, got {kind!r}")
    sample_ids = check_sample_ids(sample_ids, images)
    images = images.detach()
    ball = ball_around(images, threat, pixels=PIXELS if clip else UNCLIPPED)
    if not len(images):
        return images.clone()
    if kind == "uniform":
        return ball.draw(seed, sample_ids, 0).to(images.dtype)
    draw = uniform if threat.norm == "linf" else normal
    numbers = draw(seed, sample_ids, images[0].numel()).view(images.shape)
    direction = signs(numbers).to(ball.centre) if threat.norm == "linf" else unit(numbers.to(ball.centre))
    return ball.project(ball.centre + ball.eps * direction).to(images.dtype)


class NoiseConfig(BallConfig):
    """Random noise, the control: no gradient is asked for."""

    attack: Literal["noise"]
    function = random_noise
    kind: Literal["uniform", "extreme"] = Field(default="uniform", description="uniform in the ball, or on its surface")
    clip: Clip = True
