"""The recipes of the paper's six data sets, `digits` and `fashion_mnist`: sizes, steps and networks."""

import pytest
import torch

from friendfoe import params
from friendfoe.models.recipes import PreActResNet18, Torchvision
from friendfoe.models.registry import build
from friendfoe.studies.classwise.names import MODELS

SHAPES = {
    "digits": ((1, 8, 8), 10),
    "fashion_mnist": ((1, 28, 28), 10),
    "mnist": ((1, 28, 28), 10),
    "cifar10": ((3, 32, 32), 10),
    "cifar100": ((3, 32, 32), 100),
    "svhn": ((3, 32, 32), 10),
    "stl10": ((3, 96, 96), 10),
    "imagenet": ((3, 224, 224), 1000),
}


@pytest.fixture(scope="module")
def p():
    return params.read()


def attack(p, data):
    """eps, step and steps of the study's PGD on a data set, in levels of 255."""
    of = params.tailored(p, data, "classwise")
    recipe = of.recipe(p.conditions["pgd-20"])
    return round(of.eps * 255, 2), round(recipe.step * of.eps * 255, 2), recipe.steps


@pytest.mark.parametrize("data", ["cifar10", "cifar100", "svhn", "stl10"])
def test_colour_images_are_attacked_as_in_the_paper(p, data):
    assert attack(p, data) == (8, 2, 20)
    assert isinstance(params.network(p, data, "pgd-at"), PreActResNet18)


def test_mnist_is_attacked_by_convention(p):
    assert attack(p, "mnist") == (76.5, 2.55, 100)  # 0.3, 0.01
    of = params.tailored(p, "mnist", "classwise")
    attacks = [of.recipe(p.conditions[name]) for name in ("margin-20", "sharp-2", "sharp-50")]
    assert {(recipe.steps, round(recipe.step * of.eps, 4)) for recipe in attacks} == {(100, 0.01)}


def test_the_attacks_of_a_study_have_the_same_steps_on_every_data_set(p):
    names = {condition for of in p.studies["classwise"].evaluate.values() for condition in of.conditions}
    for data in SHAPES:
        of = params.tailored(p, data, "classwise")
        recipes = [of.recipe(p.conditions[name]) for name in names]
        iterated = {(r.steps, r.step) for r in recipes if r.attack in ("pgd", "margin_pgd", "temperature_pgd")}
        assert len(iterated) == 1, data


@pytest.mark.parametrize("data", SHAPES)
def test_every_model_has_a_network_for_the_images_and_images_held_out(p, data):
    shape, classes = SHAPES[data]
    for model in MODELS:
        assert params.training(p, data, model).validation is not None
    with torch.device("meta"):
        network = build(params.network(p, data, "pgd-at"), shape, classes)
        assert network(torch.zeros(2, *shape)).shape == (2, classes)


def test_large_images_have_resnet50(p):
    network = params.network(p, "imagenet", "pgd-at")
    assert isinstance(network, Torchvision)
    assert network.name == "resnet50"


def test_temperatures_are_those_of_the_study(p):
    recipes = [
        p.conditions[condition] for of in p.studies["classwise"].evaluate.values() for condition in of.conditions
    ]
    found = sorted(1 / recipe.temperature for recipe in recipes if recipe.attack == "temperature_pgd")
    assert found == pytest.approx([2, 5, 10, 50])  # and pgd-20 is that of 1
