"""The climb of PGD as a graph on a card: the bits of single steps, in a fifth of the launches, nearly without waits."""

import copy

import pytest
import torch
from torch import nn

from friendfoe.attacks import Goal, Threat, kl, margin, pgd, repeated
from friendfoe.attacks.contract import NotFiniteError
from friendfoe.evaluation.robust import PassCounter
from friendfoe.runtime.precision import fast
from tests.pretended_card import pretended

LINF, L2 = Threat("linf", 0.05), Threat("l2", 0.3)
CASES = {
    "last image": {"threat": LINF, "keep_best": False},
    "best image": {"threat": LINF},
    "l2, restarts": {"threat": L2, "restarts": 2},
    "friend": {"threat": L2, "goal": Goal.FRIEND},
    "margin, radii": {"threat": LINF, "loss": margin, "radii": True},
    "soft labels": {"threat": LINF, "loss": kl, "labels": "soft"},
    "early stop": {"threat": LINF, "keep_best": False, "early_stop": True},
    "early stop, restarts in l2": {"threat": L2, "keep_best": False, "early_stop": True, "restarts": 2},
    "early stop of all": {"threat": Threat("linf", 0.5), "keep_best": False, "early_stop": True},
    "early stop from the clean image": {
        "threat": LINF, "keep_best": False, "early_stop": True, "random_start": False,
    },
}  # fmt: skip

FEW = ["best image", "early stop"]
STEPS = 14


@pytest.fixture
def single(monkeypatch):
    """No step is repeated."""
    return lambda: monkeypatch.setattr(repeated, "WARM_UP", 1000)


@pytest.fixture
def task(conv_net, batch):
    """A network and images that it gets right, far enough from its boundaries that they fall at different steps."""
    network = conv_net(5).eval()
    images, _ = batch(1, count=30)
    return network, images, network(images).detach()


def attacked(task, *, steps=STEPS, labels="hard", radii=False, network=None, **more):
    images, logits = (each.cuda() for each in task[1:])
    truth = logits.argmax(1) if labels == "hard" else logits.softmax(1)
    if radii:
        more["radii"] = torch.full_like(logits[:, 0], 0.1)
    network = copy.deepcopy(network or task[0]).cuda()
    return pgd(network, images, truth, steps=steps, step_size=0.02, **more).cpu()


@pytest.mark.parametrize(
    ("name", "tensor_cores"),
    [
        *((name, True) for name in FEW),
        *(pytest.param(name, False, marks=pytest.mark.slow) for name in CASES),
    ],
)
def test_repeated_steps_give_the_bits_of_single_ones(task, single, name, tensor_cores):
    with pretended(tf32=tensor_cores) as card, fast(torch.device("cuda")):
        out = attacked(task, **CASES[name])
        assert (card.launches["graph"] > 0) == (name != "early stop of all")
        single()
        card.clear()
        assert torch.equal(out, attacked(task, **CASES[name]))
        assert not card.launches["graph"]


@pytest.mark.parametrize("name", FEW)
def test_verdicts_and_images_are_those_of_the_cpu(task, name):
    network, images, logits = task
    more = {"steps": STEPS, "step_size": 0.02, **CASES[name]}
    expected = pgd(network, images, logits.argmax(1), **more)
    with pretended():
        out = attacked(task, **CASES[name])
    fallen = [network(each).argmax(1) != logits.argmax(1) for each in (out, expected)]
    assert torch.equal(*fallen)
    assert name != "early stop" or 5 < fallen[0].sum() < 25
    assert torch.allclose(out, expected, atol=1e-5)


@pytest.mark.parametrize("name", FEW)
def test_launches_and_waits_of_a_step(task, single, name):
    """Of attacks of two lengths, the difference is that of their steps; nothing falls, so that shapes stay."""
    counted = {}
    more = {**CASES[name], "threat": Threat("linf", 1e-6)}
    for way in ("repeated", "single"):
        if way == "single":
            single()
        for steps in (8, 12):
            with pretended() as card:
                attacked(task, steps=steps, **more)
            counted[way, steps] = card.launches.total(), card.waits.total()
    (launches, waits), (before, waits_before) = (
        [(counted[way, 12][i] - counted[way, 8][i]) / 4 for i in range(2)] for way in ("repeated", "single")
    )
    assert launches <= before / 5
    assert waits == waits_before == (1 if name == "early stop" else 0)  # for what has fallen


def test_passes_are_counted_in_graphs_too(task):
    with pretended() as card:
        counter = PassCounter(task[0].cuda()).eval()
        pgd(counter, task[1].cuda(), task[2].cuda().argmax(1), threat=LINF, steps=STEPS)
        assert card.launches["graph"]
        assert counter.forward_passes == 30 * (STEPS + 2)  # besides the steps, of the clean image and of the last one
        assert counter.backward_passes == 30 * STEPS


def test_what_is_not_a_number_within_a_graph_is_an_error(task):
    """Where steps lead to negative numbers, whose root is none."""
    least = task[1].min().item()

    class Root(nn.Module):
        any_memory_format = True

        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, images):
            return self.network((images - least + 0.1).sqrt())

    with pretended() as card:
        with pytest.raises(NotFiniteError, match=r"^model: its logits are not finite$"):
            attacked(task, network=Root(task[0]), threat=Threat("linf", 0.3), random_start=False, clip=False)
        assert card.launches["graph"]


def test_a_network_that_nobody_knows_is_not_repeated(task):
    class Own(nn.Sequential):
        pass

    with pretended() as card:
        attacked(task, network=Own(task[0]), threat=LINF)
        assert not card.launches["graph"]
