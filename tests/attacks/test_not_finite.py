"""What is not a number never counts as fallen: it is an error in every attack, or the attack goes on rightly."""

import pytest
import torch
from torch import nn

from friendfoe.attacks import Threat, apgd, autoattack, cw_l2, fab_t, fgsm, jsma, log_odds, pgd, square
from friendfoe.attacks.config import AttackConfig
from friendfoe.attacks.contract import NotFiniteError
from friendfoe.attacks.white_box import white_box
from friendfoe.evaluation.robust import robustness

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.slow)]
GRADIENT = {
    f"{name} {norm}": (attack, Threat(norm, eps))
    for norm, eps in (("linf", 0.2), ("l2", 1.5))
    for name, attack in {
        "fgsm": fgsm,
        "pgd": lambda *batch, **more: pgd(*batch, steps=8, random_start=False, **more),
        "apgd": lambda *batch, **more: apgd(*batch, steps=8, **more),
        "apgd dlr": lambda *batch, **more: apgd(*batch, steps=8, loss="dlr", **more),
        "fab_t": lambda *batch, **more: fab_t(*batch, steps=12, n_target_classes=3, **more),
        "autoattack": lambda *batch, **more: autoattack(*batch, steps=8, n_queries=5, **more),
    }.items()
}
GRADIENT["cw_l2"] = (lambda *batch, **more: cw_l2(*batch, steps=20, binary_search_steps=3, **more), Threat("l2", 1.5))
GRADIENT["jsma"] = (jsma, Threat("l0", 0.5))
GRADIENT["jsma logits"] = (lambda *batch, **more: jsma(*batch, output="logits", **more), Threat("l0", 0.5))
ASKING = {**GRADIENT, "square": (lambda *batch, **more: square(*batch, n_queries=30, **more), Threat("linf", 0.2))}


class Broken(nn.Module):
    """A model whose gradient is not a number, or whose logits are not where an image is not the clean one."""

    def __init__(self, net, clean, kind):
        super().__init__()
        self.net, self.clean, self.kind = net, clean, kind

    def forward(self, images):
        logits = self.net(images)
        if self.kind == "gradient":
            return logits + (images.flatten(1)[:, :1] * 0).sqrt()  # 0 x infinity
        moved = (images.flatten(1)[:, None] != self.clean.flatten(1)).any(2).all(1)
        return torch.where(moved[:, None], torch.tensor(float(self.kind)), logits)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (name, kind)
        for name in ASKING
        for kind in ("gradient", "nan", "inf")
        if kind == "gradient" or "fgsm" not in name
    ],
)  # of FGSM, the model is shown the clean images alone
def test_what_is_not_a_number_is_an_error(conv_net, batch, name, kind):
    attack, threat = ASKING[name]
    net, images = conv_net(5).eval(), batch(1, count=8)[0]
    labels = net(images).argmax(1)
    if name == "square" and kind == "gradient":
        attack(Broken(net, images, kind), images, labels, threat=threat)  # which asks for none
        return
    what = "gradient is not a number" if kind == "gradient" else "logits are not finite"
    where = "" if images.is_cuda else r" for \d+ of \d+ images"  # on a card they are not looked at one by one
    with pytest.raises(NotFiniteError, match=f"^model: its {what}{where}$"):
        attack(Broken(net, images, kind), images, labels, threat=threat)


@pytest.mark.parametrize("kind", ["gradient", "nan"])
@pytest.mark.parametrize("attack", ["pgd", "apgd", "fab_t", "autoattack"])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_nothing_counts_as_fallen(conv_net, batch, attack, kind, norm):
    net, images = conv_net(5).eval(), batch(1, count=8)[0]
    attacks = {"one": AttackConfig.model_validate({"attack": attack, "steps": 3, "norm": norm, "eps": 0.1})}
    with pytest.raises(NotFiniteError):
        robustness(Broken(net, images, kind), images, net(images).argmax(1), attacks, eps=0.1, seed=0)


def test_every_chunk_of_every_answer_is_looked_at():
    images, labels = torch.rand(3000, 1, 8, 8), torch.zeros(3000, dtype=torch.int64)
    images[2500:2503, 0, 0, 0] = 0

    def model(images):
        return images.flatten(1)[:, :4] * torch.where(images[:, 0, 0, :1] == 0, torch.nan, 1.0)

    with white_box(model, labels=labels) as box, pytest.raises(NotFiniteError, match="for 3 of 3000 images"):
        box.logits(images)
    with white_box(model, labels=labels) as box, pytest.raises(NotFiniteError, match="for 3 of 3000 images"):
        box.gradient(images, labels, log_odds)


class Root(nn.Module):
    """A network of the square root of the pixels, whose slope at black ones is infinite."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, images):
        return self.net(images.sqrt())


@pytest.mark.parametrize("name", GRADIENT)
def test_infinite_slopes_are_steep(conv_net, batch, name):
    """Black pixels: where PGD fells an image, the others do not return the clean one in silence."""
    attack, threat = GRADIENT[name]
    net, images = Root(conv_net(5)).eval(), batch(1, count=20)[0]
    images[:, :, ::2, ::2] = 0
    labels = net(images).argmax(1)
    out = attack(net, images, labels, threat=threat)
    assert out.isfinite().all()
    assert (net(out).argmax(1) != labels).float().mean() >= (0.3 if threat.norm == "l0" else 0.5)
    if threat.norm == "l2":
        assert (out - images).flatten(1).norm(dim=1).max() <= threat.eps * (1 + 1e-6)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_fab_without_a_gradient_keeps_the_clean_image(batch, norm):
    images, labels = batch()
    out = fab_t(
        lambda x: x.new_tensor([[3.0, 2, 1, 0]]) + 0 * x.sum((2, 3)), images, 0 * labels, threat=Threat(norm, 1)
    )
    assert torch.equal(out, images)


def test_huge_but_finite_gradients_are_gone_by(batch):
    images, labels = batch(classes=2)

    def model(images):
        total = ((images - 0.5) * 1e37).sum((1, 2, 3))
        return torch.stack([total, -total], 1)

    out = fgsm(model, images, labels, threat=Threat("linf", 0.1))
    assert (out != images).flatten(1).all()
