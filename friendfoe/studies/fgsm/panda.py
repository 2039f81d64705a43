"""An image, a perturbation of a few grey levels, and the image that is answered wrongly: figure 1 on any data."""

import pandas as pd
import torch
from torch import Tensor, nn

from friendfoe.data.store import Split
from friendfoe.models.predict import predict
from friendfoe.runtime.errors import UserError
from friendfoe.studies.examples import Examples, answered, join
from friendfoe.studies.fgsm.measures import direction

LEVELS = 255


def least_changes(network: nn.Module, test: Split, classes: list[int]) -> Examples:
    """For each class the first test image that is answered rightly, and the least change that FGSM needs.

    The change is of whole grey levels, the same number for every pixel: what a file with 8 bits can hold. The image of
    the perturbation alone shows its signs in black, grey and white.

    Returns:
        Per class three images, told apart by `part` (clean, signs, attacked), with the number of `levels`; 255 of them
        where no number suffices.

    Raises:
        UserError: the data set lacks a class.
    """
    answers = predict(network, test.images).argmax(1).cpu()
    parts = []
    for number in classes:
        if number >= len(test.classes):
            raise UserError(
                f"params.yaml: studies.fgsm.gallery: {number}: {test.name} has the classes 0 to {len(test.classes) - 1}"
            )
        of = (test.labels == number).nonzero().squeeze(1)
        if not len(of):
            raise UserError(
                f"params.yaml: studies.fgsm.gallery: {number}: {test.name} has no test image of class "
                f"{test.classes[number]}"
            )
        right = of[answers[of] == number]
        row = (right if len(right) else of)[:1]
        parts.append(panda(network, test.images[row], test.labels[row], test.classes))
    return join([Examples(part.images, part.answers.assign(row=row)) for row, part in enumerate(parts)])


def panda(network: nn.Module, image: Tensor, label: Tensor, classes: list[str]) -> Examples:
    """The three images of one row; `image` is uint8 [1, C, H, W], `label` int64 [1]."""
    signs = direction(network, image, label)
    steps = torch.arange(1, LEVELS + 1).view(-1, 1, 1, 1)
    attacked = (image.long() + steps * signs).clamp(0, LEVELS).to(torch.uint8)
    wrong = (predict(network, attacked).argmax(1).cpu() != label).nonzero().squeeze(1)
    least = int(wrong[0]) if len(wrong) else LEVELS - 1
    alone = (127.5 + 127.5 * signs).to(torch.uint8)
    images = torch.cat([image, alone, attacked[least : least + 1]])
    shown = answered(network, images, label.expand(3), classes)
    names = pd.Series(["clean", "signs", "attacked"])
    return Examples(shown.images, shown.answers.assign(part=names, levels=least + 1))
