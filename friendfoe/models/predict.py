"""Logits and class probabilities of many images, a batch at a time."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from friendfoe.data.pixels import to_float
from friendfoe.data.store import Images
from friendfoe.runtime.batches import in_batches
from friendfoe.runtime.eval_mode import in_eval_mode
from friendfoe.runtime.memory_format import Lender, in_any_format
from friendfoe.runtime.precision import exact


def predict(network: nn.Module, images: Images) -> Tensor:
    """Class probabilities [N, K] of what `logits` gives: the network's own `probabilities`, or a softmax."""
    probabilities: Callable[[Tensor], Tensor] = getattr(network, "probabilities", partial(torch.softmax, dim=1))
    return probabilities(logits(network, images))


@torch.no_grad()
def logits(network: nn.Module, images: Images) -> Tensor:
    """Logits [N, K], on the network's device; the mode of each of its modules is left as it was.

    Images are [N, C, H, W], uint8 (tensor or view of a store) or float in [0, 1].
    """
    device = next(network.parameters()).device
    known = in_any_format(network)
    lender = Lender(network, known=known, fast=known)
    with in_eval_mode(network), exact(device):

        def answers(rows: Tensor) -> Tensor:
            batch = images[rows].to(device)
            pixels = to_float(batch) if batch.dtype == torch.uint8 else batch.float()
            given: Tensor = network(lender.lend(pixels))
            return given

        return torch.cat(
            [*in_batches(torch.arange(len(images)), device, answers, "answers", model=network, shape=images.shape)]
        )
