"""What every gradient attack promises, as properties over shapes, norms, goals, dtypes and budgets."""

import copy

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from friendfoe.attacks import Goal, Threat, assist, fgsm, kl, log_odds, margin_pgd, pgd, square_patch, temperature_pgd

# the device, of which fixtures make networks and batches, is the same for all examples
same_fixtures = [HealthCheck.function_scoped_fixture]
settings.register_profile("attacks", max_examples=25, deadline=None, suppress_health_check=same_fixtures)
settings.load_profile("attacks")

DEVICES = ["cpu", "cuda"]

THREATS = st.builds(Threat, st.sampled_from(["linf", "l2"]), st.sampled_from([0.0, 1 / 255, 0.1, 0.5, 1.0]))
GOALS = st.sampled_from(list(Goal))
SHAPES = st.fixed_dictionaries(
    {"count": st.integers(1, 5), "channels": st.sampled_from([1, 3]), "side": st.integers(4, 9)}
)
DTYPES = st.sampled_from([torch.float32, torch.float64])


def distance(a, b, norm):
    change = (a.double() - b.double()).flatten(1)
    return change.abs().amax(1) if norm == "linf" else change.norm(dim=1)


def loss_of(net, images, labels):
    net.eval()
    with torch.no_grad():
        return log_odds(net(images), labels)


@given(
    shape=SHAPES,
    threat=THREATS,
    goal=GOALS,
    dtype=DTYPES,
    steps=st.integers(0, 4),
    start=st.booleans(),
    seed=st.integers(0, 99),
)
def test_result_lies_in_the_ball_and_in_the_pixel_range(
    conv_net, batch, shape, threat, goal, dtype, steps, start, seed
):
    net = conv_net(seed, channels=shape["channels"], dtype=dtype)
    images, labels = batch(seed, dtype=dtype, **shape)
    out = pgd(
        net, images, labels, threat=threat, goal=goal, steps=steps, random_start=start, seed=seed, keep_best=False
    )
    assert out.shape == images.shape
    assert out.dtype == dtype
    assert not out.requires_grad
    assert out.min() >= 0
    assert out.max() <= 1
    assert (distance(out, images, threat.norm) <= threat.eps * (1 + 1e-6) + torch.finfo(dtype).eps).all()
    if threat.eps == 0:
        assert torch.equal(out, images)


@given(threat=THREATS, goal=GOALS, steps=st.integers(0, 5), start=st.booleans(), seed=st.integers(0, 99))
def test_foe_never_lowers_and_friend_never_raises_the_loss(conv_net, batch, threat, goal, steps, start, seed):
    net = conv_net(seed)
    images, labels = batch(seed)
    out = pgd(net, images, labels, threat=threat, goal=goal, steps=steps, random_start=start, seed=seed)
    change = loss_of(net, out, labels) - loss_of(net, images, labels)
    assert (change * (1 if goal is Goal.FOE else -1) >= -1e-5).all()


@given(threat=THREATS, goal=GOALS, steps=st.integers(2, 4), seed=st.integers(0, 99))
def test_more_steps_or_restarts_are_never_worse(conv_net, batch, threat, goal, steps, seed):
    net = conv_net(seed)
    images, labels = batch(seed)
    sign = 1 if goal is Goal.FOE else -1

    def reached(**more):
        return sign * loss_of(net, pgd(net, images, labels, threat=threat, goal=goal, seed=seed, **more), labels)

    few = reached(steps=steps)
    assert (reached(steps=steps + 3) >= few - 1e-5).all()
    assert (reached(steps=steps, restarts=3) >= few - 1e-5).all()


@given(threat=THREATS, seed=st.integers(0, 99), data=st.data())
def test_result_depends_on_the_sample_and_not_on_its_batch(conv_net, batch, threat, seed, data):
    net = conv_net(seed, dtype=torch.float64)
    images, labels = batch(seed, count=7, dtype=torch.float64)
    names = torch.arange(100, 107)

    def attack(rows):
        return pgd(
            net, images[rows], labels[rows], threat=threat, steps=3, restarts=2, seed=seed, sample_ids=names[rows]
        )

    whole = attack(torch.arange(7))
    order = torch.tensor(data.draw(st.permutations(range(7))))
    cut = data.draw(st.integers(1, 6))
    parts = torch.cat([attack(order[:cut]), attack(order[cut:])])
    assert torch.allclose(parts, whole[order], atol=1e-12, rtol=0)


