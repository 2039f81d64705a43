"""Training on a card: what it gives on the CPU, without waiting in a step, and in few launches."""

import pytest
import torch

from friendfoe.attacks.config import AttackConfig
from friendfoe.models.classifier import build
from friendfoe.models.config import NetworkConfig
from friendfoe.runtime.errors import UserError
from friendfoe.training import step
from friendfoe.training.calibration import CalibrationConfig
from friendfoe.training.checkpoint import Checkpoint
from friendfoe.training.images import TrainingImages
from friendfoe.training.job import AveragingConfig, InnerAttack, TrainingConfig
from friendfoe.training.loop import train
from friendfoe.training.methods.adversarial_training import AdversarialTrainingConfig, RobustObjective
from friendfoe.training.methods.advprop import AdvPropConfig, AdvPropObjective
from friendfoe.training.methods.binary import binary
from friendfoe.training.methods.distillation import cross_entropy_at
from friendfoe.training.methods.ensemble import side_by_side
from friendfoe.training.methods.mixed_adversarial import mixed
from friendfoe.training.methods.standard import cross_entropy
from friendfoe.training.objectives import repeatable
from tests.pretended_card import pretended
from tests.training.helpers import Killed

STEPS = 9  # of an epoch
BATCH = 8
CNN = {"kind": "cnn", "width": 2}
MAXOUT = {"kind": "maxout", "units": [6, 6], "pieces": 2}
ADVPROP = {
    "method": "advprop",
    "distributions": [{"images": "clean"}, {"images": "adversarial", "branch": "adversarial"}],
}
FINE_GRAINED = [
    *ADVPROP["distributions"],
    {"images": "augmented", "augmentation": "autoaugment", "branch": "augmented"},
]


def robust(objective, **more):
    config = AdversarialTrainingConfig(method="adversarial-training", objective=objective, **more)
    return lambda device: RobustObjective(config, 0.1, InnerAttack(steps=2), 2)


def advprop(**more):
    config = AdvPropConfig.model_validate({**ADVPROP, **more})
    return config, lambda device: AdvPropObjective(config, 0.1, InnerAttack(steps=2), 2)


def same(objective):
    return lambda device: objective


def waiting(network, batch):
    """An objective that is not what it says."""
    loss, logits = cross_entropy(network, batch)
    return loss * (1 if loss.item() > 0 else 2), logits


class Images(TrainingImages):
    """Images in another precision."""

    def take(self, positions):
        pixels, labels = super().take(positions)
        return pixels.to(self.dtype), labels


class Case:
    """How something is trained, and whether its steps can be repeated as a graph."""

    def __init__(self, make, *, network=CNN, repeated=True, prepare=lambda network: None, **budget):
        self.make, self.network, self.repeated, self.prepare, self.budget = make, network, repeated, prepare, budget


def of_advprop(**more):
    config, make = advprop(**more)
    return Case(make, prepare=config.prepare)


CASES = {
    "standard": Case(same(cross_entropy), augmentation="crop-flip"),
    "pgd-at": Case(robust("pgd-at")),
    "trades-cfa": Case(
        robust("trades", calibration=CalibrationConfig(begin=0)), averaging=AveragingConfig(remains=0.5)
    ),
    "advprop": of_advprop(),
    "bfloat16": Case(robust("trades"), precision="bfloat16"),
    "dropout": Case(same(cross_entropy), network=MAXOUT, max_norm=1.5),
}
MORE = {
    "fgsm-at": Case(robust("fgsm-at")),
    "mart": Case(robust("mart")),
    "pgd-at-cfa": Case(robust("pgd-at", calibration=CalibrationConfig(begin=0))),
    "randaugment": Case(same(cross_entropy), augmentation="randaugment"),
    "cosine": Case(same(cross_entropy), schedule="cosine", optimizer="adamw", learning_rate=0.01),
    "adam": Case(same(cross_entropy), optimizer="adam", learning_rate=0.01, schedule="piecewise"),
    "first-layer-l1": Case(same(cross_entropy), first_layer_l1=0.01, first_layer_l1_from=0.6),
    "without momentum": Case(same(cross_entropy), momentum=0.0, schedule="halving"),
    "augmix": Case(same(cross_entropy), augmentation="augmix"),
    "binary": Case(same(binary), network={"kind": "rbf"}),
    "ensemble": Case(same(side_by_side), network={"kind": "ensemble", "members": 2, "of": MAXOUT}),
    "distillation": Case(
        lambda device: cross_entropy_at(20.0, torch.linspace(-1, 1, 720).view(72, 10).softmax(1).to(device))
    ),
    "mixed": Case(same(mixed(0.5, AttackConfig.model_validate({"attack": "fgsm"}), 0.1)), network=MAXOUT),
    "mixed with noise": Case(same(mixed(0.5, AttackConfig.model_validate({"attack": "noise"}), 0.1))),
    "mixed with PGD in l2": Case(
        same(mixed(0.5, AttackConfig.model_validate({"attack": "pgd", "norm": "l2", "eps": 0.5, "steps": 2}), 0.5))
    ),
    "mixed with JSMA": Case(same(mixed(0.5, AttackConfig.model_validate({"attack": "jsma", "eps": 0.02}), 0.02))),
    "waits": Case(same(repeatable(waiting)), repeated=False),
    "advprop, then fine-tuned": of_advprop(fine_tuning=0.5),
    "fine-grained advprop": of_advprop(distributions=FINE_GRAINED),
    "residual": Case(robust("pgd-at"), network={"kind": "wide_resnet", "depth": 10, "width": 1}),
}
ALL = [*CASES, *(pytest.param(name, marks=pytest.mark.slow) for name in MORE)]


