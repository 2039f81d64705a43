"""What is computed side by side, for several targets or several queries, is what it would be one after the other."""

import pytest
import torch

from friendfoe.attacks import Threat, apgd, autoattack, fab_t, square
from friendfoe.attacks.apgd import apgd_in_turn
from friendfoe.attacks.loop import Best
from friendfoe.attacks.losses import rivals
from friendfoe.attacks.white_box import WhiteBox, white_box

THREATS = [Threat("linf", 0.05), Threat("l2", 0.35)]
by_norm = pytest.mark.parametrize("threat", THREATS, ids=lambda threat: threat.norm)


@pytest.fixture
def task(conv_net, batch):
    net = conv_net(5, dtype=torch.float64).eval()
    images, _ = batch(2, count=24, dtype=torch.float64)
    return net, images, net(images).argmax(1)


@pytest.fixture
def alone(monkeypatch):
    """One target, and one query, at a time."""

    def use():
        monkeypatch.setattr(WhiteBox, "repeats", lambda self, images, count: 1)

    return use


@by_norm
@pytest.mark.parametrize("early_stop", [True, False])
@pytest.mark.parametrize(("attack", "more"), [(fab_t, {"steps": 12}), (square, {"n_queries": 120})])
def test_parts_that_stop_early_or_late(task, alone, threat, attack, more, early_stop):
    net, images, labels = task
    together = attack(net, images, labels, threat=threat, early_stop=early_stop, **more)
    alone()
    in_turn = attack(net, images, labels, threat=threat, early_stop=early_stop, **more)
    assert torch.allclose(together, in_turn, atol=1e-9, rtol=0)
    fallen = int((net(together).argmax(1) != labels).sum())
    assert 0 < fallen < 24


@by_norm
def test_autoattack(task, alone, threat):
    net, images, labels = task
    threat = Threat(threat.norm, threat.eps / 2)
    together = autoattack(net, images, labels, threat=threat, steps=10, n_queries=40)
    alone()
    in_turn = autoattack(net, images, labels, threat=threat, steps=10, n_queries=40)
    assert torch.allclose(together, in_turn, atol=1e-9, rtol=0)
    assert 0 < int((net(together).argmax(1) != labels).sum()) < 24


@by_norm
def test_targets_in_turn_are_those_of_the_attack_itself(task, threat):
    """Of each sample the first target that succeeds, whatever later ones would have reached."""
    net, images, labels = task
    ids = torch.arange(24)
    common = {"threat": threat, "steps": 10, "loss": "dlr"}
    with white_box(net) as box:
        targets = rivals(box.logits(images), labels)[:, [2, 0, 1]]  # the likeliest in the middle
        ours = apgd_in_turn(box, images, labels, targets, seeds=(4, 5, 6), sample_ids=ids, **common)
    expected, standing = images.clone(), torch.ones(24, dtype=torch.bool)
    by_target = []
    for rank in range(3):
        out = apgd(
            net, images, labels, targets=targets[:, rank], early_stop=True, seed=4 + rank, sample_ids=ids, **common
        )
        expected[standing] = out[standing]
        by_target.append(int((standing & (net(out).argmax(1) != labels)).sum()))
        standing &= net(out).argmax(1) == labels
    assert torch.allclose(ours[~standing], expected[~standing], atol=1e-9, rtol=0)
    assert (net(ours[standing]).argmax(1) == labels[standing]).all()
    assert sum(by_target) > max(by_target) > 0


def test_queries_are_asked_together_where_samples_are_few(task, monkeypatch):
    net, images, labels = task
    asked = []
    logits = WhiteBox.logits
    monkeypatch.setattr(WhiteBox, "logits", lambda self, images: asked.append(len(images)) or logits(self, images))
    square(net, images[:3], labels[:3], threat=Threat("linf", 1e-4), n_queries=60)
    assert asked[:2] == [3, 3]
    assert max(asked) == 12
    assert len(asked) < 55


def test_searches_after_one_that_succeeded_are_finished():
    best = Best(None, torch.zeros(6, 1, 1, 1), keep_best=True, truth=torch.zeros(6, dtype=torch.int64), in_turn=3)
    best.fooled[torch.tensor([1, 2])] = True  # the first search for the second image, the second one for the first
    assert best.finished().tolist() == [False, True, True, True, True, True]
    assert best.standing().tolist() == [0]