@pytest.mark.parametrize("train", [True, False])
def test_model_and_random_state_are_left_as_found(conv_net, batch, train):
    net = conv_net().train(train)
    net[1].eval()  # a mixed mode has to come back too
    net[0].weight.requires_grad_(False)
    net[6].weight.grad = torch.ones_like(net[6].weight)
    before = copy.deepcopy(net.state_dict())
    modes = [module.training for module in net.modules()]
    random_state = torch.get_rng_state()
    images, labels = batch()
    kept = images.clone()
    images.requires_grad_()
    pgd(net, images, labels, threat=Threat("linf", 0.1), steps=3, restarts=2)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert [module.training for module in net.modules()] == modes
    assert [p.requires_grad for p in net.parameters()] == [False] + [True] * 5
    assert torch.equal(net[6].weight.grad, torch.ones_like(net[6].weight))
    assert all(p.grad is None for name, p in net.named_parameters() if name != "6.weight")
    assert torch.equal(torch.get_rng_state(), random_state)
    assert torch.equal(images, kept)
    assert images.grad is None


def test_mode_is_restored_when_the_model_fails(batch):
    class Broken(nn.Module):
        def forward(self, images):
            raise RuntimeError("out of order")

    net = Broken().train()
    images, labels = batch()
    with pytest.raises(RuntimeError, match="out of order"):
        fgsm(net, images, labels, threat=Threat("linf", 0.1))
    assert net.training


def test_works_without_grad_mode_and_under_autocast(conv_net, batch):
    net, (images, labels) = conv_net(), batch()
    plain = pgd(net, images, labels, threat=Threat("linf", 0.1), steps=2)
    with torch.no_grad():
        assert torch.equal(pgd(net, images, labels, threat=Threat("linf", 0.1), steps=2), plain)
    with torch.autocast("cpu", torch.bfloat16):
        low = pgd(net, images, labels, threat=Threat("linf", 0.1), steps=2)
    assert low.dtype == torch.float32
    assert (low - images).abs().max() <= 0.1 + 1e-6


def test_low_precision_leaves_the_model_and_its_verdicts_alone(conv_net, batch):
    net = conv_net(5).train()
    images, _ = batch(5, count=300)
    labels = net.eval()(images).argmax(1)
    before, state = copy.deepcopy(net.state_dict()), torch.get_rng_state()
    with torch.autocast("cpu", torch.bfloat16):
        stopped = pgd(net, images, labels, threat=Threat("linf", 0.05), steps=5, early_stop=True)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert all(p.dtype == torch.float32 and p.grad is None for p in net.parameters())
    assert torch.equal(torch.get_rng_state(), state)
    assert stopped.dtype == torch.float32
    assert (stopped - images).abs().max() <= 0.05 + 1e-6
    full = pgd(net, images, labels, threat=Threat("linf", 0.05), steps=5, early_stop=True)
    fallen = [net(out).argmax(1) != labels for out in (stopped, full)]
    assert 30 < fallen[0].sum() < 270
    assert abs(int(fallen[0].sum()) - int(fallen[1].sum())) <= 1


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_mask_confines_the_perturbation(conv_net, batch, norm):
    net, (images, labels) = conv_net(), batch()
    mask = square_patch((8, 8), side=3, top=1, left=4)
    for attack in (fgsm, assist):
        change = attack(net, images, labels, threat=Threat(norm, 0.3), mask=mask) - images
        assert (change[~mask.expand_as(change)] == 0).all()
        assert (change.flatten(1).abs().amax(1) > 0).all()
    change = pgd(net, images, labels, threat=Threat(norm, 0.3), mask=mask.float(), steps=3) - images
    assert (change[~mask.expand_as(change)] == 0).all()


def test_own_radius_for_each_sample(conv_net, batch, device):
    net, (images, labels) = conv_net(), batch(count=3)
    radii = torch.tensor([0.0, 0.05, 0.2], device=device)
    out = fgsm(net, images, labels, threat=Threat("linf", 0.1), radii=radii)
    assert torch.allclose((out - images).abs().flatten(1).amax(1), radii, atol=1e-6)
    for row, eps in enumerate(radii.tolist()):
        alone = fgsm(net, images[row : row + 1], labels[row : row + 1], threat=Threat("linf", eps))
        assert torch.allclose(out[row], alone[0], atol=1e-6)


@given(shape=SHAPES, threat=THREATS, goal=GOALS, dtype=DTYPES, steps=st.integers(0, 4), seed=st.integers(0, 99))
def test_temperature_one_is_pgd_exactly(conv_net, batch, shape, threat, goal, dtype, steps, seed):
    net = conv_net(seed, channels=shape["channels"], dtype=dtype)
    images, labels = batch(seed, dtype=dtype, **shape)
    more = {"threat": threat, "goal": goal, "steps": steps, "seed": seed, "restarts": 2}
    assert torch.equal(temperature_pgd(net, images, labels, temperature=1.0, **more), pgd(net, images, labels, **more))


def test_kl_from_clean_predictions_is_the_attack_of_trades(conv_net, batch):
    net, (images, _) = conv_net().eval(), batch()
    clean = net(images).softmax(1).detach()
    out = pgd(net, images, clean, threat=Threat("linf", 0.1), steps=4, loss=kl)
    assert (kl(net(out), clean) > 1e-3).all()


