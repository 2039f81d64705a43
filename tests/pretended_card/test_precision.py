"""Float32 on a card with tensor cores: verdicts are those of the CPU, whatever crafting and training are computed in."""

import pytest
import torch

from friendfoe import runtime
from friendfoe.attacks import Threat, pgd
from friendfoe.attacks.config import AttackConfig
from friendfoe.attacks.craft import craft
from friendfoe.attacks.loop import Best
from friendfoe.attacks.losses import log_odds
from friendfoe.attacks.white_box import white_box
from friendfoe.evaluation.robust import robustness
from friendfoe.models.predict import logits
from friendfoe.runtime.precision import exact, fast, is_rounded
from tests.pretended_card import pretended

GPU = torch.device("cuda")
FGSM = AttackConfig.model_validate({"attack": "fgsm"})


@pytest.fixture(params=["flags", "words"])
def said(request):
    """How somebody has said it before; afterwards torch is as it was."""
    if request.param == "words":
        torch.backends.cuda.matmul.fp32_precision = "tf32"
        torch.backends.cudnn.conv.fp32_precision = "ieee"
    yield
    torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = True, False


def states():
    """Of convolutions and of products; none is as it is."""
    words = torch.backends.cudnn.conv.fp32_precision, torch.backends.cuda.matmul.fp32_precision
    return tuple("ieee" if word == "none" else word for word in words)


def test_it_is_said_for_a_while(said):
    before = states()
    with exact(GPU):
        assert "tf32" not in states()
        with fast(GPU):
            assert states() == ("tf32", "tf32")
        assert "tf32" not in states()
    with fast(torch.device("cpu")):
        assert states() == before
    assert states() == before
    assert not is_rounded(torch.zeros(1))


def batch(network):
    images = torch.rand(40, 3, 8, 8)
    return images, network(images).argmax(1)


@pytest.fixture
def network(conv_net):
    return conv_net(1, channels=3).eval()


def test_logits_are_those_of_the_cpu(network):
    images, _ = batch(network)
    with torch.no_grad(), white_box(network) as box:
        expected = box.logits(images)
    with pretended(tf32=True), fast(GPU):
        network.cuda()
        assert torch.equal(logits(network, images).cpu(), expected)
        with white_box(network) as box:
            assert torch.equal(box.logits(images.cuda()).cpu(), expected)
            assert not torch.equal(network(images.cuda()).cpu(), expected)
            assert not torch.equal(
                box.gradient(images.cuda(), torch.zeros(40).long().cuda(), log_odds)[0].cpu(), expected
            )


def test_what_is_rounded_is_asked_again_before_a_sample_counts_as_fallen(network):
    images, labels = batch(network)
    with pretended(tf32=True), fast(GPU), white_box(network.cuda()) as box:
        images, labels = images.cuda(), labels.cuda()
        best = Best(box, images, keep_best=False, truth=labels)
        wrong = torch.nn.functional.one_hot((labels + 1) % 4, 4).float()  # as if by rounding
        best.offer(slice(None), images, log_odds(wrong, labels), wrong)
        assert not best.fooled.any()


def test_crafting_is_fast_and_verdicts_are_the_cpus(network):
    images, labels = batch(network)
    seen = []
    network.register_forward_hook(lambda *_: seen.append(states()))
    with pretended(tf32=True):
        network.cuda()
        craft(FGSM, network, images.cuda(), labels.cuda(), eps=0.2, seed=0)
        assert {*seen} == {("tf32", "tf32")}
        seen.clear()
        found = robustness(network, images.cuda(), labels.cuda(), {"fgsm": FGSM}, eps=0.2, seed=0)
        assert seen[0] == seen[-1] != ("tf32", "tf32")  # the clean images, and the verdict
        fooled = found.images.cpu()[(found.fallen_to == 1).cpu()], labels[(found.fallen_to == 1).cpu()]
        network.cpu()
    assert 0 < len(fooled[0]) < 40
    assert (network(fooled[0]).argmax(1) != fooled[1]).all()


def test_stages_compute_float32_as_it_is(monkeypatch):
    monkeypatch.setenv("FRIENDFOE_DEVICE", "cuda")
    with exact(GPU), fast(GPU), pretended():
        assert runtime.device().type == GPU.type
        assert "tf32" not in states()


def test_attacks_of_others_keep_their_setting(network):
    images, labels = batch(network)
    seen = []
    network.register_forward_hook(lambda *_: seen.append(states()[0]))
    with pretended(tf32=True), exact(GPU):
        pgd(network.cuda(), images.cuda(), labels.cuda(), threat=Threat("linf", 0.1), steps=2)
    assert "tf32" not in seen
