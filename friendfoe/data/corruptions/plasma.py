"""Plasma fractals: clouds by the diamond-square algorithm (Fournier, Fussell & Carpenter 1982)."""

import torch
from torch import Tensor

from friendfoe.data.corruptions.draws import Draws


def plasma(draws: Draws, height: int, width: int, decay: float) -> Tensor:
    """A height map for each of N images, [N, 1, H, W]; the whole map, whose sides are a power of 2, spans [0, 1].

    Args:
        draws: what the roughness is drawn from.
        height: H, in pixels.
        width: W, in pixels.
        decay: how much smaller the random part gets when the distance halves: the greater, the smoother.
    """
    extent = 1 << max(1, (max(height, width) - 1).bit_length())
    heights = torch.zeros(len(draws.sample_ids), extent, extent, dtype=draws.dtype, device=draws.sample_ids.device)
    step, wibble = extent, 100.0
    while step >= 2:
        half, cells = step // 2, extent // step

        def rough(sums: Tensor, cells: int = cells, wibble: float = wibble) -> Tensor:
            return sums / 4 + draws.uniform(cells, cells, low=-(wibble**2), high=wibble**2)

        corners = heights[:, ::step, ::step]
        pairs = corners + corners.roll(-1, 1)
        heights[:, half::step, half::step] = rough(pairs + pairs.roll(-1, 2))
        centres = heights[:, half::step, half::step]
        # the middles of the edges: half of what surrounds them are corners, half are centres
        above = centres + centres.roll(1, 1) + corners + corners.roll(-1, 2)
        beside = centres + centres.roll(1, 2) + corners + corners.roll(-1, 1)
        heights[:, ::step, half::step] = rough(above)
        heights[:, half::step, ::step] = rough(beside)
        step, wibble = half, wibble / decay
    low, high = heights.amin((1, 2), keepdim=True), heights.amax((1, 2), keepdim=True)
    return ((heights - low) / (high - low))[:, :height, :width].unsqueeze(1)
