"""Params of the class-wise study on the paper's six data sets, `digits` and `fashion_mnist`: sizes, steps, networks."""

import math

import pytest
import torch

from friendfoe.models.classifier import build
from friendfoe.models.networks.residual import PreActResNet18Config
from friendfoe.models.networks.torchvision import TorchvisionConfig
from friendfoe.runtime import jobs
from friendfoe.studies.classwise.names import CONTROLS, MODELS
from friendfoe.studies.job import AnalysisJob
from friendfoe.training.job import Job
from stages import plan
from tests.studies.workspaces import entered, lay_out, params

SHAPES = {
    "digits": ((1, 8, 8), 10),
    "fashion_mnist": ((1, 28, 28), 10),
    "mnist": ((1, 28, 28), 10),
    "cifar10": ((3, 32, 32), 10),
    "cifar10_paper": ((3, 32, 32), 10),
    "cifar100_subset": ((3, 32, 32), 100),
    "gtsrb": ((3, 32, 32), 43),
    "cifar100": ((3, 32, 32), 100),
    "svhn": ((3, 32, 32), 10),
    "stl10": ((3, 96, 96), 10),
    "imagenet": ((3, 224, 224), 1000),
}


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """A folder in which the study is planned on all its data sets."""
    path = tmp_path_factory.mktemp("planned")
    lay_out(path, params()["data"], classwise=params("classwise"), assistive=params("assistive"))
    with entered(path):
        plan.main()
        yield path


def analysis(data):
    return jobs.read(AnalysisJob, data, "classwise", "analyse")


def network(data):
    return jobs.read(Job, data, "classwise", "pgd-at").network


def attack(data):
    """eps, step and steps of the study's PGD on a data set, in levels of 255."""
    job = analysis(data)
    pgd = job.attacks["pgd"]
    return round(job.eps * 255, 2), round(pgd.rel_step * job.eps * 255, 2), pgd.steps


@pytest.mark.parametrize("data", ["cifar10", "cifar10_paper", "cifar100", "svhn", "stl10"])
def test_colour_images_are_attacked_as_in_the_paper(data, planned):
    assert attack(data) == (8, 2, 20)
    assert isinstance(network(data), PreActResNet18Config)


def test_mnist_is_attacked_by_convention(planned):
    assert attack("mnist") == (76.5, 2.55, 100)  # 0.3, 0.01
    job = analysis("mnist")
    attacks = [job.attacks[name] for name in ("margin-pgd", "tpgd-2", "tpgd-50")]
    assert {(config.steps, round(config.rel_step * job.eps, 4)) for config in attacks} == {(100, 0.01)}


def test_the_attacks_of_a_study_have_the_same_steps_on_every_data_set(planned):
    for data in SHAPES:
        configs = analysis(data).attacks.values()
        iterated = {(c.steps, c.rel_step) for c in configs if c.attack in ("pgd", "margin_pgd", "temperature_pgd")}
        assert len(iterated) == 1, data


@pytest.mark.parametrize("data", SHAPES)
def test_every_model_has_a_network_for_the_images_and_images_held_out(data, planned):
    shape, classes = SHAPES[data]
    for model in MODELS:
        assert jobs.read(Job, data, "classwise", model).training.validation is not None
    with torch.device("meta"):
        model = build(network(data), shape, classes)
        assert model(torch.zeros(2, *shape)).shape == (2, classes)


def test_large_images_have_resnet50(planned):
    assert isinstance(network("imagenet"), TorchvisionConfig)
    assert network("imagenet").name == "resnet50"


def test_temperatures_are_those_of_the_study(planned):
    configs = [config for config in analysis("digits").attacks.values() if config.attack == "temperature_pgd"]
    temperatures = sorted(1 / config.temperature for config in configs)
    assert temperatures == pytest.approx([2, 5, 10, 50])  # and pgd is that of 1


def test_averages_differ_from_their_control_by_the_threshold_alone(planned):
    for data in SHAPES:
        for changed, control in CONTROLS.items():
            fair, plain = (jobs.read(Job, data, "classwise", name).training.averaging for name in (changed, control))
            assert fair.remains == plain.remains
            assert fair.threshold is not None
            assert plain.threshold is None


def test_class_budgets_act_over_most_of_the_training(planned):
    for data in SHAPES:
        for name in CONTROLS:
            job = jobs.read(Job, data, "classwise", name)
            first = math.ceil(max(1, job.method.calibration.begin * job.training.epochs))
            assert first / job.training.epochs <= 0.25, data
