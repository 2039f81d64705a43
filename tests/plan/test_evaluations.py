"""Of which code a committed evaluation is."""

import json
from pathlib import Path

from typer.testing import CliRunner

from friendfoe.attacks import Threat
from friendfoe.console import app
from friendfoe.diagnosis.attacks import named
from friendfoe.plan import evaluations
from friendfoe.plan.evaluations import asked_by, code

ROOT = Path(__file__).parents[2]


def settings(*words):
    attacks = named(words, Threat("linf", 0.1))
    return {"attacks": {word: json.loads(config.model_dump_json()) for word, config in attacks.items()}}


def test_the_code_is_that_of_the_attacks_that_were_asked():
    assert code(settings("pgd-20")) == code(settings("pgd-7"))
    assert len({code(settings(*words)) for words in [("pgd-20",), ("fab_t",), ("pgd-20", "fab_t", "autoattack")]}) == 3


def test_the_commit_is_friendfoes_alone(tmp_path, monkeypatch):
    words = ["evaluate", "--data", "my signs"]
    monkeypatch.chdir(tmp_path)  # may be a checkout of something else
    found = asked_by(words, settings("pgd-20"))
    assert found["commit"] is None
    assert found["command"] == "friendfoe evaluate --data 'my signs'"


def test_what_is_committed_says_whether_it_is_current(tmp_path, monkeypatch):
    kept = settings("pgd-20")
    for name, digest in {"current": code(kept), "earlier": "0" * 64}.items():
        folder = tmp_path / "docs/examples" / name / "report"
        folder.mkdir(parents=True)
        origin = {**asked_by(["evaluate", "--out", name], kept), "code": digest}
        (folder / "evaluation.json").write_text(json.dumps({**kept, "origin": origin}))
    monkeypatch.setattr(evaluations, "EXAMPLES", tmp_path / "docs/examples")
    found = {one.folder.parent.name: one.current for one in evaluations.evaluations()}
    assert found == {"current": True, "earlier": False}
    monkeypatch.chdir(ROOT)
    said = CliRunner().invoke(app, ["provenance"]).output
    assert "earlier/report: made by other code" in said
    assert "current/report: of this code" in said
