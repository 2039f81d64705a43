"""AutoAttack and its parts: contract, closed forms, and the verdicts of the reference implementation."""

import copy
import sys
from functools import partial

import pytest
import torch
from torch import nn

from friendfoe.attacks import Threat, apgd, autoattack, fab_t, pgd, square
from friendfoe.attacks.ball import ball_around
from friendfoe.attacks.fab import size
from friendfoe.attacks.losses import dlr_towards, log_odds, log_odds_towards, rivals
from friendfoe.attacks.square import peak, share_at, square_side, window, window_side

LINF, L2 = Threat("linf", 0.08), Threat("l2", 0.6)
PARTS = {
    "apgd": lambda *batch, **more: apgd(*batch, steps=6, **more),
    "apgd dlr": lambda *batch, **more: apgd(*batch, steps=6, loss="dlr", **more),
    "fab_t": lambda *batch, seed=0, sample_ids=None, **more: fab_t(*batch, steps=6, n_target_classes=3, **more),
    "square": lambda *batch, **more: square(*batch, n_queries=20, **more),
    "autoattack": lambda *batch, **more: autoattack(*batch, steps=6, n_target_classes=3, n_queries=20, **more),
}


def predicted(net, batch, count=30):
    """A batch on which the model is right, but for the first two."""
    images, _ = batch(1, count=count)
    labels = net.eval()(images).argmax(1)
    labels[:2] = (labels[:2] + 1) % 4
    return images, labels


@pytest.mark.parametrize("threat", [LINF, L2], ids=lambda threat: threat.norm)
@pytest.mark.parametrize("name", PARTS)
def test_contract(conv_net, batch, name, threat):
    net = conv_net(5)
    images, labels = predicted(net, batch)
    before, state = copy.deepcopy(net.state_dict()), torch.get_rng_state()
    net.train()
    out = PARTS[name](net, images, labels, threat=threat)
    assert size(out - images, threat.norm).max() <= threat.eps + 1e-6
    assert out.min() >= 0
    assert out.max() <= 1
    assert not out.requires_grad
    assert net.training
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())
    assert all(p.grad is None for p in net.parameters())
    assert torch.equal(torch.get_rng_state(), state)
    fallen = net.eval()(out).argmax(1) != labels
    assert fallen.sum() > 2
    assert torch.equal(PARTS[name](net, images, labels, threat=Threat(threat.norm, 0.0)), images)
    assert PARTS[name](net, images[:0], labels[:0], threat=threat).shape == (0, 1, 8, 8)


@pytest.mark.parametrize("threat", [LINF, L2], ids=lambda threat: threat.norm)
@pytest.mark.parametrize("name", PARTS)
def test_result_depends_on_the_sample_and_not_on_its_batch(conv_net, batch, name, threat):
    net = conv_net(5, dtype=torch.float64)
    images, labels = batch(3, count=7, dtype=torch.float64)
    names = torch.arange(50, 57)
    whole = PARTS[name](net, images, labels, threat=threat, sample_ids=names, seed=2)
    order = torch.tensor([4, 0, 6, 2, 5, 1, 3])
    parts = [PARTS[name](net, images[r], labels[r], threat=threat, sample_ids=names[r], seed=2) for r in order.split(3)]
    assert torch.allclose(torch.cat(parts), whole[order], atol=1e-9, rtol=0)


@pytest.mark.parametrize("threat", [LINF, L2], ids=lambda threat: threat.norm)
@pytest.mark.parametrize("name", ["apgd", "apgd dlr", "fab_t", "square"])
def test_early_stop_loses_no_success(conv_net, batch, name, threat):
    net = conv_net(5)
    images, labels = predicted(net, batch)
    fallen = {
        stop: net(PARTS[name](net, images, labels, threat=threat, early_stop=stop)).argmax(1) != labels
        for stop in (True, False)
    }
    assert (fallen[True] | ~fallen[False]).all()
    stopped = PARTS[name](net, images, labels, threat=threat, early_stop=True)
    assert torch.equal(stopped[:2], images[:2])


def test_apgd_is_never_worse_with_more_restarts_nor_than_the_clean_image(conv_net, batch):
    net, (images, labels) = conv_net().eval(), batch()
    reached = [log_odds(net(images), labels)]
    reached += [log_odds(net(apgd(net, images, labels, threat=LINF, steps=5, restarts=r)), labels) for r in (1, 3)]
    assert (reached[1] >= reached[0] - 1e-5).all()
    assert (reached[2] >= reached[1] - 1e-5).all()


