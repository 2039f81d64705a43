"""Random numbers by name: independent of batch and order, uniform, normal, and different where anything differs."""

import pytest
import torch

from friendfoe.runtime.draws import normal, uniform

NAMES = torch.arange(400)


def test_rows_depend_on_their_name_alone():
    whole = uniform(7, NAMES, 50)
    order = torch.randperm(400, generator=torch.Generator().manual_seed(0))
    assert torch.equal(uniform(7, NAMES[order], 50), whole[order])
    assert torch.equal(torch.cat([uniform(7, part, 50) for part in NAMES.split(33)]), whole)
    assert torch.equal(uniform(7, NAMES, 20), whole[:, :20])


def test_each_row_may_have_a_stream_of_its_own():
    streams = torch.arange(400) % 7
    for seed in (-3, torch.tensor(5)):
        rows = [uniform(seed, NAMES[i : i + 1], 6, stream=int(streams[i])) for i in range(400)]
        assert torch.equal(uniform(seed, NAMES, 6, stream=streams), torch.cat(rows))


def test_reference_values():
    """SplitMix64 in plain Python integers."""

    def mix(x):
        x &= 2**64 - 1
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & (2**64 - 1)
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & (2**64 - 1)
        return x ^ (x >> 31)

    golden = 0x9E3779B97F4A7C15
    assert mix(golden) == 0xE220A8397B1DCDAF  # the first output of the published generator for the seed 0
    values = uniform(5, torch.tensor([0, 3]), 4, stream=2)
    for row, name in enumerate([0, 3]):
        for position in range(4):
            word = mix(mix((name + 1) * golden + mix(mix(5) + 3 * golden)) + (position + 1) * golden)
            assert values[row, position].item() == (word >> 40) / 2**24


def test_seeds_streams_and_names_differ():
    base = uniform(0, NAMES, 50)
    assert (base == uniform(1, NAMES, 50)).float().mean() < 1e-3
    assert (base == uniform(0, NAMES, 50, stream=1)).float().mean() < 1e-3
    assert (base[0] == base[1]).float().mean() < 0.1
    assert torch.equal(uniform(-1, NAMES, 3), uniform(2**64 - 1, NAMES, 3))


@pytest.mark.parametrize(("draw", "mean", "std"), [(uniform, 0.5, 12**-0.5), (normal, 0.0, 1.0)])
def test_moments_and_correlation(draw, mean, std):
    numbers = draw(3, NAMES, 500)
    assert abs(numbers.mean().item() - mean) < 5 * std / numbers.numel() ** 0.5
    assert abs(numbers.std().item() - std) < 0.01
    centred = (numbers - mean) / std
    assert abs((centred[1:] * centred[:-1]).mean().item()) < 0.01
    assert abs((centred[:, 1:] * centred[:, :-1]).mean().item()) < 0.01


def test_uniform_is_half_open_and_fills_its_range():
    numbers = uniform(0, NAMES, 2000)
    assert numbers.min() >= 0
    assert numbers.max() < 1
    counts = torch.histc(numbers, 64, 0, 1)
    assert ((counts - counts.mean()) ** 2 / counts.mean()).sum() < 130  # chi-square, 63 degrees of freedom
