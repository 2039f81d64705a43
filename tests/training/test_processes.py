"""Two processes do what one does: the same perturbations and answers, and training within rounding."""

import os

import pytest
import torch

from friendfoe import runtime
from friendfoe.attacks.craft import crafted
from friendfoe.attacks.pgd import PGDConfig
from friendfoe.models.classifier import build
from friendfoe.models.networks.cnn import CNNConfig
from friendfoe.models.predict import predict
from friendfoe.runtime import processes
from friendfoe.runtime.batches import in_batches
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.processes import ONE, divided, join, together
from friendfoe.runtime.replicates import each_replicate
from friendfoe.training.images import TrainingImages
from friendfoe.training.job import InnerAttack, TrainingConfig
from friendfoe.training.loop import train
from friendfoe.training.methods.adversarial_training import AdversarialTrainingConfig, RobustObjective
from friendfoe.training.methods.advprop import AdvPropConfig, AdvPropObjective
from friendfoe.training.methods.standard import cross_entropy

CPU = torch.device("cpu")
SHAPE, K, N = (1, 8, 8), 4, 600
ATTACK = InnerAttack(steps=2, rel_step=0.5)


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(N) % K
    return (torch.randint(0, 100, (N, *SHAPE), generator=generator) + 40 * labels.view(-1, 1, 1, 1)).to(
        torch.uint8
    ), labels


def objective_of(name, network):
    if name == "standard":
        return cross_entropy
    if name == "pgd-at":
        config = AdversarialTrainingConfig(method="adversarial-training", objective="pgd-at")
        return RobustObjective(config, 0.05, ATTACK, 2)
    distributions = [{"images": "clean"}, {"images": "adversarial", "branch": "adversarial"}]
    config = AdvPropConfig(
        method="advprop", distributions=distributions, fine_tuning=0.5
    )  # one branch rests at the end
    config.prepare(network)
    return AdvPropObjective(config, 0.05, ATTACK, 2)


def trained(name, images, batch=50):
    """Weights and batch-norm statistics, and the curve, of all processes together."""
    pixels, labels = images
    network = build(CNNConfig(kind="cnn", width=4), SHAPE, K, seed=3)
    objective = objective_of(name, network)
    budget = TrainingConfig(epochs=2, batch=batch, optimizer="sgd", learning_rate=0.05)
    shown = TrainingImages([pixels], labels, 1.0, 0, CPU)
    curve = train(network, shown, objective, budget, base_seed=0, processes=join(CPU))
    return {key: value.numpy() for key, value in network.state_dict().items()}, curve


@pytest.mark.slow
@pytest.mark.parametrize("name", ["standard", "pgd-at", "advprop"])
@pytest.mark.parametrize("batch", [50, 51])  # parts of one size, and of two
def test_a_network_is_trained_as_by_one(images, name, batch):
    one, curve = trained(name, images, batch)
    two, curve_of_two = together(lambda send: trained(name, images, batch), 2, print)
    assert one.keys() == two.keys()
    assert max(abs(one[key] - two[key]).max() for key in one) <= 1e-5
    assert [row["accuracy"] for row in curve] == [row["accuracy"] for row in curve_of_two]


def examined(images):
    """Perturbed images and answers to them."""
    pixels, labels = images
    network = build(CNNConfig(kind="cnn", width=4), SHAPE, K, seed=3)
    attack = PGDConfig(attack="pgd", steps=3)
    with divided(join(CPU)):
        found = [*zip(*crafted(attack, network, pixels, labels, eps=0.1, seed=1), strict=True)]
        perturbed, stored = map(torch.cat, found)
        return perturbed.numpy(), stored.numpy(), predict(network, perturbed).numpy()


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 3, 5])  # three batches: all have some, or not all
def test_perturbations_and_answers_are_the_very_same(images, count):
    one = examined(images)
    several = together(lambda send: examined(images), count, print)
    for expected, found in zip(one, several, strict=True):
        assert (expected == found).all()


def test_what_is_done_of_parts_is_not_divided_again(images):
    def work(send):
        done = []

        def of(rows):
            done.append(len(rows))
            return sum(in_batches(rows, CPU, torch.sum, "inside", model=None, shape=(1, *SHAPE)))

        with divided(join(CPU)):
            total = sum(in_batches(torch.arange(N), CPU, of, "outside", model=None, shape=(1, *SHAPE)))
        return total, done

    total, done = together(work, 2, print)
    assert total == N * (N - 1) // 2
    assert done == [250, 100]
    assert not processes.is_divided()


def test_the_first_of_several_says_how_it_goes(monkeypatch):
    monkeypatch.setenv("FRIENDFOE_PROCESSES", "2")
    news = []

    def work(replicate, send):
        send("half")
        return replicate, join(runtime.device()).world, os.environ["FRIENDFOE_PROCESSES"]

    found = each_replicate(work, 2, lambda replicate, what: news.append((replicate, what)), together=True)
    assert found == [(0, 2, "2"), (1, 2, "2")]
    assert news == [(0, "half"), (1, "half")]
    assert each_replicate(lambda replicate, send: join(runtime.device()), 1) == [ONE]  # where work is not to be shared


def test_a_failure_of_one_ends_all():
    def work(send):
        if join(CPU).rank == 1:
            raise UserError("what is wrong")
        join(CPU).wait()

    with pytest.raises((UserError, RuntimeError), match=r"what is wrong|[Cc]onnection"):
        together(work, 2, print)


def test_what_cannot_be_is_said_in_a_line(monkeypatch):
    monkeypatch.setenv("FRIENDFOE_PROCESSES", "many")
    with pytest.raises(UserError, match="FRIENDFOE_PROCESSES=many: must be a whole number, 1 or more"):
        processes.asked_for()
    monkeypatch.setenv("FRIENDFOE_PROCESSES", "3")
    monkeypatch.setattr(runtime, "device", lambda: torch.device("cuda"))
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    with pytest.raises(UserError, match="FRIENDFOE_PROCESSES=3: each has a GPU of its own, and there are 2"):
        processes.asked_for()
    monkeypatch.setattr(processes, "can_fork", lambda: False)
    with pytest.raises(UserError, match="FRIENDFOE_PROCESSES=3: several processes need Linux"):
        processes.asked_for()
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert processes.asked_for() == 1
