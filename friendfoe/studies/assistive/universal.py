"""One sticker for all images of a class: made on training images in many places, judged on test images.

As a printed sticker would have to be, and as the adversarial patch of Brown et al. (2017, arXiv 1712.09665) is; but
digital: neither light nor camera come between.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from friendfoe.attacks.threat import Goal
from friendfoe.data.pixels import to_float
from friendfoe.data.store import Split
from friendfoe.models.predict import predict
from friendfoe.studies.assistive.settings import Universal

GREY = 0.5


def craft_stickers(
    network: nn.Module, training: Split, goal: Goal, side: int, settings: Universal, seed: int
) -> Tensor:
    """A sticker per class that lowers (friend) or raises (foe) the mean loss of that class's images, wherever it lies.

    Every step takes a batch of images, each with the sticker of its class in a place that is drawn, and moves every
    pixel by the sign of its mean gradient; steps fall from a quarter of the range to none.

    Returns:
        uint8 [K, C, side, side].
    """
    draw = torch.Generator().manual_seed(seed)
    device = next(network.parameters()).device
    channels, height, width = training.shape
    stickers = torch.full((len(training.classes), channels, side, side), GREY, device=device)
    sign = 1 if goal is Goal.FOE else -1
    for step in range(settings.steps):
        rows = torch.randint(len(training), (settings.batch,), generator=draw)
        tops = torch.randint(height - side + 1, rows.shape, generator=draw)
        lefts = torch.randint(width - side + 1, rows.shape, generator=draw)
        images, labels = to_float(training.images[rows].to(device)), training.labels[rows].to(device)
        stickers.requires_grad_()
        loss = F.cross_entropy(network(paste(images, stickers[labels], tops, lefts)), labels)
        (gradient,) = torch.autograd.grad(loss, stickers)
        size = (1 - step / settings.steps) / 4
        stickers = (stickers.detach() + sign * size * gradient.sign()).clamp(0, 1)
    return (stickers * 255).round().to(torch.uint8).cpu()


def paste(images: Tensor, stickers: Tensor, tops: Tensor, lefts: Tensor) -> Tensor:
    """Images [N, C, H, W], each with its sticker [N, C, s, s]; its upper left corner is int64 [N] each, in pixels."""
    count, channels, side, _ = stickers.shape
    device, along = images.device, torch.arange(side)
    rows, columns = ((start[:, None] + along).to(device) for start in (tops, lefts))
    where = (
        torch.arange(count, device=device)[:, None, None, None],
        torch.arange(channels, device=device)[None, :, None, None],
        rows[:, None, :, None],
        columns[:, None, None, :],
    )
    return images.index_put(where, stickers)


def judged(network: nn.Module, images: Tensor, stickers: Tensor, places: list[tuple[int, int]]) -> Tensor:
    """What a network answers on images uint8 [N, C, H, W] with their stickers uint8 [N, C, s, s] in every place.

    Returns:
        Probabilities [P, N, K], on the CPU.
    """
    corners = [[torch.full((len(images),), value) for value in place] for place in places]
    return torch.stack([predict(network, paste(images, stickers, *corner)).cpu() for corner in corners])
