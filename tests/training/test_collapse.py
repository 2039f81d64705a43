"""Collapse: a run that loses its robustness while its training goes well is stopped, and what it had is kept."""

import pytest
import torch
from sklearn.datasets import load_digits

from friendfoe.attacks.projected import pgd
from friendfoe.attacks.threat import Threat
from friendfoe.models.predict import predict
from friendfoe.models.recipes import CNN
from friendfoe.models.registry import build
from friendfoe.tailored import Crafting, Tailored
from friendfoe.training.images import TrainingImages
from friendfoe.training.loop import train
from friendfoe.training.methods.defence import Training as Objective
from friendfoe.training.methods.standard import cross_entropy
from friendfoe.training.model import _report
from friendfoe.training.recipes import Defence, Training, Validation
from friendfoe.training.replicate import Trained
from friendfoe.training.validation import Selection

EPS = 0.2
RECIPE = Training(epochs=8, batch=64, optimizer="sgd", learning_rate=0.1, schedule="constant")


@pytest.fixture(scope="module")
def digits():
    of = load_digits()
    pixels = torch.from_numpy((of.images * 255 / 16).round()).to(torch.uint8).unsqueeze(1)
    return pixels, torch.from_numpy(of.target).long()


def run(digits, robust_epochs):
    """PGD-AT for so many epochs, and then training that knows nothing of attacks."""
    pixels, labels = digits
    robust = Objective(
        Defence(method="defence", images=["train"], study="classwise", objective="pgd-at"),
        Tailored(eps=EPS, crafting=Crafting(steps=2, step=0.7)),
        RECIPE.epochs,
    )

    def objective(network, batch):
        return (robust if batch.epoch < robust_epochs else cross_entropy)(network, batch)

    def attacked(network):
        images, of = pixels[1500:].float() / 255, labels[1500:]
        perturbed = pgd(network, images, of, threat=Threat("linf", EPS), steps=8, seed=0)
        return (predict(network, perturbed).argmax(1) == of).float().mean().item()

    torch.manual_seed(0)
    network = build(CNN(kind="cnn", width=8), (1, 8, 8), 10)
    images = TrainingImages([pixels[:1500]], labels[:1500], 1.0, 0, torch.device("cpu"))
    selection = Selection(Validation(), attacked)
    history = train(network, images, objective, RECIPE, base_seed=0, selection=selection)
    return Trained(network, None, None, selection), history, attacked


def test_a_run_made_to_collapse_is_stopped_and_its_robust_weights_are_kept(digits, capsys):
    trained, history, attacked = run(digits, robust_epochs=4)
    selection = trained.selection
    assert selection.collapsed
    assert len(history) < RECIPE.epochs
    assert selection.epoch < 4
    last, best = attacked(trained.network), attacked(trained.best())
    assert best == selection.best == max(row["validation_accuracy"] for row in history)
    assert last < 0.5 * best
    assert history[-1]["accuracy"] > history[3]["accuracy"]  # by its training all is well
    _report(trained, "fgsm-at on digits, replicate 0")
    said = capsys.readouterr().err
    assert "its robustness has collapsed" in said
    assert f"epoch {selection.epoch + 1} are kept" in said


def test_adversarial_training_that_goes_on_does_not_collapse(digits, capsys):
    trained, history, _ = run(digits, robust_epochs=RECIPE.epochs)
    assert not trained.selection.collapsed
    assert len(history) == RECIPE.epochs
    _report(trained, "pgd-at on digits, replicate 0")
    assert not capsys.readouterr().err
