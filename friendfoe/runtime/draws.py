"""Random numbers by name instead of by order: each is a hash of (seed, stream, sample, position).

Whatever the batch an image sits in, on CPU and GPU alike, its noise is the same, and no generator's state is touched.
The hash is the finaliser of SplitMix64 (Steele, Lea & Flood 2014), which turns a counter into well-mixed 64 bits.
"""

import math
from numbers import Integral

import torch
from torch import Tensor

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
Seed = int | Tensor
"""A number, or int64 [] on the device, which a graph of operations can be told anew."""
_MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))


def uniform(seed: Seed, sample_ids: Tensor, count: int, *, stream: int | Tensor = 0) -> Tensor:
    """Uniform float32 numbers [N, count] in [0, 1), multiples of 2^-24; ``sample_ids`` int64 [N] names the rows.

    ``stream`` is one for all rows, or int64 [N].
    """
    bits = _bits(seed, sample_ids, count, stream)
    return _shift(bits, 40).to(torch.float32) * 2.0**-24


def normal(seed: Seed, sample_ids: Tensor, count: int, *, stream: int = 0) -> Tensor:
    """Standard normal float32 numbers [N, count] (Box & Muller 1958); ``sample_ids`` int64 [N] names the rows."""
    pairs = uniform(seed, sample_ids, 2 * count, stream=stream).view(len(sample_ids), 2, count)
    radius = (-2 * torch.log1p(-pairs[:, 0])).sqrt()
    return radius * torch.cos(2 * math.pi * pairs[:, 1])


def _bits(seed: Seed, sample_ids: Tensor, count: int, stream: int | Tensor) -> Tensor:
    rows = _mix((sample_ids + 1) * _signed(_GOLDEN) + _key(seed, stream))
    positions = torch.arange(1, count + 1, device=sample_ids.device) * _signed(_GOLDEN)
    return _mix(rows.unsqueeze(1) + positions)


def _key(seed: Seed, stream: int | Tensor) -> int | Tensor:
    if isinstance(seed, Tensor):
        start: int | Tensor = _mix(seed)
    elif isinstance(seed, bool) or not isinstance(seed, Integral):
        raise ValueError(f"seed: must be an integer, got {seed!r}")
    else:
        start = _signed(_mix_int(int(seed)))
    if isinstance(stream, Tensor):
        return _mix((stream + 1) * _signed(_GOLDEN) + start)
    step = _signed((stream + 1) * _GOLDEN & _MASK)
    return _mix(start + step) if isinstance(start, Tensor) else _signed(_mix_int(start + step))


def _mix(x: Tensor) -> Tensor:
    for shift, factor in _MIX:
        x = _shift(x, shift).bitwise_xor_(x).mul_(_signed(factor))
    return _shift(x, 31).bitwise_xor_(x)


def _mix_int(x: int) -> int:
    x &= _MASK
    for shift, factor in _MIX:
        x = ((x ^ (x >> shift)) * factor) & _MASK
    return x ^ (x >> 31)


def _shift(x: Tensor, by: int) -> Tensor:
    """Logical right shift: torch has signed 64-bit integers only, whose shift copies the sign."""
    return (x >> by).bitwise_and_((1 << (64 - by)) - 1)


def _signed(x: int) -> int:
    return x - (1 << 64) if x >> 63 else x
