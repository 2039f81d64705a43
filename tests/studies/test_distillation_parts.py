"""The arithmetic of the distillation study: gradients, the attack protocol, fooling images, distances."""

import hypothesis
import mpmath
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from friendfoe.studies.distillation.distances import distances
from friendfoe.studies.distillation.fooling import fool
from friendfoe.studies.distillation.gradients import jacobian, log10_amplitude
from friendfoe.studies.distillation.inside import bin_shares
from friendfoe.studies.distillation.jsma import attack, counts, robustness
from friendfoe.studies.distillation.settings import Distances, Fooling, Jsma


def exact(logits, slopes):
    """log10 of the mean absolute derivative of a softmax, with 2000 digits."""
    with mpmath.workdps(2000):
        powers = [mpmath.e ** mpmath.mpf(z) for z in logits]
        f = [p / sum(powers) for p in powers]
        total = mpmath.mpf(0)
        for i in range(len(f)):
            for d in range(len(slopes[0])):
                total += abs(f[i] * (mpmath.mpf(slopes[i][d]) - sum(f[j] * slopes[j][d] for j in range(len(f)))))
        return float(mpmath.log10(total / (len(f) * len(slopes[0]))))


@hypothesis.settings(max_examples=20, deadline=None)
@given(scale=st.sampled_from([1.0, 30.0, 400.0, 1500.0]), seed=st.integers(0, 100))
def test_amplitudes_are_exact_however_small(scale, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(1, 3, generator=generator, dtype=torch.float64) * scale
    slopes = torch.randn(1, 3, 2, generator=generator, dtype=torch.float64)
    amplitude = log10_amplitude(logits, slopes).item()
    assert amplitude == pytest.approx(exact(logits[0].tolist(), slopes[0].tolist()), abs=1e-6)


def test_gradients_at_100_are_not_silently_zero():
    """What float32 takes for 0, and float64 too, has an amplitude here."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 4))
    with torch.no_grad():
        network[1].weight *= 4000
        network[1].bias *= 4000
    images = torch.rand(30, 1, 4, 4)
    for wide in (network, network.double()):
        pixels = images.to(next(wide.parameters()).dtype).requires_grad_()
        wide(pixels).softmax(1)[:, 0].sum().backward()
        assert (pixels.grad.flatten(1) == 0).all(1).any()
    amplitudes = log10_amplitude(*jacobian(network.float(), images))
    assert amplitudes.isfinite().all()
    assert amplitudes.min() < -324
    shares = bin_shares(pd.DataFrame({"model": "a", "log10": amplitudes.numpy()}))
    assert shares.loc["a"].sum() == pytest.approx(1)
    assert shares.loc["a", "< 1e-324"] == pytest.approx((amplitudes < -324).double().mean().item())


def test_amplitudes_agree_with_autograd_where_that_does_not_underflow():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 4), nn.Tanh(), nn.Linear(4, 3)).double()
    image = torch.rand(1, 1, 4, 4, dtype=torch.float64)
    direct = torch.autograd.functional.jacobian(lambda x: network(x).softmax(1)[0], image).abs().mean().log10()
    assert log10_amplitude(*jacobian(network, image)).item() == pytest.approx(direct.item(), abs=1e-9)


def test_failures_count_as_the_whole_budget_and_the_budget_is_kept():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    images, labels = torch.rand(6, 1, 8, 8), torch.arange(6)
    settings = Jsma(targets=9, features=0.1428572)
    attacks = attack(network, images, labels, 10, settings, kind="jsma", temperature=1.0)
    assert len(attacks.labels) == 54
    assert (attacks.targets != attacks.labels).all()
    assert all(len(set(attacks.targets[i * 9 : i * 9 + 9].tolist())) == 9 for i in range(6))
    assert (attacks.changed <= 9 / 64).all()
    table = counts(attacks, 0.1428572)
    assert table["n"].sum() == 54
    expected = attacks.changed[attacks.reached].sum() + 0.1428572 * (~attacks.reached).sum()
    assert table["features"].sum() == pytest.approx(float(expected))
    assert attacks.forward >= 54
    least = [
        min([float(attacks.changed[a]) if attacks.reached[a] else 0.1428572 for a in range(9 * i, 9 * i + 9)])
        for i in range(6)
    ]
    assert robustness(attacks, settings) == pytest.approx(sum(least) / 6)
    assert any(share < 0.1428572 for share in least)


def test_noise_is_driven_to_every_class():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 3)).eval()
    with torch.no_grad():
        network[1].weight *= 20
    noise = fool(network, (1, 8, 8), 3, Fooling(images=4, steps=40, step=0.05, confidence=0.99), seed=0)
    assert noise.classes.tolist() == [0, 1, 2] * 4
    assert (noise.after > 0.99).all()
    assert (noise.before < noise.after).any()


def test_only_what_is_right_has_a_distance_and_a_temperature_changes_no_answer():
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)).eval()
    with torch.no_grad():
        network[1].weight.copy_(torch.tensor([[10.0, 0, 0, 0], [-10.0, 0, 0, 0]]))
        network[1].bias.copy_(torch.tensor([-5.0, 5.0]))
    images = torch.full((3, 1, 2, 2), 204, dtype=torch.uint8)  # 0.8: class 0, and 0.3 from the boundary
    settings = Distances(images=3, steps=60, binary_search_steps=4, lr=0.1)
    for temperature in (1, 20):
        rows = distances(network, images, torch.tensor([0, 0, 1]), temperature, settings)
        assert [row["right"] for row in rows] == [True, True, False]
        assert rows[0]["distance"] == pytest.approx(0.3, abs=0.03)
        assert rows[2]["distance"] != rows[2]["distance"]  # nan
