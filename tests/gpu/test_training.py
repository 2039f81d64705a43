"""Training on an accelerator: every method's loss is the CPU's, a run resumes, and nothing in a step waits."""

from itertools import count

import pytest
import torch

from friendfoe.data.store import load_split
from friendfoe.runtime import paths
from friendfoe.training.checkpoint import Checkpoint
from friendfoe.training.images import TrainingImages
from friendfoe.training.job import InnerAttack, TrainingConfig
from friendfoe.training.loop import train
from friendfoe.training.methods.adversarial_training import AdversarialTrainingConfig, RobustObjective
from friendfoe.training.methods.advprop import AdvPropConfig, AdvPropObjective
from friendfoe.training.methods.standard import cross_entropy
from friendfoe.training.model import train_model
from friendfoe.training.replicate import train_replicate
from tests.gpu.conftest import CPU
from tests.training.helpers import Killed, job, network

pytestmark = pytest.mark.gpu

BUDGET = {"epochs": 1, "batch": 20, "learning_rate": 0.05}  # three steps
FOE = {"eps": 0.1, "inner_attack": {"steps": 2, "rel_step": 0.7}}
CALIBRATED = {"calibration": {"eps": 0.5, "begin": 0.0}}
AVERAGED = {"averaging": {"remains": 0.5, "threshold": 0.0}, "validation": {"share": 0.2}}
BRANCHES = {
    "clean": {"images": "clean"},
    "foe": {"images": "adversarial", "branch": "adversarial"},
    "augmented": {"images": "augmented", "branch": "augmented", "augmentation": "autoaugment"},
}
ROBUST = {"method": "adversarial-training"}
JOBS = {
    "standard": {"method": {"method": "standard"}},
    "bfloat16": {"method": {"method": "standard"}, "training": {"precision": "bfloat16"}},
    "adamw, crop-flip": {"method": {"method": "standard"}, "training": {"optimizer": "adamw", "augmentation": "crop-flip"}},
    "mixed-adversarial": {"method": {"method": "mixed-adversarial", "attack": {"attack": "fgsm"}}, "eps": 0.1},
    "binary": {"method": {"method": "binary"}, "network": {"kind": "rbf"}},
    "ensemble": {"method": {"method": "ensemble"}, "network": {"kind": "ensemble", "members": 2, "of": {"kind": "mlp", "hidden": [8]}}},
    "teacher": {"method": {"method": "teacher", "temperature": 10.0}},
    **{kind: {"method": {**ROBUST, "objective": kind}, **FOE} for kind in ("pgd-at", "fgsm-at", "trades", "mart")},
    "pgd-at-cfa": {"method": {**ROBUST, "objective": "pgd-at", **CALIBRATED}, **FOE, "training": AVERAGED},
    "trades-cfa": {"method": {**ROBUST, "objective": "trades", **CALIBRATED}, **FOE, "training": AVERAGED},
    "advprop": {"method": {"method": "advprop", "distributions": [BRANCHES["clean"], BRANCHES["foe"]]}, **FOE},
    "fine-grained": {"method": {"method": "advprop", "distributions": [*BRANCHES.values()]}, **FOE},
}  # fmt: skip


def _trained(section, monkeypatch, device):
    monkeypatch.setenv("FRIENDFOE_DEVICE", str(device))
    split = load_split(paths.prepared("digits"), "train")
    history = []
    of = job(**{**section, "training": {**BUDGET, **section.get("training", {})}})
    trained = train_replicate(of, split, 0, on_epoch=history.extend)
    return history[-1], trained.network


@pytest.mark.parametrize("name", JOBS)
def test_three_steps_of_every_method_lose_what_they_lose_on_the_cpu(digits, accelerator, monkeypatch, name):
    here, _ = _trained(JOBS[name], monkeypatch, CPU)
    there, net = _trained(JOBS[name], monkeypatch, accelerator)
    assert next(net.parameters()).device.type == accelerator.type
    assert there["loss"] == pytest.approx(here["loss"], rel=3e-2 if name == "bfloat16" else 1e-3)
    assert all(tensor.isfinite().all() for tensor in net.state_dict().values())


