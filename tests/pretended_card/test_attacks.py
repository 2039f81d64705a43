"""Attacks, corruptions and predictions on a card give what they give on the CPU, whatever memory the card has."""

import pytest
import torch

from friendfoe.attacks import (
    Goal,
    Threat,
    apgd,
    assist,
    autoattack,
    cw_l2,
    fab_t,
    fgsm,
    jsma,
    pgd,
    random_noise,
    square,
)
from friendfoe.attacks.config import AttackConfig
from friendfoe.attacks.craft import crafted
from friendfoe.data.corruptions import CORRUPTIONS, MNIST_C, corrupt
from friendfoe.evaluation.gradient_masking import gradient_masking
from friendfoe.evaluation.robust import robustness
from friendfoe.models.classifier import build
from friendfoe.models.config import NetworkConfig
from friendfoe.models.predict import logits
from friendfoe.runtime import batches
from friendfoe.runtime.errors import UserError
from tests.pretended_card import pretended
from tests.studies.workspaces import params

LINF, L2, L0 = Threat("linf", 0.2), Threat("l2", 1.0), Threat("l0", 0.1)
PGD = AttackConfig.model_validate({"attack": "pgd", "steps": 3})
ATTACKS = {
    "fgsm": lambda *b: fgsm(*b, threat=LINF),
    "pgd linf": lambda *b: pgd(*b, threat=LINF, steps=3),
    "pgd l2, early stop, restarts": lambda *b: pgd(*b, threat=L2, steps=3, restarts=2, early_stop=True),
    "pgd, radii, targets, mask": lambda n, x, y: pgd(
        n, x, y, threat=LINF, steps=3, radii=torch.full_like(x[:, 0, 0, 0], 0.1), targets=(y + 1) % 4,
        mask=torch.ones(1, 1, 8, 8), sample_ids=y + 3,
    ),
    "assist": lambda *b: assist(*b, threat=LINF, steps=3),
    "friend in l2": lambda *b: pgd(*b, threat=L2, steps=3, goal=Goal.FRIEND),
    "apgd": lambda *b: apgd(*b, threat=LINF, steps=6, restarts=2),
    "apgd dlr l2, early stop": lambda *b: apgd(*b, threat=L2, steps=6, loss="dlr", early_stop=True),
    "fab": lambda *b: fab_t(*b, threat=LINF, steps=3, n_target_classes=2),
    "fab l2, early stop": lambda *b: fab_t(*b, threat=L2, steps=3, n_target_classes=2, early_stop=True),
    "square": lambda *b: square(*b, threat=LINF, n_queries=8),
    "square l2, early stop": lambda *b: square(*b, threat=L2, n_queries=8, early_stop=True),
    "cw_l2": lambda *b: cw_l2(*b, threat=L2, steps=4, binary_search_steps=2),
    "jsma": lambda *b: jsma(*b, threat=L0),
    "autoattack": lambda *b: autoattack(*b, threat=LINF, steps=3, n_target_classes=2, n_queries=4),
    "noise": lambda n, x, y: random_noise(x, threat=L2),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks(conv_net, batch, name):
    network, (images, labels) = conv_net(3, dtype=torch.float64).eval(), batch(1, count=8, dtype=torch.float64)
    expected = ATTACKS[name](network, images, labels)
    with pretended():
        out = ATTACKS[name](network.cuda(), images.cuda(), labels.cuda())
        assert out.is_cuda
        assert torch.allclose(out.cpu(), expected, rtol=0, atol=1e-9)


CONDITIONS = {
    f"{study} {name}": config
    for study in ("assistive", "classwise", "distillation", "advprop", "fgsm")
    for name, config in params(study).get("attacks", {}).items()
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CONDITIONS)
def test_attacks_of_the_studies(conv_net, batch, name):
    given = {"steps": 3, "n_queries": 5, "binary_search_steps": 2, "n_target_classes": 2}
    small = {key: min(value, CONDITIONS[name].get(key, value)) for key, value in given.items()}
    config = AttackConfig.model_validate(CONDITIONS[name])
    config = config.model_copy(update={key: value for key, value in small.items() if hasattr(config, key)})
    network, (images, labels) = conv_net(3, dtype=torch.float64).eval(), batch(1, count=8, dtype=torch.float64)
    run = {"eps": 0.2, "seed": 0, "sample_ids": None, "early_stop": False}
    expected = config.run(network, images, labels, **run)
    with pretended():
        out = config.run(network.cuda(), images.cuda(), labels.cuda(), **run)
        assert torch.allclose(out.cpu(), expected, rtol=0, atol=1e-9)


@pytest.mark.slow
def test_gradient_checks(conv_net, batch):
    network, (images, labels) = conv_net(3).eval(), batch(1, count=10)
    expected = gradient_masking(network, images, labels, eps=0.2, seed=0)
    with pretended():
        found = gradient_masking(network.cuda(), images.cuda(), labels.cuda(), eps=0.2, seed=0)
    assert [(check.name, check.outcome) for check in found] == [(check.name, check.outcome) for check in expected]


FEW = ["gaussian_noise", "motion_blur", "jpeg_compression"]


@pytest.mark.parametrize(
    "name", [n if n in FEW else pytest.param(n, marks=pytest.mark.slow) for n in (*CORRUPTIONS, *MNIST_C)]
)
def test_corruptions(name):
    images = torch.rand(3, 1 if name in MNIST_C else 3, 28, 28)
    expected = corrupt(images, name, 3, seed=0)
    with pretended():
        out = corrupt(images.cuda(), name, 3, seed=0)
        assert out.is_cuda
        assert torch.equal(out.cpu(), expected)


def test_what_is_evaluated(conv_net, batch):
    network, (images, labels) = conv_net(3).eval(), batch(1, count=30)
    stored = (images * 255).round().to(torch.uint8)

    def measured(device):
        on = (network.to(device), images.to(device), labels.to(device))
        found = robustness(*on, {"pgd": PGD}, eps=0.2, seed=0)
        made = torch.cat([rounded for _, rounded in crafted(PGD, network, stored, labels, eps=0.2, seed=0)])
        return found.fallen_to.tolist(), made.tolist(), logits(network, stored).argmax(1).tolist()

    expected = measured("cpu")
    with pretended():
        assert measured("cuda") == expected


NETWORKS = {
    "cnn": {"kind": "cnn", "width": 2},
    "vgg": {"kind": "vgg", "channels": [2, 4], "dense": [8, 8]},
    "preact_resnet18": {"kind": "preact_resnet18", "width": 8},
    "maxout": {"kind": "maxout", "units": [8, 8], "pieces": 2},
    "rbf": {"kind": "rbf"},
    "efficientnet": {"kind": "torchvision", "name": "efficientnet_b0"},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name):
    network = build(NetworkConfig.model_validate(NETWORKS[name]), (3, 32, 32), 10, seed=0).eval().double()
    images, labels = torch.rand(4, 3, 32, 32, dtype=torch.float64), torch.arange(4)
    expected = pgd(network, images, labels, threat=LINF, steps=2)
    with pretended():
        out = pgd(network.cuda(), images.cuda(), labels.cuda(), threat=LINF, steps=2)
        assert torch.allclose(out.cpu(), expected)


@pytest.fixture
def _forgotten(monkeypatch):
    monkeypatch.setattr(batches, "_fitting", type(batches._fitting)())


@pytest.mark.usefixtures("_forgotten")
def test_a_small_card_gives_the_same_in_halves(conv_net, batch, capsys):
    network, (images, labels) = conv_net(3).eval(), batch(1, count=200)
    stored = (images * 255).round().to(torch.uint8)

    def measured():
        made = [rounded.cpu() for _, rounded in crafted(PGD, network, stored, labels, eps=0.2, seed=0)]
        return torch.cat(made), logits(network, stored).cpu()

    with pretended() as card:
        network.cuda()
        expected = measured()
    assert not capsys.readouterr().err
    with pretended(memory=1 << 20) as card:
        network.cuda()
        made = measured()
        assert card.used < 1 << 20
    assert all(torch.equal(*pair) for pair in zip(made, expected, strict=True))
    assert "200 images do not fit into the memory of cuda:0; 100 are tried" in capsys.readouterr().err


@pytest.mark.usefixtures("_forgotten")
def test_an_attack_by_itself_goes_on_in_halves(conv_net, batch):
    network, (images, labels) = conv_net(3).eval(), batch(1, count=200)
    with pretended():
        expected = pgd(network.cuda(), images.cuda(), labels.cuda(), threat=LINF, steps=3).cpu()
    with pretended(memory=1 << 20):
        assert torch.equal(pgd(network.cuda(), images.cuda(), labels.cuda(), threat=LINF, steps=3).cpu(), expected)


@pytest.mark.usefixtures("_forgotten")
def test_what_does_not_fit_at_all_is_said(conv_net, batch):
    with pretended(memory=3000), pytest.raises(UserError, match="a single image is too much for the memory of cuda:0"):
        logits(conv_net(3).eval().cuda(), batch(1, count=8)[0])
