"""Random noise as a perturbation: the control for every attack."""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from friendfoe.attacks.ball import PIXELS, UNCLIPPED, L2Ball, LinfBall, ball_around, unit
from friendfoe.attacks.config import BallConfig, Clip
from friendfoe.attacks.contract import Ids, Model, check_images, check_sample_ids
from friendfoe.attacks.threat import Threat
from friendfoe.runtime.draws import normal, uniform


def random_noise(
    images: Tensor,
    *,
    threat: Threat,
    kind: Literal["uniform", "extreme"] = "uniform",
    seed: int = 0,
    sample_ids: Ids = None,
    clip: bool = True,
) -> Tensor:
    """Images at a random point of the ball (``uniform``) or of its surface (``extreme``), clipped to [0, 1].

    For ``linf`` that is U(-eps, eps) or +-eps in each pixel, the two noises that Goodfellow et al. (2015, section 6)
    train on for comparison; for ``l2`` a random direction. Arguments and errors are those of
    :func:`~friendfoe.attacks.pgd`.
    """
    check_images(images)
    if kind not in ("uniform", "extreme"):
        raise ValueError(f"kind: must be uniform or extreme, got {kind!r}")
    sample_ids = check_sample_ids(sample_ids, images)
    images = images.detach()
    ball = ball_around(images, threat, pixels=PIXELS if clip else UNCLIPPED)
    if not len(images) or kind == "uniform":
        return ball.draw(seed, sample_ids, 0) if len(images) else images.clone()
    count = images[0].numel()
    if isinstance(ball, LinfBall):
        signs = (uniform(seed, sample_ids, count) < 0.5).view(images.shape)
        return ball.project(torch.where(signs, images - ball.eps, images + ball.eps))
    assert isinstance(ball, L2Ball)
    return ball.project(images + ball.eps * unit(normal(seed, sample_ids, count).view(images.shape).to(images)))


class NoiseConfig(BallConfig):
    """Random noise, the control: no gradient is asked for."""

    attack: Literal["noise"]
    kind: Literal["uniform", "extreme"] = Field(default="uniform", description="uniform in the ball, or on its surface")
    clip: Clip = True

    @property
    def storable(self) -> bool:
        """Only where clipped."""
        return self.clip

    def run(
        self, model: Model, images: Tensor, labels: Tensor, *, eps: float, seed: int, sample_ids: Ids, early_stop: bool
    ) -> Tensor:
        """Run :func:`random_noise`; model and labels do not matter."""
        threat = Threat(self.norm, eps)
        return random_noise(images, threat=threat, kind=self.kind, seed=seed, sample_ids=sample_ids, clip=self.clip)
