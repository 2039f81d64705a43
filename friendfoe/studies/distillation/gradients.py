"""How large the gradients of the softmax are, without computing one that may underflow, and which ones underflow."""

import math

import torch
from torch import Tensor, nn

from friendfoe.data.pixels import to_float
from friendfoe.runtime import batch_size


def amplitudes(network: nn.Module, images: Tensor) -> Tensor:
    """`log10_amplitude` of each image, float64 [N]; images are uint8 [N, C, H, W]."""
    device = next(network.parameters()).device
    parts = torch.split(images, batch_size(device))
    return torch.cat([log10_amplitude(*jacobian(network, to_float(part.to(device)))) for part in parts]).cpu()


def vanished(network: nn.Module, images: Tensor) -> Tensor:
    """Whether an attacker who differentiates the softmax as it is, in float32, finds nothing but zeros, bool [N].

    That is so where all K outputs have a zero derivative by every feature; images are uint8 [N, C, H, W].
    """
    device = next(network.parameters()).device
    softmax = nn.Sequential(network, nn.Softmax(1))
    parts = torch.split(images, batch_size(device))
    return torch.cat([(jacobian(softmax, to_float(part.to(device)))[1] == 0).flatten(1).all(1) for part in parts]).cpu()


def jacobian(network: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs [N, K] of a network for images [N, C, H, W], and their derivatives by features, [N, K, C x H x W]."""
    images = images.detach().requires_grad_()
    with torch.enable_grad():
        logits = network(images)
        rows = [
            torch.autograd.grad(logits[:, k].sum(), images, retain_graph=True)[0].flatten(1)
            for k in range(logits.shape[1])
        ]
    return logits.detach(), torch.stack(rows, 1)


def log10_amplitude(logits: Tensor, jacobian: Tensor) -> Tensor:
    """log10 of the mean absolute derivative of the softmax, over its K outputs and D features, float64 [N].

    With z the logits [N, K], dz the jacobian [N, K, D] and F = softmax(z) the derivative of F_i by a feature is F_i sum
    over j of F_j (dz_i - dz_j). Where the softmax is saturated all of these underflow, so the largest F_j with j != i
    is taken out of the sum, and the logarithm added.
    """
    log_softmax, slopes = logits.double().log_softmax(1), jacobian.double()
    count, classes, features = slopes.shape
    itself = torch.eye(classes, dtype=torch.bool, device=logits.device)
    others = log_softmax.unsqueeze(1).expand(count, classes, classes).masked_fill(itself, -math.inf)
    largest = others.amax(2)  # over j != i
    weights = (others - largest.unsqueeze(2)).exp()
    sums = weights.sum(2, keepdim=True) * slopes - weights @ slopes
    logarithms = (log_softmax + largest).unsqueeze(2) + sums.abs().log()
    mean = logarithms.flatten(1).logsumexp(1) - math.log(classes * features)
    return mean / math.log(10)
