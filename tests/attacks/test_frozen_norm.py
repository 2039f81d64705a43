"""Batch norm with statistics that stay: what torch gives, and its gradient. The kernel of GPUs is written out here."""

import copy

import pytest
import torch
from torch import nn

from friendfoe.attacks.frozen_norm import FrozenNorm


def _elemt(images, weight, bias, mean, spread, eps):
    """As `torch.batch_norm_elemt`, which a CPU does not have."""
    wide = [part if part is None else part.view(-1, 1, 1) for part in (weight, bias, mean, spread)]
    weight, bias, mean, spread = wide
    scaled = (images - mean) * spread * (1 if weight is None else weight) + (0 if bias is None else bias)
    return scaled.to(images.dtype)


@pytest.fixture(autouse=True)
def _kernel(monkeypatch):
    monkeypatch.setattr(torch, "batch_norm_elemt", _elemt, raising=False)


def _norm(dtype=torch.float64, **settings):
    norm = nn.BatchNorm2d(5, dtype=dtype, **settings)
    for values in (norm.running_mean, norm.running_var, norm.weight, norm.bias):
        if values is not None:
            nn.init.uniform_(values, 0.5, 2)
    return norm.eval()


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("format_", [torch.contiguous_format, torch.channels_last])
def test_it_gives_what_torch_gives_and_its_gradient(affine, format_):
    norm, slopes = _norm(affine=affine), torch.randn(4, 5, 3, 7, dtype=torch.float64)
    found = []
    for kind in (norm, FrozenNorm(norm)):
        images = torch.linspace(-3, 3, slopes.numel()).view_as(slopes).double().contiguous(memory_format=format_)
        answer = kind(images.requires_grad_())
        found.append((answer.detach(), *torch.autograd.grad(answer, images, slopes)))
    torch.testing.assert_close(found[1], found[0], rtol=1e-12, atol=1e-12)


def test_features_in_bfloat16_go_with_statistics_in_float32():
    norm = _norm(torch.float32)
    images = torch.randn(4, 5, 3, 3).bfloat16()
    answers = [kind(images.clone().requires_grad_()) for kind in (norm, FrozenNorm(norm))]
    assert answers[1].dtype == torch.bfloat16
    torch.testing.assert_close(*answers, rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize("count", [0, 3])
def test_what_needs_no_gradient_is_done_by_torch(count, monkeypatch):
    norm, images = _norm(), torch.randn(count, 5, 3, 3, dtype=torch.float64)
    monkeypatch.delattr(torch, "batch_norm_elemt")
    assert torch.equal(FrozenNorm(norm)(images), norm(images))


def test_the_norm_itself_stays_as_it_is():
    norm = _norm()
    before, names = copy.deepcopy(norm.state_dict()), set(vars(norm))
    FrozenNorm(norm)(torch.randn(2, 5, 3, 3, dtype=torch.float64).requires_grad_()).sum().backward()
    assert set(vars(norm)) == names
    assert norm.weight.grad is None
    assert all(torch.equal(before[name], value) for name, value in norm.state_dict().items())


def test_only_norms_of_torch_that_keep_statistics_on_a_gpu_are_replaced():
    class Own(nn.BatchNorm2d):
        pass

    assert not FrozenNorm.fits(_norm())  # on the CPU
    with torch.device("meta"):
        kinds = [nn.BatchNorm2d(3, track_running_stats=False), Own(3), nn.GroupNorm(1, 3), nn.BatchNorm1d(3)]
    assert not any(map(FrozenNorm.fits, kinds))
