"""Attacks as settings: what stands under `conditions` in params.yaml. Checked without importing torch.

A recipe's sizes are relative, so that one recipe serves every data set: `step` is a share of eps, a patch is placed in
shares of the image. Only eps is absolute, and it usually comes from the data set.

`friendfoe.attacks.run.craft` runs a recipe. It stands there and not here, because every stage of the pipeline imports
the settings, but only some depend on the code of the attacks.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator
from typing_extensions import Self

from friendfoe.attacks.threat import Goal
from friendfoe.runtime.strict import Strict

Share = Annotated[float, Field(ge=0, le=1)]
Size = Annotated[float, Field(ge=0)]


class Patch(Strict):
    """A square sticker: the only part of the image that may change."""

    side: Annotated[float, Field(gt=0, le=1)] = Field(description="as a share of the image's shorter side")
    top: Share = Field(default=0.5, description="0: at the upper edge, 1: at the lower, 0.5: in the middle")
    left: Share = Field(default=0.5, description="0: at the left edge, 1: at the right, 0.5: in the middle")


class _InBall(Strict):
    eps: Size | None = Field(default=None, description="size; where null, that of the data set")
    norm: Literal["linf", "l2"] = Field(default="linf", description="how the size is measured")

    @model_validator(mode="after")
    def _unit_of_eps(self) -> Self:
        if self.norm == "l2" and self.eps is None:
            raise ValueError("eps: norm l2 needs its own; that of the data set is a change of each pixel (linf)")
        return self


class _Loop(_InBall):
    patch: Patch | None = Field(default=None, description="confine the perturbation to a sticker")
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32", description="of the gradients; bfloat16 is faster where the processor has it"
    )


class _Gradient(_Loop):
    goal: Goal = Field(default=Goal.FOE, description="foe: raise the loss of the label; friend: lower it")
    label: Literal["given", "own"] = Field(
        default="given", description="own: the answer of the model that it is crafted on, in place of the true label"
    )


class Noise(_InBall):
    """Random noise, the control: no gradient is asked for."""

    attack: Literal["noise"]
    kind: Literal["uniform", "extreme"] = Field(default="uniform", description="uniform in the ball, or on its surface")
    clip: bool = Field(default=True, description="false: pixels may leave [0, 1], so that no image can be saved")


class Fgsm(_Gradient):
    """Fast gradient sign method: one step of size eps."""

    attack: Literal["fgsm"]
    clip: bool = Field(default=True, description="false: pixels may leave [0, 1], so that no image can be saved")


class Assist(_Loop):
    """Assistive signal: gradient steps that lower the loss of the true label."""

    attack: Literal["assist"]
    steps: PositiveInt = Field(default=1, description="gradient steps; 1 is the definition of the assistive study")
    step: PositiveFloat | None = Field(
        default=None, description="a step as a share of eps; null: 1 for one step, else 0.25"
    )


class Descent(_Gradient):
    """What PGD and its relatives have."""

    steps: NonNegativeInt = Field(default=20, description="gradient steps per restart")
    step: PositiveFloat = Field(default=0.25, description="size of a step as a share of eps")
    restarts: PositiveInt = Field(default=1, description="random starting points; the best result is kept")
    random_start: bool = Field(default=True, description="start at a random point of the ball, not at the image")
    keep_best: bool = Field(default=True, description="keep the best image on the way, not the last one")

    @model_validator(mode="after")
    def _restarts_differ(self) -> Self:
        if self.restarts > 1 and not self.random_start:
            raise ValueError("restarts: more than one needs random_start, or all would be the same")
        return self


class Pgd(Descent):
    """Projected gradient descent on the cross-entropy."""

    attack: Literal["pgd"]
    loss: Literal["cross_entropy", "softmax"] = Field(
        default="cross_entropy", description="softmax: the same by way of probabilities, whose gradients may vanish"
    )


class MarginPgd(Descent):
    """PGD on the margin loss of Carlini & Wagner (CW-inf)."""

    attack: Literal["margin_pgd"]


class TemperaturePgd(Descent):
    """PGD on the cross-entropy of softmax(logits / temperature); not the attack of TRADES."""

    attack: Literal["temperature_pgd"]
    temperature: PositiveFloat = Field(description="1 is PGD; towards 0 it becomes the margin loss")


class Apgd(_InBall):
    """Auto-PGD: PGD with momentum that chooses its own step sizes."""

    attack: Literal["apgd"]
    loss: Literal["cross_entropy", "dlr"] = Field(
        default="cross_entropy", description="dlr: difference of logits ratio"
    )
    steps: PositiveInt = Field(default=100, description="gradient steps per restart")
    restarts: PositiveInt = Field(default=1, description="random starting points; the best result is kept")


class FabT(_InBall):
    """Targeted FAB: looks for the nearest misclassified image."""

    attack: Literal["fab_t"]
    steps: PositiveInt = Field(default=100, description="gradient steps per target")
    classes: PositiveInt = Field(default=9, description="how many of the likeliest rival classes are targets")


class Square(_InBall):
    """Square attack: random search that asks for predictions only, no gradients."""

    attack: Literal["square"]
    queries: PositiveInt = Field(default=5000, description="how often the model is asked about an image, at most")


class AutoAttack(_InBall):
    """AutoAttack: APGD-CE, APGD-T, FAB-T and Square, one after the other."""

    attack: Literal["autoattack"]
    steps: PositiveInt = Field(default=100, description="gradient steps per run of APGD and FAB")
    classes: PositiveInt = Field(default=9, description="how many of the likeliest rival classes are targets")
    queries: PositiveInt = Field(default=5000, description="how often Square asks the model about an image, at most")


class CwL2(Strict):
    """Carlini & Wagner's L2 attack: the least change that changes the prediction."""

    attack: Literal["cw_l2"]
    eps: Size = Field(description="largest Euclidean length that counts")
    steps: PositiveInt = Field(default=200, description="gradient steps per search")
    searches: PositiveInt = Field(default=6, description="trials for the weight of the margin")
    weight: PositiveFloat = Field(default=1.0, description="the first of these weights")
    rate: PositiveFloat = Field(default=0.02, description="learning rate")
    confidence: Annotated[float, Field(ge=0)] = Field(default=0.0, description="lead that the wrong class must have")


class Jsma(Strict):
    """JSMA: sets a few pixels to their maximum, chosen by a saliency map, until the likeliest rival class wins."""

    attack: Literal["jsma"]
    eps: Share = Field(default=112 / 784, description="share of the features that may change")
    output: Literal["softmax", "log-softmax", "logits"] = Field(
        default="softmax",
        description="what is differentiated; log-softmax: the attack on the softmax without underflow",
    )
    temperature: PositiveFloat = Field(default=1.0, description="of the softmax that is differentiated")


Recipe = Annotated[
    Noise | Fgsm | Assist | Pgd | MarginPgd | TemperaturePgd | Apgd | FabT | Square | AutoAttack | CwL2 | Jsma,
    Field(discriminator="attack"),
]
"""Any attack's settings, told apart by the field `attack`."""


def known() -> dict[str, str]:
    """Every attack that a recipe can name, with one line on what it is."""
    kinds = get_args(get_args(Recipe)[0])
    return {get_args(k.model_fields["attack"].annotation)[0]: (k.__doc__ or "").splitlines()[0] for k in kinds}
