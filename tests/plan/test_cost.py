"""What a plan costs: in proportion, and said where it is days; and how fast networks are, measured."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from friendfoe import studies
from friendfoe.models.config import LARGE, SMALL, NetworkConfig
from friendfoe.plan import pace
from friendfoe.plan.cost import costs
from friendfoe.plan.write import read_plan
from friendfoe.runtime.durations import DAY, in_words
from friendfoe.studies.job import AnalysisJob
from friendfoe.training.job import TrainingConfig
from tests.studies.workspaces import changed, entered, lay_out, params


def planned(path, *changes, **own):
    """The plan of the assistive study on digits with some changes of the data set's params, and its own there."""
    digits, section = params()["data"]["digits"], params("assistive")
    for place, value in changes:
        changed(digits, place, value)
    lay_out(path, {"digits": digits}, assistive=section | {"data": {"digits": own}})
    with entered(path):
        return read_plan()


def test_it_grows_with_epochs_replicates_and_images(tmp_path):
    def seconds(*changes, **own):
        path = tmp_path / str(len(list(tmp_path.iterdir())))
        on_data = planned(path, *changes, **own).on_data("digits", "assistive")
        return dict(costs(on_data.jobs, on_data.root.source))["clean"]

    assert seconds(("training.epochs", 24)) == 2 * seconds()
    assert seconds(("replicates", 10)) == 2 * seconds()
    assert seconds(train_images=50) < seconds(train_images=100) < seconds() / 5


@pytest.mark.parametrize(
    ("network", "times"),
    [
        ({"kind": "ensemble", "members": 7, "of": {"kind": "mlp", "hidden": [3]}}, 7),
        ({"kind": "resnet", "depth": 18}, LARGE / SMALL),
        ({"kind": "torchvision", "name": "resnet18"}, LARGE / SMALL),
        ({"kind": "preact_resnet18", "width": 32}, LARGE / SMALL / 4),
        ({"kind": "wide_resnet", "depth": 28, "width": 8}, LARGE / SMALL * 28 / 18 * 4),
    ],
)
def test_a_network_says_how_long_an_image_takes(network, times):
    assert NetworkConfig.model_validate(network).seconds == pytest.approx(times * SMALL)


def test_days_are_a_warning(tmp_path):
    assert list(planned(tmp_path / "few").warnings()) == []
    (line,) = planned(tmp_path / "many", ("training.epochs", 1_000_000)).warnings()
    assert line.startswith("warning: assistive on digits: about")
    assert "to a factor of ten" in line


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "about 1 minute"), (7200, "about 2 hours"), (DAY, "about 1 day"), (8e9, "about 254 years")],
)
def test_words(seconds, words):
    assert in_words(seconds) == words


@pytest.mark.parametrize("study", studies.names())
def test_every_part_of_an_analysis_is_counted(study, tmp_path):
    """What the study's own module names are its models, or networks: nothing is left out by another name."""
    lay_out(tmp_path, params()["data"], **{name: params(name) for name in studies.names()})
    with entered(tmp_path):
        on_data = read_plan().on_data("digits", study)
        seconds = on_data.seconds()
    parts = [job.part for job in on_data.jobs.values() if isinstance(job, AnalysisJob)]
    assert parts == list(on_data.settings.parts)
    assert all(seconds[part] > 0 for part in parts)


def test_a_pace_is_measured_in_the_processors_time(monkeypatch):
    """A clock that only the network moves: what passes forward alone takes less than what goes backward, too."""
    now = [0.0]

    def tick(seconds):
        now[0] += seconds

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, x):
            tick(len(x))
            logits = (x * self.scale).flatten(1)[:, :3]
            if logits.requires_grad:
                logits.register_hook(lambda gradient: tick(2 * len(gradient)))
            return logits

    monkeypatch.setattr(pace, "build", lambda *a, **k: Network())
    monkeypatch.setattr(pace.time, "process_time", lambda: now[0])
    split = SimpleNamespace(shape=(1, 4, 4), classes=["a", "b", "c"], mean=[0], std=[1], labels=torch.arange(8) % 3)
    budget = TrainingConfig(epochs=1, batch=4, optimizer="sgd", learning_rate=0.1)
    with_budget = SimpleNamespace(network="n", training=budget)
    measured = pace.Measured(split)(with_budget)
    assert vars(measured) == {"trained": 3, "inner": 3, "attacked": 3, "answered": 1}
