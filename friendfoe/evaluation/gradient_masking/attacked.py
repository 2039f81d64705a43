"""A model under attacks: which images withstand each, and which an attack could not perturb."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from friendfoe.attacks.contract import NotFiniteError
from friendfoe.attacks.white_box import NoGradientError, WhiteBox


class Attack(Protocol):
    """Perturbs images [n, C, H, W] of some samples, whose numbers say what is drawn for them."""

    def __call__(self, images: Tensor, labels: Tensor, *, sample_ids: Tensor) -> Tensor:
        """Images within the ball."""


@dataclass
class Attacked:
    """What became of each image under each attack, all of which begin at the clean images.

    Attributes:
        answers: of the model.
        images: floating [N, C, H, W].
        labels: int64 [N].
        sample_ids: int64 [N].
        spoilt: bool [N], which clean images have no finite gradient.
        standing: attack -> bool [N], which images are right when clean and withstand it; "clean" is one of them.
        unperturbed: attack -> what it could not perturb, and why.
    """

    answers: WhiteBox
    images: Tensor
    labels: Tensor
    sample_ids: Tensor
    spoilt: Tensor
    standing: dict[str, Tensor] = field(default_factory=dict)
    unperturbed: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Look at the clean images."""
        self.standing["clean"] = predictions(self.answers, self.images) == self.labels

    def under(self, name: str, attack: Attack, among: Tensor | None = None) -> Tensor:
        """Which images withstand an attack, bool [N], of those that are right and, where given, `among` these."""
        standing = self.standing["clean"].clone() if among is None else among & self.standing["clean"]
        rows = standing.nonzero().squeeze(1)
        if len(rows):
            left: list[str] = []
            perturbed = self._perturbed(attack, rows, left)
            if left:
                self.unperturbed[name] = f"{name}: left {len(left)} of {len(rows)} images as they are, for {left[0]}"
            standing[rows] = predictions(self.answers, perturbed) == self.labels[rows]
        self.standing[name] = standing
        return standing

    def _perturbed(self, attack: Attack, rows: Tensor, left: list[str]) -> Tensor:
        """Perturbed images of some rows; those that cannot be perturbed as they are, with a reason for each."""
        images = self.images[rows]
        try:
            return attack(images, self.labels[rows], sample_ids=self.sample_ids[rows])
        except NoGradientError:
            left += ["there is no gradient"] * len(rows)
        except NotFiniteError as error:
            spoilt = self.spoilt[rows]
            if len(rows) == 1 or spoilt.all():
                left += [str(error).split(" for ")[0]] * len(rows)
            else:  # what is drawn for an image does not depend on the others
                parts = (spoilt, ~spoilt) if spoilt.any() else _halves(rows)
                for part in parts:
                    images[part] = self._perturbed(attack, rows[part], left)
        return images

    def worst(self, names: Iterable[str]) -> Tensor:
        """Which images withstand all of some attacks."""
        return torch.stack([self.standing[name] for name in names]).all(0)

    def reason(self, *names: str) -> str:
        """What some attacks could not perturb, and why; empty where there is nothing."""
        return "; ".join(self.unperturbed[name] for name in names if name in self.unperturbed)


def _halves(rows: Tensor) -> tuple[Tensor, Tensor]:
    first = torch.arange(len(rows), device=rows.device) < len(rows) // 2
    return first, ~first


def predictions(answers: WhiteBox, images: Tensor) -> Tensor:
    """The class of each image, int64 [N]; -1 where the model's logits are not finite: that is no right answer."""
    try:
        return answers.logits(images).argmax(1)
    except NotFiniteError:
        if len(images) == 1:
            return torch.full((1,), -1, device=images.device)
        return torch.cat([predictions(answers, half) for half in images.tensor_split(2)])
