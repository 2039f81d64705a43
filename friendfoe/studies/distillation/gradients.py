"""How large the gradients of the softmax are, without computing one that may underflow, and which ones underflow."""

import math

import torch
from torch import Tensor, nn

from friendfoe.data.pixels import to_float
from friendfoe.runtime import batch_size


def amplitudes(network: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """`log10_amplitude` of each image [N], and whether float32 has nothing but zeros, bool [N]; uint8 [N, C, H, W]."""
    device = next(network.parameters()).device
    logarithms, lost = [], []
    for part in torch.split(images, batch_size(device, images.shape)):
        logits, slopes = jacobian(network, to_float(part.to(device)))
        logarithms.append(log10_amplitude(logits, slopes))
        lost.append(vanished(logits, slopes))
    return torch.cat(logarithms).cpu(), torch.cat(lost).cpu()


def vanished(logits: Tensor, jacobian: Tensor) -> Tensor:
    """Whether an attacker who differentiates the softmax as it is finds nothing but zeros, bool [N].

    Autograd multiplies the derivatives of F = softmax(z) by the logits, F_i (1[i = j] - F_j), with those of the logits
    [N, K, D]; in the precision of both, these underflow.
    """
    softmax = logits.softmax(1)
    own = torch.eye(logits.shape[1], dtype=logits.dtype, device=logits.device) - softmax.unsqueeze(1)
    return ((softmax.unsqueeze(2) * own) @ jacobian == 0).flatten(1).all(1)


def jacobian(network: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """Logits [N, K] of images [N, C, H, W] and their derivatives by every feature, [N, K, C x H x W]."""
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
