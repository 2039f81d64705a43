"""FGSM and PGD give the images of foolbox and ART, from the same start, in float32 on the CPU."""

import numpy as np
import pytest
import torch
from torch import nn

from friendfoe.attacks import Threat, fgsm, pgd

EPS, STEP, STEPS = 0.1, 0.02, 10


@pytest.fixture
def case(conv_net, batch):
    images, labels = batch(1, count=24, side=12)
    return conv_net(5).eval(), images, labels


@pytest.fixture
def foolbox(case):
    library = pytest.importorskip("foolbox", reason="foolbox is a development dependency")
    bounded = library.PyTorchModel(case[0], bounds=(0, 1), device="cpu")
    return lambda attack, **settings: getattr(library.attacks, attack)(**settings).run(bounded, *case[1:], epsilon=EPS)


@pytest.fixture
def art(case):
    pytest.importorskip("art", reason="adversarial-robustness-toolbox is a development dependency")
    from art.attacks import evasion
    from art.estimators.classification import PyTorchClassifier

    net = case[0]
    shape = tuple(case[1].shape[1:])
    classifier = PyTorchClassifier(net, nn.CrossEntropyLoss(), shape, 4, clip_values=(0.0, 1.0), device_type="cpu")

    def run(attack, images=case[1], labels=case[2], **settings):
        crafter = getattr(evasion, attack)(classifier, eps=EPS, batch_size=24, **settings)
        return torch.from_numpy(crafter.generate(images.numpy(), labels.numpy()))

    return run


def test_fgsm_is_foolboxs(case, foolbox):
    for norm, name in (("linf", "LinfFastGradientAttack"), ("l2", "L2FastGradientAttack")):
        expected = foolbox(name, random_start=False)
        assert torch.allclose(fgsm(*case, threat=Threat(norm, EPS)), expected, atol=1e-6, rtol=0)


def test_pgd_is_foolboxs(case, foolbox):
    for norm, name in (("linf", "LinfProjectedGradientDescentAttack"), ("l2", "L2ProjectedGradientDescentAttack")):
        expected = foolbox(name, abs_stepsize=STEP, steps=STEPS, random_start=False)
        assert torch.allclose(last_iterate(case, norm), expected, atol=1e-6, rtol=0)


def test_fgsm_is_arts(case, art):
    for norm, order in (("linf", np.inf), ("l2", 2)):
        expected = art("FastGradientMethod", norm=order)
        assert torch.allclose(fgsm(*case, threat=Threat(norm, EPS)), expected, atol=1e-6, rtol=0)


def test_pgd_is_arts(case, art):
    net, images, labels = case
    inside = 0.3 + 0.4 * images  # where the pixel range is in the way, ART clips before it projects on the l2 ball
    for norm, order, start in (("linf", np.inf, images), ("l2", 2, inside)):
        expected = art("ProjectedGradientDescent", start, norm=order, eps_step=STEP, max_iter=STEPS, verbose=False)
        assert torch.allclose(last_iterate((net, start, labels), norm), expected, atol=1e-6, rtol=0)


def last_iterate(case, norm):
    return pgd(*case, threat=Threat(norm, EPS), steps=STEPS, step_size=STEP, random_start=False, keep_best=False)
