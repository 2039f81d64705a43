"""Carlini & Wagner's L2 attack, which looks for the least change."""

import pytest
import torch

from friendfoe.attacks import Threat, cw_l2
from friendfoe.evaluation.robust import PassCounter


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
    out = cw_l2(net, images, labels, threat=Threat("l2", 8.0), steps=60, binary_search_steps=4, confidence=1.0)
    assert net.training
    assert out.min() >= 0
    assert out.max() <= 1
    logits = net.eval()(out)
    lead = logits.scatter(1, labels[:, None], -torch.inf).amax(1) - logits.gather(1, labels[:, None]).squeeze(1)
    changed = (out != images).flatten(1).any(1)
    assert changed.any()
    assert (lead[changed] >= 1 - 1e-4).all()


def test_searches_that_no_longer_gain_end_where_that_is_asked_for_and_find_as_much(conv_net, batch):
    net, (images, labels) = conv_net(5).eval(), batch(count=12)
    found, passes = [], []
    for more in ({"abort_early": True}, {}):
        counter = PassCounter(net)
        settings = {"steps": 100, "binary_search_steps": 4, **more}
        found.append(cw_l2(counter, images, labels, threat=Threat("l2", 8.0), **settings))
        passes.append(counter.backward_passes)
    wrong = net(images).argmax(1) != labels
    assert wrong.any()
    assert passes[1] == 400 * int((~wrong).sum())  # of an image that is misclassified already, nothing is asked
    assert passes[0] < 0.9 * passes[1]
    lengths = [(image - images).flatten(1).norm(dim=1) for image in found]
    assert torch.equal(lengths[0] > 0, ~wrong)
    assert torch.equal(lengths[1] > 0, ~wrong)
    assert lengths[0].mean() <= 1.02 * lengths[1].mean()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"threat": Threat("l0", 0.1)}, "threat: this attack knows the norm l2, got l0"),
        ({"confidence": -1.0}, "confidence: "),
        ({"lr": 0.0}, "lr: "),
    ],
)
def test_bad_input_is_refused_by_name(conv_net, more, message):
    images, labels = torch.rand(3, 1, 8, 8), torch.tensor([0, 1, 2])
    with pytest.raises(ValueError, match=f"^{message}"):
        cw_l2(conv_net(), images, labels, **{"threat": Threat("l2", 1.0), **more})
