"""What the library refuses while a stage runs is one line with its place in params; mistakes of ours are tracebacks."""

from pathlib import Path

import pytest
import torch
from torch import nn

from friendfoe.attacks import Threat, cw_l2, pgd, square
from friendfoe.runtime import cli, jobs
from friendfoe.runtime.forks import Workers

IMAGES, LABELS = torch.rand(4, 1, 8, 8), torch.tensor([0, 1, 2, 3])
MODEL = nn.Sequential(nn.Flatten(), nn.Linear(64, 4))
THREAT = Threat("linf", 0.1)
STUDY = """
data: {mnist: {eps: 1}, digits: {eps: 0}}
models:
  other: {attack: {restarts: 2}}
  mixed: {attack: {restarts: 0, steps: -1, n_queries: 0, initial_const: -1, rel_step: 0}}
"""


def nan(model):
    with torch.no_grad():
        model[1].weight.fill_(float("nan"))
    return model


@pytest.fixture
def stage(tmp_path, monkeypatch, capsys):
    """Run something as a stage that has read the job `mixed` of the study `own` on digits; status and stderr."""
    (tmp_path / "pipelines/own").mkdir(parents=True)
    (tmp_path / "pipelines/own/params.yaml").write_text(STUDY)
    (tmp_path / "params.yaml").write_text("data: {digits: {eps: 0, seed: -1}}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["stage"])
    monkeypatch.setattr(jobs, "_as_read", {Path("plan/digits/own/mixed.json"): b""})

    def run(work):
        def command() -> None:
            work()

        with pytest.raises(SystemExit) as end:
            cli.run(command)
        return end.value.code, capsys.readouterr().err

    return run


@pytest.mark.parametrize(
    ("work", "begin", "place"),
    [
        (lambda: Threat("linf", -0.1), "error: eps: ", "own/params.yaml: data.digits.eps, and in 1 more places;"),
        (lambda: pgd(MODEL, IMAGES, LABELS, threat=THREAT, steps=-1), "error: steps: ", "own/params.yaml: models.mixed.attack.steps;"),
        (lambda: pgd(MODEL, IMAGES, LABELS, threat=THREAT, steps=1, restarts=0), "error: restarts: ", "models.mixed.attack.restarts, and in 1 more places;"),
        (lambda: pgd(MODEL, IMAGES, LABELS, threat=THREAT, steps=1, step_size=0.0), "error: step_size: ", "models.mixed.attack.rel_step;"),
        (lambda: square(MODEL, IMAGES, LABELS, threat=THREAT, n_queries=0), "error: n_queries: ", "models.mixed.attack.n_queries;"),
        (lambda: cw_l2(MODEL, IMAGES, LABELS, threat=Threat("l2", 1), steps=1, initial_const=-1.0), "error: initial_const: ", "models.mixed.attack.initial_const;"),
        (lambda: pgd(nan(nn.Sequential(nn.Flatten(), nn.Linear(64, 4))), IMAGES, LABELS, threat=THREAT, steps=1), "error: model: ", "by pipelines/own/params.yaml and params.yaml;"),
        (lambda: dict(Workers(1).run([(0, lambda send: Threat("linf", -1))])), "error: eps: ", "own/params.yaml: data.digits.eps, and"),
    ],
)  # fmt: skip
def test_a_setting_that_the_library_refuses_is_one_line_with_its_place(stage, work, begin, place):
    status, line = stage(work)
    assert status == 1
    assert line.startswith(begin)
    assert place in line
    assert "plan/digits/own/mixed.json is what ran" in line
    assert line.count("\n") == 1


@pytest.mark.parametrize(
    "work",
    [
        lambda: pgd(MODEL, IMAGES, LABELS.float(), threat=THREAT, steps=1),  # labels are no setting
        lambda: int("x"),
        lambda: torch.zeros(2).numpy().reshape(3),
        lambda: Threat("l3", 1),  # not in these params
    ],
)
def test_a_mistake_of_ours_keeps_its_traceback(stage, work):
    with pytest.raises(ValueError, match=r"labels|literal|reshape|norm"):
        stage(work)


def test_the_traceback_can_be_had(stage, monkeypatch):
    monkeypatch.setenv("FRIENDFOE_DEBUG", "1")
    with pytest.raises(ValueError, match="eps"):
        stage(lambda: Threat("linf", -0.1))


def test_outside_of_a_job_there_is_no_place_to_name(stage, monkeypatch):
    monkeypatch.setattr(jobs, "_as_read", {})
    with pytest.raises(ValueError, match="eps"):
        stage(lambda: Threat("linf", -0.1))