def test_apgd_reaches_at_least_what_pgd_reaches_on_average(conv_net, batch):
    net, (images, labels) = conv_net(3).eval(), batch(3, count=40)
    threat = Threat("linf", 0.05)
    auto = log_odds(net(apgd(net, images, labels, threat=threat, steps=40)), labels).mean()
    fixed = log_odds(net(pgd(net, images, labels, threat=threat, steps=40)), labels).mean()
    assert auto >= fixed - 0.02 * fixed.abs()


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_apgd_on_a_linear_model(linear_net, norm):
    net = linear_net()
    images, labels = torch.rand(5, 1, 8, 8, dtype=torch.float64) * 0.2 + 0.4, torch.arange(5) % 2
    away = (net[1].weight[1] - net[1].weight[0]).detach().view(1, 1, 8, 8) * (1 - 2 * labels).view(-1, 1, 1, 1)
    step = away.sign() if norm == "linf" else away / away[0].norm()
    out = apgd(net, images, labels, threat=Threat(norm, 0.2), steps=100)
    assert torch.allclose(out, images + 0.2 * step, atol=1e-4)


@pytest.mark.parametrize("loss", ["cross_entropy", "dlr"])
def test_apgd_towards_targets(conv_net, batch, loss):
    net = conv_net(5).eval()
    images, labels = predicted(net, batch)
    targets = rivals(net(images), labels)[:, 1]
    pairs = torch.stack([labels, targets], 1)
    climbed = log_odds_towards if loss == "cross_entropy" else dlr_towards
    out = apgd(net, images, labels, threat=LINF, steps=30, loss=loss, targets=targets)
    other = pgd(net, images, labels, threat=LINF, steps=30, targets=targets)
    before, reached, fixed = (climbed(net(x), pairs) for x in (images, out, other))
    assert (reached > before).all()
    assert reached.mean() >= fixed.mean() - 0.02 * fixed.abs().mean()


def test_square_sides_shrink_on_the_published_schedule():
    shares = [share_at(query) for query in (1, 10, 11, 51, 8001)]
    assert [square_side(share, 784) for share in shares] == [25, 25, 18, 13, 1]
    assert [window_side(share, 28, 28) for share in shares] == [25, 25, 19, 13, 3]
    assert window_side(1.0, 2, 9) == 2


@pytest.mark.parametrize(("threat", "rescaled"), [(LINF, True), (L2, False)], ids=["linf", "l2"])
def test_square_rescales_its_schedule_in_linf_alone(conv_net, batch, monkeypatch, threat, rescaled):
    """As the authors' program does, whose schedule is int(it / n_iters * 10000); AutoAttack keeps the fixed one."""
    asked = []
    monkeypatch.setattr(sys.modules["friendfoe.attacks.square"], "share_at", lambda it: asked.append(it) or 0.1)
    square(conv_net(), *batch(), threat=threat, n_queries=40)
    assert asked == [query * (250 if rescaled else 1) for query in range(1, 40)]
    asked.clear()
    autoattack(conv_net(), *batch(), threat=Threat(threat.norm, 0.0), steps=1, n_queries=40)
    assert asked == list(range(1, 40))


@pytest.mark.parametrize(("height", "width"), [(8, 8), (3, 9), (2, 2), (28, 20)])
def test_square_in_l2_uses_up_eps_and_changes_windows_alone(height, width):
    generator = torch.Generator().manual_seed(0)
    clean = 0.4 + 0.2 * torch.rand(6, 3, height, width, generator=generator, dtype=torch.float64)
    images = clean + 0.01 * torch.rand(clean.shape, generator=generator, dtype=torch.float64)
    ball, names = ball_around(clean, Threat("l2", 0.3)), torch.arange(6)
    for query in (1, 300):
        middle = peak(window_side(share_at(query), height, width)).double()
        proposed = window(ball, images, 0, names, query, middle)
        assert torch.allclose(size(proposed - clean, "l2"), torch.full((6,), 0.3, dtype=torch.float64))
    apart = ((proposed - clean) / (images - clean)).flatten(2)  # outside of both windows all is scaled by one factor
    untouched = (apart - apart.median(2, keepdim=True).values.median(1, keepdim=True).values).abs() < 1e-9
    side = window_side(share_at(300), height, width)
    assert ((~untouched).sum(2) <= 2 * side * side).all()


def test_peaks_have_length_one_and_no_sum():
    assert torch.equal(peak(1), -torch.ones(1, 1))
    for side in (2, 5, 8):
        assert peak(side).norm().item() == pytest.approx(1)
    assert peak(8).sum().item() == pytest.approx(0, abs=1e-6)


def test_square_asks_for_no_gradient(batch):
    class NoGradient(nn.Module):
        def forward(self, images):
            assert not torch.is_grad_enabled()
            return (images * 7).round().flatten(1)[:, :4]

    images, labels = batch()
    assert square(NoGradient(), images, labels, threat=LINF, n_queries=3).shape == images.shape


def test_autoattack_on_two_classes(linear_net, batch):
    net = linear_net(dtype=torch.float32)
    images, _ = batch(count=20)
    labels = net(images).argmax(1)
    out = autoattack(net, images, labels, threat=Threat("linf", 0.03), steps=5, n_queries=10)
    weight = (net[1].weight[1] - net[1].weight[0]).detach()
    worst = images + 0.03 * (weight * (1 - 2 * labels)[:, None]).sign().view(-1, 1, 8, 8)
    assert torch.equal(net(out).argmax(1) == labels, net(worst.clamp(0, 1)).argmax(1) == labels)