def fit(name, device, *, steps=STEPS, dtype=torch.float64, checkpoint=None, objective=None, epochs=2):
    """Train a case; its curve, and its weights on the CPU."""
    case = {**CASES, **MORE}[name]
    labels = torch.arange(BATCH * steps) % 10
    pixels = torch.randint(0, 256, (len(labels), 1, 8, 8), generator=torch.Generator().manual_seed(0)).byte()
    network = build(NetworkConfig.model_validate(case.network), (1, 8, 8), 10, seed=1).to(dtype).to(device)
    case.prepare(network)
    images = Images([pixels], labels, 1.0, 0, torch.device(device))
    images.dtype = dtype
    given = {"epochs": epochs, "batch": BATCH, "optimizer": "sgd", "learning_rate": 0.05, "weight_decay": 1e-3}
    budget = TrainingConfig.model_validate({**given, **case.budget})
    make = objective or case.make(device)
    curve = train(network, images, make, budget, base_seed=0, checkpoint=checkpoint)
    return curve, {name: tensor.cpu() for name, tensor in network.state_dict().items()}


def equal(first, second):
    return first[0] == second[0] and all(torch.equal(first[1][name], second[1][name]) for name in first[1])


def near(first, second, tolerance):
    assert first[0][-1]["loss"] == pytest.approx(second[0][-1]["loss"], rel=tolerance)
    for name, weights in first[1].items():
        assert torch.allclose(weights, second[1][name], rtol=tolerance, atol=tolerance), name
    return True


@pytest.mark.parametrize("name", ALL)
def test_it_gives_what_the_cpu_gives(name):
    """In float64, but for what the fused optimisers of GPUs round: the learning rate, to float32."""
    with pretended():
        on_card = fit(name, "cuda")
    low = {**CASES, **MORE}[name].budget.get("precision") == "bfloat16"
    assert near(on_card, fit(name, "cpu"), 0.05 if low else 1e-5)


@pytest.mark.parametrize("name", ALL)
def test_repeated_steps_give_the_bits_of_single_ones(name, monkeypatch, capsys):
    with pretended() as card:
        repeated = fit(name, "cuda", dtype=torch.float32)
        graphs = card.launches["graph"]
        monkeypatch.setattr(step, "WARM_UP", 1000)
        card.clear()
        single = fit(name, "cuda", dtype=torch.float32)
        assert not card.launches["graph"]
    assert equal(repeated, single)
    assert (graphs > STEPS) == {**CASES, **MORE}[name].repeated
    assert ("note: steps are not repeated" in capsys.readouterr().err) == (name == "waits")


@pytest.mark.parametrize("name", [*CASES, pytest.param("fine-grained advprop", marks=pytest.mark.slow)])
def test_no_step_waits_and_a_graph_takes_a_fifth_of_the_launches(name, monkeypatch):
    """Of epochs of two lengths, the difference is that of their steps."""
    counted = {}
    for kind, warm_up in (("single", 1000), ("repeated", step.WARM_UP)):
        monkeypatch.setattr(step, "WARM_UP", warm_up)
        for steps in (8, 12):
            with pretended() as card:
                fit(name, "cuda", steps=steps, dtype=torch.float32, epochs=1)
            counted[kind, steps] = card
    for kind in ("single", "repeated"):
        assert counted[kind, 12].waits == counted[kind, 8].waits, kind
    single, repeated = (
        (counted[kind, 12].launches.total() - counted[kind, 8].launches.total()) / 4 for kind in ("single", "repeated")
    )
    assert repeated == 4  # of the images, the seed and the learning rate, and the graph
    assert single >= 5 * repeated


def test_a_run_that_was_killed_ends_with_the_same_bits(tmp_path, monkeypatch):
    """Taken up in the middle of an epoch, with steps before and after it in graphs."""
    monkeypatch.setattr("friendfoe.runtime.paths.CHECKPOINTS", tmp_path)
    monkeypatch.setattr("friendfoe.training.loop.CHECK_EVERY", 4)
    monkeypatch.setenv("FRIENDFOE_CHECKPOINT_SECONDS", "0")
    with pretended():
        whole = fit("trades-cfa", "cuda")
        objective = CASES["trades-cfa"].make("cuda")
        phases = iter(range(14))

        def deadly(epoch, device, phase=objective.phase):
            if next(phases, None) is None:
                raise Killed
            return phase(epoch, device)

        objective.phase = deadly
        with pytest.raises(Killed):
            fit("trades-cfa", "cuda", checkpoint=Checkpoint("k"), objective=objective)
        assert Checkpoint("k").load()["step"] == 12
        assert equal(fit("trades-cfa", "cuda", checkpoint=Checkpoint("k")), whole)


def test_a_network_that_nobody_knows_is_not_repeated():
    """Its steps may depend on what no graph sees."""

    class Own(torch.nn.Linear):
        def forward(self, images):
            return super().forward(images.flatten(1))

    labels = torch.arange(80) % 10
    with pretended() as card:
        images = TrainingImages([torch.zeros(80, 1, 8, 8, dtype=torch.uint8)], labels, 1.0, 0, torch.device("cuda"))
        budget = TrainingConfig(epochs=1, batch=8, optimizer="sgd", learning_rate=0.1)
        train(Own(64, 10).cuda(), images, cross_entropy, budget, base_seed=0)
    assert not card.launches["graph"]
    assert not any(place.startswith("training/step") for _, place in card.waits)


def test_a_loss_that_is_not_finite_stops_it(monkeypatch):
    monkeypatch.setitem(CASES, "too fast", Case(robust("mart"), learning_rate=1000, schedule="constant"))
    with pretended(), pytest.raises(UserError, match="no longer finite at step 18"):
        fit("too fast", "cuda", dtype=torch.float32)
