"""Collapse: a run that loses its robustness while its training goes well is stopped, and what it had is kept."""

import pytest
import torch
from sklearn.datasets import load_digits

from friendfoe.attacks.pgd import pgd
from friendfoe.attacks.threat import Threat
from friendfoe.models.classifier import build
from friendfoe.models.networks.cnn import CNNConfig
from friendfoe.training.images import TrainingImages
from friendfoe.training.job import InnerAttack, TrainingConfig, ValidationConfig
from friendfoe.training.loop import train
from friendfoe.training.methods.adversarial_training import AdversarialTrainingConfig, RobustObjective
from friendfoe.training.methods.standard import cross_entropy
from friendfoe.training.model import _report_collapse
from friendfoe.training.replicate import TrainedReplicate, accuracy
from friendfoe.training.selection import Selection
from tests.training.helpers import CPU

EPS = 0.2
BUDGET = TrainingConfig(epochs=8, batch=64, optimizer="sgd", learning_rate=0.1, schedule="constant")


@pytest.fixture(scope="module")
def digits():
    pixels, labels = load_digits(return_X_y=True)
    pixels = torch.from_numpy((pixels * 255 / 16).round()).to(torch.uint8).view(-1, 1, 8, 8)
    return pixels, torch.from_numpy(labels).long()


def run(digits, robust_epochs):
    """PGD-AT for so many epochs, and then training that knows nothing of attacks."""
    pixels, labels = digits
    method = AdversarialTrainingConfig(method="adversarial-training", objective="pgd-at")
    robust = RobustObjective(method, EPS, InnerAttack(steps=2, rel_step=0.7), BUDGET.epochs)

    def objective(network, batch):
        return (robust if batch.epoch < robust_epochs else cross_entropy)(network, batch)

    def attacked(network):
        images, truth = pixels[1500:].float() / 255, labels[1500:]
        return accuracy(network, pgd(network, images, truth, threat=Threat("linf", EPS), steps=8, seed=0), truth)

    network = build(CNNConfig(kind="cnn", width=8), (1, 8, 8), 10)
    images = TrainingImages([pixels[:1500]], labels[:1500], 1.0, 0, CPU)
    selection = Selection(ValidationConfig(), attacked)
    history = train(network, images, objective, BUDGET, base_seed=0, selection=selection)
    return TrainedReplicate(network, None, None, selection), history, attacked


def test_a_run_made_to_collapse_is_stopped_and_its_robust_weights_are_kept(digits, capsys):
    trained, history, attacked = run(digits, robust_epochs=4)
    selection = trained.selection
    assert selection.collapsed
    assert len(history) < BUDGET.epochs
    assert selection.epoch < 4
    last, best = attacked(trained.network), attacked(trained.best())
    assert best == selection.best == max(row["validation_accuracy"] for row in history)
    assert last < 0.5 * best
    assert history[-1]["accuracy"] > history[3]["accuracy"]  # by its training all is well
    _report_collapse(trained, "fgsm-at on digits, replicate 0")
    warning = capsys.readouterr().err
    assert "its robustness has collapsed" in warning
    assert f"epoch {selection.epoch + 1} are kept" in warning


def test_adversarial_training_that_goes_on_does_not_collapse(digits, capsys):
    trained, history, _ = run(digits, robust_epochs=BUDGET.epochs)
    assert not trained.selection.collapsed
    assert len(history) == BUDGET.epochs
    _report_collapse(trained, "pgd-at on digits, replicate 0")
    assert not capsys.readouterr().err