def test_targeted_losses_by_definition():
    row = torch.tensor([[4.0, 1.0, 3.0, 2.0, 0.0]])
    assert dlr_towards(row, torch.tensor([[0, 2]])).item() == pytest.approx(-(4 - 3) / (4 - 1.5))
    assert torch.equal(log_odds_towards(row, torch.tensor([[0, 2]])), -log_odds(row, torch.tensor([2])))


BATCH = (torch.rand(3, 1, 8, 8), torch.tensor([0, 1, 2]))


@pytest.mark.parametrize(
    ("attack", "more", "message"),
    [
        (apgd, {"loss": "mse"}, "loss: must be"),
        (apgd, {"steps": 0}, "steps: "),
        (apgd, {"targets": torch.tensor([0, 2, 1])}, "targets: must differ"),
        (apgd, {"threat": Threat("l0", 0.1)}, "threat: "),
        (square, {"threat": Threat("l0", 0.1)}, "threat: "),
        (square, {"n_queries": 0}, "n_queries: "),
        (fab_t, {"n_target_classes": 0}, "n_target_classes: "),
        (fab_t, {"threat": Threat("l0", 0.1)}, "threat: this attack knows the norm linf and l2, got l0"),
        (autoattack, {"threat": Threat("l0", 0.1)}, "threat: "),
        (autoattack, {"labels": torch.tensor([0, 1, 9])}, "labels: must be below 4"),
    ],
)
def test_bad_input_is_refused_by_name(conv_net, attack, more, message):
    call = {"images": BATCH[0], "labels": BATCH[1], "threat": LINF, **more}
    with pytest.raises(ValueError, match=f"^{message}"):
        attack(conv_net(), call.pop("images"), call.pop("labels"), **call)


@pytest.fixture(scope="module")
def reference():
    library = pytest.importorskip("pyautoattack", reason="the reference implementation is a development dependency")
    return library.AutoAttack


def accuracies(net, labels, *candidates):
    return [(net(images).argmax(1) == labels).float().mean().item() for images in candidates]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 5])
@pytest.mark.parametrize(
    ("norm", "eps", "name", "attack"),
    [
        ("linf", 0.03, "apgd-ce", apgd),
        ("linf", 0.03, "apgd-dlr", partial(apgd, loss="dlr")),
        ("linf", 0.03, "fab-t", partial(fab_t, n_target_classes=3)),
        ("linf", 0.03, "square", partial(square, n_queries=1000)),
        ("l2", 0.3, "square", partial(square, n_queries=1000)),
        ("l2", 0.3, "apgd-ce", apgd),
        ("l2", 0.3, "fab-t", partial(fab_t, n_target_classes=3)),
    ],
)
def test_each_part_is_as_strong_as_in_the_reference_implementation(
    conv_net, batch, reference, seed, norm, eps, name, attack
):
    net = conv_net(seed).eval()
    images, _ = batch(2, count=200)
    labels = net(images).argmax(1)
    original = reference(net, norm=norm.capitalize(), eps=eps, version="custom", attacks=[name], seed=0)
    original.apgd.n_restarts = original.fab.n_restarts = 1
    original.fab.n_target_classes, original.square.n_queries = 3, 1000
    ours = attack(net, images, labels, threat=Threat(norm, eps), early_stop=True)
    accuracy = accuracies(net, labels, ours, original.run_standard_evaluation(images, labels, batch_size=200)[0])
    assert 0.05 < accuracy[1] < 0.95
    assert accuracy[0] <= accuracy[1] + 0.005 + 1e-6  # one sample
    if name != "square":  # which finds more than the original, because its squares reach the last row and column
        assert accuracy[0] >= accuracy[1] - 0.005 - 1e-6


@pytest.mark.slow
@pytest.mark.parametrize(("norm", "eps"), [("linf", 0.02), ("linf", 0.05), ("l2", 0.3)])
@pytest.mark.parametrize("seed", [1, 5])
def test_verdicts_of_the_reference_implementation(conv_net, batch, reference, seed, norm, eps):
    net = conv_net(seed).eval()
    images, _ = batch(2, count=100)
    labels = net(images).argmax(1)
    attacks = ["apgd-ce", "apgd-t", "fab-t", "square"]
    original = reference(net, norm=norm.capitalize(), eps=eps, version="custom", attacks=attacks, seed=0)
    original.apgd_targeted.n_target_classes = original.fab.n_target_classes = 3
    original.square.n_queries = 300
    original.apgd.n_restarts = original.fab.n_restarts = 1
    ours = autoattack(net, images, labels, threat=Threat(norm, eps), n_target_classes=3, n_queries=300)
    accuracy = accuracies(net, labels, ours, original.run_standard_evaluation(images, labels, batch_size=100)[0])
    assert 0.02 < accuracy[1] < 0.98
    assert abs(accuracy[0] - accuracy[1]) <= 0.01  # one sample of 100