def test_empty_batch(conv_net):
    empty = torch.zeros(0, 1, 8, 8)
    out = margin_pgd(conv_net(), empty, torch.zeros(0, dtype=torch.int64), threat=Threat("l2", 1.0), steps=2)
    assert out.shape == (0, 1, 8, 8)


@settings(max_examples=8)
@given(
    threat=st.sampled_from([Threat("linf", 0.08), Threat("l2", 0.5)]),
    towards=st.booleans(),
    keep=st.booleans(),
    seed=st.integers(0, 99),
)
def test_early_stop_gives_the_verdict_of_any_step(conv_net, batch, threat, towards, keep, seed):
    """The independent reading: a sample has fallen where any iterate of any restart is misclassified."""
    net = conv_net(5).eval()
    images, _ = batch(seed, count=40)
    labels = net(images).argmax(1)
    labels[:4] = (labels[:4] + 1) % 4  # misclassified from the start
    targets = (labels + 1 + torch.arange(40, device=labels.device) % 3) % 4 if towards else None
    more = {"threat": threat, "targets": targets, "step_size": threat.eps / 4, "seed": seed}
    stopped = pgd(net, images, labels, steps=4, restarts=2, early_stop=True, keep_best=keep, **more)
    seen = net(images).argmax(1) != labels if keep else torch.zeros_like(labels, dtype=torch.bool)
    for restart in range(2):
        for steps in range(5):
            # restarts overwrite each other without keep_best, so the last one shows
            out = pgd(net, images, labels, steps=steps, restarts=restart + 1, keep_best=False, **more)
            seen |= net(out).argmax(1) != labels
    assert torch.equal(net(stopped).argmax(1) != labels, seen)
    assert 0 < int(seen.sum()) < 40
    if keep:
        assert torch.equal(stopped[:4], images[:4])


IMAGES, LABELS = torch.rand(3, 1, 8, 8), torch.tensor([0, 1, 2])
GOOD = {"images": IMAGES, "labels": LABELS, "threat": Threat("linf", 0.1), "steps": 1}
BAD = {
    "images: must lie in": {"images": IMAGES * 255},
    "images: must lie in .* nan": {"images": IMAGES * torch.nan},
    "images: must be floating": {"images": (IMAGES * 255).to(torch.uint8)},
    "images: must have the shape": {"images": IMAGES[0]},
    "labels: must be int64": {"labels": LABELS.int()},
    "labels: must have the shape": {"labels": LABELS[:2]},
    "labels: must not be negative": {"labels": LABELS - 1},
    "labels: must be below 4": {"labels": LABELS + 2},
    "labels: this loss needs class indices": {"labels": torch.full((3, 4), 0.25)},
    "goal: must be foe or friend": {"goal": "frenemy"},
    "steps: ": {"steps": -1},
    "step_size: ": {"step_size": 0.0},
    "restarts: must": {"restarts": 0},
    "restarts: more than one": {"restarts": 2, "random_start": False},
    "targets: belong to goal foe": {"targets": LABELS, "goal": Goal.FRIEND},
    "targets: must be below 4": {"targets": LABELS + 2},
    "threat: this attack knows": {"threat": Threat("l0", 0.1)},
    "mask: must be": {"mask": torch.ones(3, 1, 4, 4)},
    "mask: must hold only": {"mask": torch.full((1, 1, 8, 8), 0.5)},
    "early_stop: ": {"early_stop": True, "goal": Goal.FRIEND},
    "radii: must have": {"radii": torch.ones(2)},
    "radii: must be finite": {"radii": -torch.ones(3)},
    "sample_ids: ": {"sample_ids": torch.zeros(2, dtype=torch.int64)},
}


@pytest.mark.parametrize("message", BAD)
def test_bad_input_is_refused_by_name(conv_net, device, message):
    given = {**GOOD, **BAD[message]}
    call = {name: value.to(device) if isinstance(value, torch.Tensor) else value for name, value in given.items()}
    with pytest.raises(ValueError, match=f"^{message}") as refusal:
        pgd(conv_net(), call.pop("images"), call.pop("labels"), **call)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda images: images, "model: must give logits"),
        (lambda images: images.flatten(1)[:, :1], "model: must give logits"),
        (lambda images: images.flatten(1) / 0, "model: its logits are not finite"),
        (lambda images: images.flatten(1).round().long(), "model: must give floating-point"),
        (lambda images: images.detach().flatten(1), "model: its output has no gradient"),
    ],
)
def test_bad_models_are_refused(model, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        fgsm(model, IMAGES, LABELS, threat=Threat("linf", 0.1))


@pytest.mark.parametrize(("norm", "eps"), [("l1", 0.1), ("linf", -0.1), ("l2", float("nan")), ("l0", 1.5)])
def test_bad_threats_are_refused(norm, eps):
    with pytest.raises(ValueError, match=r"^(norm|eps): "):
        Threat(norm, eps)