def test_a_student_learns_from_its_teacher(digits, accelerator, monkeypatch):
    losses = []
    for device in (CPU, accelerator):
        monkeypatch.setenv("FRIENDFOE_DEVICE", str(device))
        train_model(
            job(name="teacher", method={"method": "teacher", "temperature": 10.0}, training=BUDGET, replicates=1)
        )
        student = {"name": "student", "method": {"method": "distilled", "teacher": "teacher", "temperature": 10.0}}
        losses.append(_trained(student, monkeypatch, device)[0]["loss"])
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)


def _on(images, device):
    return TrainingImages(images.copies, images.labels, 1.0, 0, device)


@pytest.mark.parametrize("killed_at", [2, 9])
def test_a_run_that_was_killed_goes_on(images, often_saved, accelerator, killed_at):
    budget = TrainingConfig(epochs=3, batch=16, optimizer="sgd", learning_rate=0.05)
    there, steps = _on(images, accelerator), count(1)
    whole, killed, resumed = (network(dropout=0.5).to(accelerator) for _ in range(3))
    expected = train(whole, there, cross_entropy, budget, base_seed=0)

    def deadly(net, batch):
        if next(steps) == killed_at:
            raise Killed
        return cross_entropy(net, batch)

    with pytest.raises(Killed):
        train(killed, there, deadly, budget, base_seed=0, checkpoint=Checkpoint("k"))
    found = train(resumed, there, cross_entropy, budget, base_seed=0, checkpoint=Checkpoint("k"))
    assert found[-1]["loss"] == pytest.approx(expected[-1]["loss"], rel=1e-3)  # other dropout would be far off
    for name, tensor in whole.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], tensor, rtol=1e-3, atol=1e-3)


def _objectives():
    attack = InnerAttack(steps=2, rel_step=0.7)
    yield pytest.param(lambda net: cross_entropy, id="standard")
    for kind in ("pgd-at", "trades", "mart"):
        config = AdversarialTrainingConfig(method="adversarial-training", objective=kind)
        yield pytest.param(lambda net, config=config: RobustObjective(config, 0.1, attack, 2), id=kind)

    def advprop(net):
        config = AdvPropConfig.model_validate(
            {"method": "advprop", "distributions": [BRANCHES["clean"], BRANCHES["foe"]]}
        )
        config.prepare(net)
        return AdvPropObjective(config, 0.1, attack, 2)

    yield pytest.param(advprop, id="advprop")


OBJECTIVES = list(_objectives())


@pytest.mark.parametrize("make", OBJECTIVES)
def test_steps_that_are_repeated_as_a_graph_do_what_each_does_alone(images, accelerator, capsys, make):
    """What is no more than a function is never repeated: it might do anything."""
    budget = TrainingConfig(epochs=2, batch=16, optimizer="sgd", learning_rate=0.02)
    ended = []
    for alone in (False, True):
        net = network().to(accelerator)
        objective = make(net)
        given = (lambda model, batch, of=objective: of(model, batch)) if alone else objective
        history = train(net, _on(images, accelerator), given, budget, base_seed=0)
        ended.append([row["loss"] for row in history])
    assert ended[0] == pytest.approx(ended[1], rel=1e-3)
    assert "not repeated" not in capsys.readouterr().err


@pytest.mark.parametrize("make", OBJECTIVES)
def test_nothing_in_a_step_waits_for_the_card(images, card, make):
    """From the third to the fifth step of an epoch; the first ones check, and the last is looked at."""
    net, steps = network().to(card), count(1)
    objective = make(net)

    def watched(model, batch):
        step = next(steps)
        torch.cuda.set_sync_debug_mode("error" if 3 <= step <= 5 else "default")
        return objective(model, batch)

    try:
        budget = TrainingConfig(epochs=1, batch=16, optimizer="sgd", learning_rate=0.05)
        train(net, _on(images, card), watched, budget, base_seed=0)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert next(steps) == 7
