"""`friendfoe plan DATA STUDY --measure`: minutes of every stage, from the networks themselves."""

import pytest
from typer.testing import CliRunner

from friendfoe import console
from friendfoe.data.store import load_split
from friendfoe.plan import pace
from friendfoe.plan.cost import Pace
from friendfoe.plan.write import read_plan
from friendfoe.runtime import paths
from stages import plan, prepare
from tests.studies.workspaces import DIGITS, entered, lay_out, params


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """The assistive study planned on few digits, which are prepared."""
    path = tmp_path_factory.mktemp("measured")
    lay_out(path, {"digits": DIGITS}, assistive=params("assistive") | {"data": {"digits": {}}})
    with entered(path):
        plan.main()
        prepare.main("digits")
        yield path


def said(*arguments):
    result = CliRunner().invoke(console.app, ["plan", *arguments, "--measure"])
    return result.output if result.exit_code == 0 else str(result.exception)


def test_each_stage_has_its_minutes_at_the_measured_pace(prepared, monkeypatch):
    asked = []

    def measure(self, job):
        asked.append(job.network.kind)
        return Pace(60.0, 60.0, 60.0, 0.0)

    monkeypatch.setattr(pace.Measured, "_measure", measure)
    shown = said("digits", "assistive")
    train, test = (len(load_split(paths.prepared("digits"), split)) for split in ("train", "test"))
    seconds = read_plan().on_data("digits", "assistive").seconds(pace.Measured(None), (train, test))
    assert seconds["clean"] == 2 * 2 * train * 60  # two replicates, two epochs
    assert seconds["mixed"] == 2 * seconds["clean"] == 4 * seconds["assist-half"]
    assert seconds["assist-train"] == 2 * train * 60
    assert f"{seconds['analyse'] / 60:.1f}" in shown
    assert {*asked} == {"convnet", "mlp"}
    assert len(asked) < 2 * 5  # each network once, however many models have it


def test_what_stands_in_the_way_is_said(prepared, tmp_path):
    assert "--measure: name a data set" in said()
    assert "there is no data set 'digit'" in said("digit")
    lay_out(tmp_path, {"digits": DIGITS}, assistive=params("assistive") | {"data": {"digits": {}}})
    with entered(tmp_path):
        assert read_plan()
        assert "dvc repro pipelines/data/dvc.yaml:prepare@digits" in said("digits", "assistive")
