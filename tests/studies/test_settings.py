import copy

import pytest
from ruamel.yaml import YAML

from friendfoe import params, studies
from friendfoe.runtime.errors import UserError


@pytest.fixture
def raw():
    return YAML(typ="safe").load(params.FILE)


def check(raw):
    studies.check(params.Params.model_validate(raw))


def test_the_projects_own_params_are_in_order(raw):
    check(raw)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gallery": [-1]}, "studies.assistive.gallery.0: -1"),
        ({"gallery": []}, "studies.assistive.gallery"),
        ({"gallery": [1, 1]}, "a class stands there twice"),
        ({"galery": [1]}, "unknown key 'galery'; did you mean 'gallery'"),
        ({"models": ["clean"]}, "the tables of this study need 'assist', too"),
        ({"patch": {"eps": 0}}, "studies.assistive.patch.eps"),
        ({"patch": {"eps": 1.5}}, "studies.assistive.patch.eps: 1.5"),
        ({"patch": {"steps": 0}}, "studies.assistive.patch.steps: 0"),
        ({"patch": {"grid": 0}}, "studies.assistive.patch.grid: 0"),
        ({"patch": {"images": 0}}, "studies.assistive.patch.images: 0"),
        ({"patch": {"areas": [0.2, 0.1]}}, "must ascend"),
        ({"patch": {"areas": [1.2]}}, "studies.assistive.patch.areas.0: 1.2"),
        ({"patch": {"stepps": 1}}, "did you mean 'steps'"),
    ],
)
def test_what_the_study_cannot_have_is_refused(change, message, raw):
    section = raw["studies"]["assistive"]
    for key, value in change.items():
        section[key] = section[key] | value if isinstance(value, dict) else value
    with pytest.raises(UserError) as error:
        check(raw)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_condition_that_the_tables_need_is_missed(raw):
    del raw["studies"]["assistive"]["evaluate"]["attack-self"]
    with pytest.raises(UserError, match="need 'attack-self', too"):
        check(raw)


def test_a_section_of_no_study_names_the_nearest(raw):
    raw["studies"]["asistive"] = copy.deepcopy(raw["studies"]["assistive"])
    with pytest.raises(UserError, match=r"asistive.*did you mean 'assistive'"):
        check(raw)
