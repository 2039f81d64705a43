"""Attacks as settings: what all of them have, and what some share. Those of an attack stand beside its code.

Sizes are relative, so that one config serves every data set: `rel_step` is a share of eps, a patch is placed in shares
of the image. Only eps is absolute, and it usually comes from the data set. Nothing here imports torch or an attack.
"""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from friendfoe.attacks.threat import Goal, Threat
from friendfoe.runtime.kinds import Kind
from friendfoe.runtime.strict import Strict

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from friendfoe.attacks.contract import Ids, Model
    from friendfoe.runtime.draws import Seed

Share = Annotated[float, Field(ge=0, le=1)]
Size = Annotated[float, Field(ge=0)]
Clip = Annotated[bool, Field(description="false: pixels may leave [0, 1], so that no image can be saved")]


class AttackConfig(Kind):
    """Any attack's settings. A new attack is a class below this one, in a file of its own in this folder.

    It names the `function` to call, whose parameters say what it is given: what `run` is, settings by their names, and
    what `_arguments` makes of settings. A class that calls its attack in another way overrides `run`.
    """

    tag = "attack"
    package = "friendfoe.attacks"
    function: ClassVar[Callable[..., Tensor]]

    eps: Size | None = Field(default=None, description="size; where null, that of the data set")

    @property
    def storable(self) -> bool:
        """Whether all pixels stay in [0, 1], so that images can be saved with 8 bits; not where `clip` is false."""
        return bool(getattr(self, "clip", True))

    @property
    def least_classes(self) -> int:
        """How many classes a model must have, to be attacked."""
        return 2

    def run(
        self, model: Model, images: Tensor, labels: Tensor, *, eps: float, seed: Seed, sample_ids: Ids, early_stop: bool
    ) -> Tensor:
        """Perturb images; to be called by `friendfoe.attacks.craft`, which says what the arguments are."""
        given = {"model": model, "images": images, "labels": labels, "seed": seed, "sample_ids": sample_ids}
        given |= {"early_stop": early_stop, **dict(self), **self._arguments(images, eps, early_stop)}
        function = type(self).function
        return function(**{name: given[name] for name in signature(function).parameters if name in given})

    def _arguments(self, images: Tensor, eps: float, early_stop: bool) -> dict[str, Any]:
        """Arguments that are no settings as they stand: the threat, and what takes the place of a setting."""
        raise NotImplementedError


class BallConfig(AttackConfig):
    """Of attacks within a ball of linf or l2."""

    norm: Literal["linf", "l2"] = Field(default="linf", description="how the size is measured")

    @model_validator(mode="after")
    def _unit_of_eps(self) -> Self:
        if self.norm == "l2" and self.eps is None:
            raise ValueError("eps: norm l2 needs its own; that of the data set is a change of each pixel (linf)")
        if self.eps is not None:
            Threat(self.norm, self.eps)  # refuses what is no size
        return self

    def _arguments(self, images: Tensor, eps: float, early_stop: bool) -> dict[str, Any]:
        return {"threat": Threat(self.norm, eps)}


class Patch(Strict):
    """A square sticker: the only part of the image that may change."""

    side: Annotated[float, Field(gt=0, le=1)] = Field(description="as a share of the image's shorter side")
    top: Share = Field(default=0.5, description="0: at the upper edge, 1: at the lower, 0.5: in the middle")
    left: Share = Field(default=0.5, description="0: at the left edge, 1: at the right, 0.5: in the middle")

    def mask(self, images: Tensor) -> Tensor:
        """Where it lies on images [N, C, H, W], as `square_patch` gives it."""
        from friendfoe.attacks.patch import square_patch

        height, width = images.shape[2:]
        side = max(1, round(self.side * min(height, width)))
        return square_patch((height, width), side, round(self.top * (height - side)), round(self.left * (width - side)))


class LoopConfig(BallConfig):
    """Of attacks that follow the gradient in the loop of PGD."""

    patch: Patch | None = Field(default=None, description="confine the perturbation to a sticker")
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32", description="of the gradients; bfloat16 is faster where the processor has it"
    )

    def _arguments(self, images: Tensor, eps: float, early_stop: bool) -> dict[str, Any]:
        mask = None if self.patch is None else self.patch.mask(images)
        return {**super()._arguments(images, eps, early_stop), "mask": mask}


class GradientConfig(LoopConfig):
    """Of those among them that can be friend or foe."""

    goal: Goal = Field(default=Goal.FOE, strict=False, description="foe: raise the loss of the label; friend: lower it")
    label: Literal["given", "own"] = Field(
        default="given", description="own: the answer of the model that it is crafted on, in place of the true label"
    )
