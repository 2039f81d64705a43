"""Images and models of half precision: every attack works, and what it returns lies in the ball exactly."""

import pytest
import torch
from torch import nn

from friendfoe.attacks import (
    Threat,
    apgd,
    autoattack,
    cw_l2,
    fab_t,
    fgsm,
    jsma,
    pgd,
    random_noise,
    square,
    temperature_pgd,
)
from friendfoe.attacks.config import AttackConfig
from friendfoe.evaluation.robust import robustness

BALL = {
    "fgsm": fgsm,
    "pgd": lambda *batch, **more: pgd(*batch, steps=5, **more),
    "pgd last": lambda *batch, **more: pgd(*batch, steps=5, keep_best=False, **more),
    "pgd early": lambda *batch, **more: pgd(*batch, steps=5, early_stop=True, **more),
    "temperature_pgd": lambda *batch, **more: temperature_pgd(*batch, steps=3, temperature=0.5, **more),
    "apgd": lambda *batch, **more: apgd(*batch, steps=6, **more),
    "apgd dlr": lambda *batch, **more: apgd(*batch, steps=6, loss="dlr", **more),
    "fab_t": lambda *batch, **more: fab_t(*batch, steps=6, n_target_classes=3, **more),
    "square": lambda *batch, **more: square(*batch, n_queries=20, **more),
    "autoattack": lambda *batch, **more: autoattack(*batch, steps=6, n_target_classes=3, n_queries=20, **more),
    "noise": lambda net, images, labels, **more: random_noise(images, **more),
    "extreme noise": lambda net, images, labels, **more: random_noise(images, kind="extreme", **more),
}
THREATS = [Threat("linf", 8 / 255), Threat("l2", 0.6), Threat("l2", 0.02)]
DTYPES = [torch.bfloat16, torch.float16, torch.float64]


def case(conv_net, batch, dtype, count=12):
    net = conv_net(5).eval().to(dtype)
    images = batch(1, count=count)[0].to(dtype)
    images[:4] = images[:4].round()
    return net, images, net(images).argmax(1)


def check(out, images, threat):
    assert out.dtype == images.dtype
    assert 0 <= out.min() <= out.max() <= 1
    change = (out.double() - images.double()).flatten(1)
    reach = change.abs().amax(1) if threat.norm == "linf" else change.norm(dim=1)
    exact = threat.norm == "linf" and images.dtype != torch.float64
    assert (reach <= threat.eps * (1 if exact else 1 + 1e-6)).all()


@pytest.mark.parametrize("threat", THREATS, ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", BALL)
def test_results_lie_in_the_ball(conv_net, batch, name, dtype, threat):
    net, images, labels = case(conv_net, batch, dtype)
    check(BALL[name](net, images, labels, threat=threat), images, threat)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_results_of_those_with_balls_of_their_own(conv_net, batch, dtype):
    net, images, labels = case(conv_net, batch, dtype)
    threat = Threat("l2", 0.6)
    check(cw_l2(net, images, labels, threat=threat, steps=20, binary_search_steps=3), images, threat)
    for output in ("softmax", "logits"):
        out = jsma(net, images, labels, threat=Threat("l0", 0.2), output=output)
        assert out.dtype == dtype
        assert (out[out != images] == 1).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize(("norm", "eps"), [("linf", 0.04), ("l2", 0.4)])
def test_half_precision_is_about_as_weak_as_full(conv_net, batch, dtype, norm, eps):
    attacks = {"all": AttackConfig.model_validate({"attack": "pgd", "steps": 20, "norm": norm, "eps": eps})}
    accuracy = {}
    for kind in (torch.float32, dtype):
        net, images, labels = case(conv_net, batch, kind, count=200)
        result = robustness(net, images, labels, attacks, eps=eps, seed=0)
        assert torch.equal(net(result.images).argmax(1) == labels, result.robust)
        accuracy[kind] = result.accuracy_after(1)
    assert 0.1 < accuracy[torch.float32] < 0.9
    assert abs(accuracy[dtype] - accuracy[torch.float32]) < 0.1


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("name", ["pgd early", "apgd", "fab_t", "square"])
@pytest.mark.parametrize("threat", [Threat("linf", 0.08), Threat("l2", 0.6)], ids=str)
def test_what_an_attack_saw_fall_has_fallen(conv_net, batch, dtype, name, threat):
    """The image that is returned is the one that the model was shown, so that no success is lost to rounding."""
    net, images, labels = case(conv_net, batch, dtype, count=60)
    seen = []
    net.register_forward_hook(lambda module, inputs, logits: seen.append((inputs[0].detach(), logits.detach())))
    more = {} if name == "pgd early" else {"early_stop": True}
    out = BALL[name](net, images, labels, threat=threat, **more)
    shown = torch.cat([images for images, _ in seen]).flatten(1)
    fallen = net(out).argmax(1) != labels
    assert fallen.any()
    for image in out[fallen].flatten(1):
        assert (shown == image).all(1).any()


def test_images_of_another_precision_than_the_weights(conv_net, batch):
    images, labels = batch()
    half = conv_net().bfloat16()
    for attack in (fgsm, lambda *batch, **more: square(*batch, n_queries=2, **more)):
        with pytest.raises(
            ValueError, match=r"^images: are torch.float32, the weights of the model torch.bfloat16; conv"
        ):
            attack(half, images, labels, threat=Threat("linf", 0.1))

    class Casts(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = half

        def forward(self, images):
            return self.net(images.bfloat16())

    check(fgsm(Casts(), images, labels, threat=Threat("linf", 0.1)), images.double().float(), Threat("linf", 0.1000001))
