"""The logits along the FGSM direction: are they linear in eps, and how far does the right answer hold?"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from friendfoe.data.store import Images
from friendfoe.runtime import batch_size
from friendfoe.studies.fgsm.measures import shifted


@dataclass(frozen=True)
class Lines:
    """Logits float32 [N, P, K] of N images at P values of eps [P], from negative to positive ones."""

    eps: Tensor
    logits: Tensor

    def linearity(self) -> dict[str, Tensor]:
        """How much of the logits' variation with eps a straight line explains (R²), uphill and downhill of the image.

        All logits of an image count together, [N]. A parabola that begins at eps 0 would have 0.94.
        """
        sides = {"uphill": self.eps >= 0, "downhill": self.eps <= 0}
        return {f"linear-{name}": _explained(self.eps[side], self.logits[:, side]) for name, side in sides.items()}

    def held(self, labels: Tensor) -> dict[str, Tensor]:
        """How far from the image the answer stays right, uphill and downhill: the eps up to there, [N]."""
        right = self.logits.argmax(2) == labels.view(-1, 1)
        middle, step = int(self.eps.abs().argmin()), float(self.eps[1] - self.eps[0])
        sides = {"uphill": right[:, middle + 1 :], "downhill": right[:, :middle].flip(1)}
        return {f"held-{name}": _unbroken(right[:, middle], side) * step for name, side in sides.items()}


def _unbroken(first: Tensor, rest: Tensor) -> Tensor:
    """How many of `rest` [N, P] are true before the first that is not, where `first` [N] is true; [N]."""
    return (first.unsqueeze(1) & rest).long().cumprod(1).sum(1).float()


@torch.no_grad()
def lines(network: nn.Module, images: Images, signs: Tensor, reach: float, points: int) -> Lines:
    """The logits of images (uint8 [N, C, H, W]) shifted along their direction (int8, the same shape)."""
    device = next(network.parameters()).device
    eps = torch.linspace(-reach, reach, points)
    columns = []
    for e in eps.tolist():
        parts = torch.split(shifted(images, signs, e), batch_size(device, images.shape))
        columns.append(torch.cat([network(part.to(device)).cpu() for part in parts]))
    return Lines(eps, torch.stack(columns, 1))


def _explained(eps: Tensor, logits: Tensor) -> Tensor:
    centred = eps.double() - eps.double().mean()
    values = logits.double() - logits.double().mean(1, keepdim=True)
    slopes = torch.einsum("p,npk->nk", centred, values) / centred.square().sum()
    left = values - centred.view(1, -1, 1) * slopes.unsqueeze(1)
    return 1 - left.square().sum((1, 2)) / values.square().sum((1, 2))
