"""Robust accuracy: the worst case, the same verdicts as without stopping early, and true counts."""

import pytest
import torch
from torch import nn

from friendfoe.attacks.config import AttackConfig
from friendfoe.attacks.contract import NotFiniteError
from friendfoe.attacks.craft import craft
from friendfoe.evaluation.robust import WITHSTOOD, PassCounter, robustness


def config(attack, **settings):
    return AttackConfig.model_validate({"attack": attack, **settings})


@pytest.fixture(scope="module")
def case():
    """A model, and images of which it takes 4 for something else."""
    generator = torch.Generator().manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 6, 3), nn.Tanh(), nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(54, 4)).eval()
    for parameter in net.parameters():
        with torch.no_grad():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    images = torch.rand(60, 1, 8, 8, generator=generator)
    with torch.no_grad():
        labels = net(images).argmax(1)
    labels[:4] = (labels[:4] + 1) % 4
    return net, images, labels


ATTACKS = {"fgsm": config("fgsm"), "pgd": config("pgd", steps=5, restarts=2), "square": config("square", n_queries=30)}


def test_worst_case_over_attacks_is_that_of_each_alone(case):
    net, images, labels = case
    result = robustness(net, images, labels, ATTACKS, eps=0.03, seed=0)
    assert result.clean.sum() == 56
    assert (result.fallen_to[:4] == 0).all()
    robust = result.clean
    for number, name in enumerate(ATTACKS, start=1):
        alone = robustness(net, images, labels, {name: ATTACKS[name]}, eps=0.03, seed=0)
        robust = robust & alone.robust
        assert result.accuracy_after(number) == robust.double().mean().item()
    assert torch.equal(result.robust, robust)
    assert 0 < robust.sum() < 56
    assert result.accuracy_after(0) == pytest.approx(56 / 60)


def test_images_carry_the_verdicts(case):
    net, images, labels = case
    result = robustness(net, images, labels, ATTACKS, eps=0.03, seed=0)
    assert torch.equal(net(result.images).argmax(1) == labels, result.robust)
    assert (result.images - images).abs().max() <= 0.03 + 1e-6
    assert torch.equal(result.images[result.robust], images[result.robust])


def test_verdicts_are_those_of_every_step_without_stopping(case):
    net, images, labels = case
    result = robustness(net, images, labels, {"pgd": config("pgd", steps=4)}, eps=0.03, seed=3)
    fallen = net(images).argmax(1) != labels
    for steps in range(5):
        out = craft(config("pgd", steps=steps, keep_best=False), net, images, labels, eps=0.03, seed=3)
        fallen |= net(out).argmax(1) != labels
    assert torch.equal(result.robust, ~fallen)


def test_result_depends_on_the_sample_and_not_on_its_batch(case):
    net, images, labels = case
    whole = robustness(net, images, labels, ATTACKS, eps=0.03, seed=0)
    order = torch.randperm(60, generator=torch.Generator().manual_seed(1))
    for rows in order.split(25):
        part = robustness(net, images[rows], labels[rows], ATTACKS, eps=0.03, seed=0, sample_ids=rows)
        assert torch.equal(part.fallen_to, whole.fallen_to[rows])


def test_passes_are_counted_and_fallen_samples_cost_nothing(case):
    net, images, labels = case
    one = robustness(net, images, labels, {"fgsm": config("fgsm")}, eps=0.0, seed=0)
    assert (one.forward, one.backward) == (60 + 56 + 56, 56)  # clean; one step; what came of it
    many = robustness(net, images, labels, {"pgd": config("pgd", steps=5)}, eps=0.0, seed=0)
    assert (many.forward, many.backward) == (60 + 5 * 56 + 56, 5 * 56)  # clean; five steps; the last image
    none = robustness(net, images[:4], labels[:4], ATTACKS, eps=0.1, seed=0)
    assert (none.forward, none.backward) == (4, 0)
    easy = robustness(net, images, labels, {"pgd": config("pgd", steps=50)}, eps=1.0, seed=0)
    assert easy.backward < 60 * 50 / 4


def test_low_precision_crafts_and_full_precision_decides(case):
    net, _, _ = case
    images = torch.rand(2000, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    labels = net(images).argmax(1)
    low, full = (
        robustness(net, images, labels, {"pgd": config("pgd", steps=10, precision=precision)}, eps=0.03, seed=0)
        for precision in ("bfloat16", "float32")
    )
    assert torch.equal(net(low.images).argmax(1) == labels, low.robust)
    assert (low.images - images).abs().max() <= 0.03 + 1e-6
    assert 0.1 < full.accuracy_after(1) < 0.9
    assert abs(low.accuracy_after(1) - full.accuracy_after(1)) <= 0.002
    with torch.autocast("cpu", torch.bfloat16):  # whoever asks, verdicts are in full precision
        low = robustness(net, images, labels, {"pgd": config("pgd", steps=10)}, eps=0.03, seed=0)
    assert torch.equal(net(low.images).argmax(1) == labels, low.robust)


def test_the_model_is_left_as_it_was(case):
    net, images, labels = case
    net.train()
    robustness(net, images, labels, ATTACKS, eps=0.03, seed=0)
    assert net.training
    net.eval()
    assert all(p.grad is None for p in net.parameters())


def test_counter_counts_foreign_use(case):
    net, images, _ = case
    counter = PassCounter(net)
    counter(images.clone().requires_grad_()).sum().backward()
    with torch.no_grad():
        counter(images[:7])
    assert (counter.forward_passes, counter.backward_passes) == (67, 60)
    net.zero_grad()


def test_an_attack_that_gives_what_is_not_a_number_fells_nothing(case, monkeypatch):
    net, images, labels = case
    blank = config("fgsm")
    monkeypatch.setattr(type(blank), "run", lambda self, model, images, labels, **settings: images * torch.nan)
    with pytest.raises(NotFiniteError, match=r"^attack: the images of FGSMConfig are not finite for 56 of 56 images"):
        robustness(lambda x: net(x.nan_to_num(0)), images, labels, {"blank": blank}, eps=0.1, seed=0)


def test_friends_and_empty_sets(case):
    net, images, labels = case
    with pytest.raises(ValueError, match=r"^attacks: 'help' is a friend"):
        robustness(net, images, labels, {"help": config("fgsm", goal="friend")}, eps=0.1, seed=0)
    assert len(robustness(net, images[:0], labels[:0], ATTACKS, eps=0.1, seed=0).robust) == 0
    assert WITHSTOOD < 0
