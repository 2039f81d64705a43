import json
import runpy
from functools import cache
from pathlib import Path

import jsonschema
import pytest

from friendfoe.attacks.config import AttackConfig
from friendfoe.plan.params import study_file, study_names
from friendfoe.plan.schema import root_schema, study_schema, write_schemas
from friendfoe.runtime.kinds import kinds
from friendfoe.runtime.yaml import parse

ROOT = Path(__file__).parents[2]
STUDIES = study_names()


@cache
def schema_of(study):
    return study_schema(study) if study else root_schema()


def params_of(study):
    return parse(study_file(study) if study else Path("params.yaml"))


def refusals(schema, params):
    return [error.json_path for error in jsonschema.Draft202012Validator(schema).iter_errors(params)]


@pytest.mark.parametrize("study", ["", *STUDIES])
def test_the_params_of_the_project_keep_their_schema(study):
    jsonschema.Draft202012Validator.check_schema(schema_of(study))
    assert refusals(schema_of(study), params_of(study)) == []


def changed(params, *place, value):
    inner = params
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return params


@pytest.mark.parametrize(
    ("study", "place", "value"),
    [
        ("", ("data", "digits", "epz"), 0.1),
        ("", ("data", "digits", "eps"), 2),
        ("", ("data", "digits", "training", "schedule"), "one-cicle"),
        ("", ("data", "digits", "network"), {"kind": "cnn"}),
        ("", ("data", "digits", "network"), {"kind": "ensemble", "members": 2, "of": {"kind": "cnm", "width": 4}}),
        ("fgsm", ("rubish",), 5),
        ("fgsm", ("data", "digits", "settings", "iterated", "image"), 5),
        ("fgsm", ("data", "digits", "training", "epochs"), "many"),
        ("fgsm", ("data", "digits", "checks"), {"stepps": 5}),
        ("fgsm", ("models", "maxout", "method"), "standart"),
        ("fgsm", ("models", "maxout", "alpha"), 0.5),  # of another method
        ("assistive", ("attacks", "fgsm", "norm"), "l7"),
        ("classwise", ("evaluate", "clean", "on"), "others"),
    ],
)
def test_what_the_params_refuse_their_schema_refuses(study, place, value):
    assert refusals(schema_of(study), changed(params_of(study), *place, value=value))


def test_an_editor_is_offered_every_attack_with_its_settings():
    attacks = schema_of("fgsm")["$defs"]
    offered = {each["$ref"].rpartition("/")[2] for each in attacks["AttackConfig"]["oneOf"]}
    assert offered == {kind.__name__ for kind in kinds(AttackConfig).values()}
    assert {"steps", "rel_step", "restarts"} <= attacks["PGDConfig"]["properties"].keys()


def test_schemas_are_written_below_the_working_folder(tmp_path, monkeypatch):
    for params in [Path("params.yaml"), *map(study_file, STUDIES)]:
        (tmp_path / params).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / params).write_text(params.read_text())
    monkeypatch.chdir(tmp_path)
    written = write_schemas()
    assert [*written] == [Path("params.yaml"), *map(study_file, STUDIES)]
    assert json.loads(written[study_file("fgsm")].read_text()) == json.loads(json.dumps(schema_of("fgsm")))


def test_the_page_of_settings_is_that_of_the_code():
    page = runpy.run_path(str(ROOT / "docs/params_reference.py"))["page"]()
    assert page == (ROOT / "docs/params.md").read_text(), "run `python docs/params_reference.py > docs/params.md`"


def test_a_model_that_is_given_is_trained_on_no_images():
    params = params_of("classwise")
    given = {"method": "given", "weights": "own/mine.pt", "network": {"kind": "import", "object": "own/nets.py:make"}}
    params["models"] |= {"mine": given}
    params["data"]["digits"]["models"]["pgd-at"] = {"method": {"method": "given"}, "network": given["network"]}
    assert refusals(schema_of("classwise"), params) == []
    params["models"]["mine"] = {**given, "method": "adversarial-training", "objective": "pgd-at"}
    assert refusals(schema_of("classwise"), params) == ["$.models.mine"]
