"""What networks answer on noise, which belongs to no class, and on noise that a step makes look like one."""

import torch
from torch import Tensor, nn

from friendfoe.attacks.pgd import pgd
from friendfoe.attacks.threat import Goal, Threat
from friendfoe.models.predict import predict

SURE = 0.5  # a probability above it is an answer, and on noise every answer is an error


def rubbish(network: nn.Module, shape: tuple[int, int, int], count: int, seed: int) -> dict[str, Tensor]:
    """Answers on `count` images of noise N(0, I): whether some class has a probability above 0.5, each [count].

    Returns:
        error: 1 where there is one.
        confidence-wrong: the highest probability there, nan elsewhere.
    """
    noise = torch.randn(count, *shape, generator=torch.Generator().manual_seed(seed))
    highest = predict(network, noise).amax(1).cpu()
    sure = highest > SURE
    return {"error": sure.float(), "confidence-wrong": torch.where(sure, highest, torch.nan)}


def fooling(
    network: nn.Module, shape: tuple[int, int, int], count: int, eps: float, seed: int
) -> tuple[Tensor, Tensor]:
    """Take one step of size eps towards each class from `count` images of noise.

    The noise is grey, with a standard deviation of a quarter, in [0, 1].

    Returns:
        Images float [K, count, C, H, W], and the probability of the class before and after, [2, K, count]; on the CPU.
    """
    device = next(network.parameters()).device
    noise = torch.randn(count, *shape, generator=torch.Generator().manual_seed(seed))
    noise = (0.5 + 0.25 * noise).clamp(0, 1).to(device)
    before = predict(network, noise).cpu()
    images, after = [], []
    for label in range(before.shape[1]):
        goal = torch.full((count,), label, device=device)
        moved = pgd(
            network,
            noise,
            goal,
            threat=Threat("linf", eps),
            steps=1,
            random_start=False,
            goal=Goal.FRIEND,
            keep_best=False,
        )
        images.append(moved.cpu())
        after.append(predict(network, moved)[:, label].cpu())
    return torch.stack(images), torch.stack([before.T, torch.stack(after)])
