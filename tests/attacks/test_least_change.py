"""Attacks that look for the least change: JSMA and Carlini & Wagner's L2."""

import pytest
import torch
from torch import nn

from friendfoe.attacks import Threat, cw_l2, jsma
from friendfoe.attacks.saliency import best_pair


@pytest.mark.parametrize("kind", ["random", "opposed", "equal", "ties"])
def test_best_pair_is_the_best_of_all_pairs(kind):
    generator = torch.Generator().manual_seed(0)
    gain = torch.randn(60, 15, generator=generator)
    loss = {
        "random": torch.randn(60, 15, generator=generator),
        "opposed": 0.3 * torch.randn(60, 15, generator=generator) - gain,
        "equal": gain,
        "ties": (2 * gain).round(),
    }[kind]
    if kind == "ties":
        gain = (2 * torch.randn(60, 15, generator=generator)).round()
    free = torch.rand(60, 15, generator=generator) < 0.8
    free[0] = False
    free[1] = torch.arange(15) == 3
    pairs, found = best_pair(gain, loss, free)
    for row in range(60):
        best = None
        for p in range(15):
            for q in range(p):
                both = (gain[row, p] + gain[row, q]).double(), (loss[row, p] + loss[row, q]).double()
                if free[row, p] and free[row, q] and both[0] > 0 and both[1] > 0:
                    best = max(best or 0, (both[0] * both[1]).item())
        assert found[row] == (best is not None)
        if best is not None:
            p, q = pairs[row]
            assert p != q
            assert free[row, p]
            assert free[row, q]
            reached = (gain[row, p] + gain[row, q]).double() * (loss[row, p] + loss[row, q]).double()
            assert reached.item() == pytest.approx(best, rel=1e-6)


@pytest.mark.parametrize("settings", [{}, {"output": "logits"}, {"temperature": 20.0}])
def test_jsma_on_a_linear_model_takes_the_heaviest_features(linear_net, settings):
    net = linear_net(classes=2)
    images = torch.full((3, 1, 8, 8), 0.25, dtype=torch.float64)
    labels = net(images).argmax(1)
    targets = 1 - labels
    weight = (net[1].weight[targets] - net[1].weight[labels]).detach()
    out = jsma(net, images, labels, threat=Threat("l0", 1.0), targets=targets, **settings)
    changed = (out != images).flatten(1)
    assert (out[out != images] == 1).all()
    assert (net(out).argmax(1) == targets).all()
    if settings.get("output") != "logits":  # the probabilities of two classes depend on the difference alone
        for row in range(3):
            heaviest = weight[row].topk(int(changed[row].sum())).indices
            assert changed[row, heaviest].all()


def test_jsma_keeps_its_budget_and_stops_at_its_target(conv_net, batch):
    net, (images, labels) = conv_net(1), batch(count=12)
    few, many = (jsma(net, images, labels, threat=Threat("l0", share)) for share in (4 / 64, 40 / 64))
    changed = [(out != images).flatten(1).sum(1) for out in (few, many)]
    assert (changed[0] <= 4).all()
    assert (changed[1] >= changed[0]).all()
    assert torch.equal(jsma(net, images, labels, threat=Threat("l0", 0.0)), images)
    reached = net.eval()(images).argmax(1)
    others = (reached + 1) % 4  # an image that is taken for its target already stays as it is
    assert torch.equal(jsma(net, images, others, threat=Threat("l0", 0.5), targets=reached), images)


def test_jsma_is_blind_where_the_softmax_saturates_and_not_on_logits(linear_net):
    net = linear_net(classes=4, dtype=torch.float32)
    with torch.no_grad():
        net[1].weight *= 4000
        net[1].bias *= 4000
    images = torch.rand(20, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 0.5
    labels = net(images).argmax(1)
    fooled = {
        name: (net(jsma(net, images, labels, threat=Threat("l0", 0.5), **variant)).argmax(1) != labels).float().mean()
        for name, variant in {
            "softmax": {},
            "logits": {"output": "logits"},
            "temperature": {"temperature": 4000.0},
        }.items()
    }
    assert fooled["softmax"] < 0.3
    assert fooled["logits"] > 0.9
    assert fooled["temperature"] > 0.9


def test_cw_finds_the_nearest_image_of_a_linear_model(linear_net):
    net = linear_net()
    images = torch.rand(6, 1, 8, 8, dtype=torch.float64) * 0.2 + 0.4
    logits = net(images).detach()
    labels = logits.argmax(1)
    weight = (net[1].weight[1] - net[1].weight[0]).detach()
    least = (logits[:, 1] - logits[:, 0]).abs() / weight.norm()
    for targets in (None, 1 - labels):
        out = cw_l2(net, images, labels, threat=Threat("l2", 5.0), targets=targets)
        assert (net(out).argmax(1) != labels).all()
        length = (out - images).flatten(1).norm(dim=1)
        assert (length >= least - 1e-9).all()
        # Adam's steps of 0.02 cannot settle closer to a boundary that lies almost at the image
        assert (length <= 1.05 * least + 0.02).all()
    eps = least.median().item() * 1.05
    out = cw_l2(net, images, labels, threat=Threat("l2", eps))
    length = (out - images).flatten(1).norm(dim=1)
    assert (length <= eps).all()
    assert torch.equal(length > 0, least <= length + 1e-9)


def test_cw_confidence_and_contract(conv_net, batch):
    net, (images, labels) = conv_net(5).train(), batch(count=5)
    out = cw_l2(net, images, labels, threat=Threat("l2", 8.0), steps=60, searches=4, confidence=1.0)
    assert net.training
    assert out.min() >= 0
    assert out.max() <= 1
    logits = net.eval()(out)
    lead = logits.scatter(1, labels[:, None], -torch.inf).amax(1) - logits.gather(1, labels[:, None]).squeeze(1)
    changed = (out != images).flatten(1).any(1)
    assert changed.any()
    assert (lead[changed] >= 1 - 1e-4).all()


class Dead(nn.Module):
    def forward(self, images):
        return images.detach().flatten(1)[:, :4]


BATCH = (torch.rand(3, 1, 8, 8), torch.tensor([0, 1, 2]))


@pytest.mark.parametrize(
    ("attack", "more", "message"),
    [
        (jsma, {"threat": Threat("linf", 0.1)}, "threat: this attack knows the norm l0, got linf"),
        (jsma, {"output": "loss"}, "output: "),
        (jsma, {"temperature": 0.0}, "temperature: "),
        (jsma, {"targets": torch.tensor([1, 2, 4])}, "targets: must be below 4"),
        (jsma, {"targets": torch.tensor([1, 1, 0])}, "targets: must be other classes than the labels"),
        (jsma, {"temperature": -1.0}, "temperature: "),
        (jsma, {"model": Dead()}, "model: its output has no gradient"),
        (cw_l2, {"threat": Threat("l0", 0.1)}, "threat: this attack knows the norm l2, got l0"),
        (cw_l2, {"threat": Threat("l2", 1.0), "confidence": -1.0}, "confidence: "),
        (cw_l2, {"threat": Threat("l2", 1.0), "rate": 0.0}, "rate: "),
    ],
)
def test_bad_input_is_refused_by_name(conv_net, attack, more, message):
    call = {"model": conv_net(), "images": BATCH[0], "labels": BATCH[1], "threat": Threat("l0", 0.2), **more}
    with pytest.raises(ValueError, match=f"^{message}"):
        attack(call.pop("model"), call.pop("images"), call.pop("labels"), **call)
