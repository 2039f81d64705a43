"""Jobs are read from the plan, and what is not there is said in one line."""

import pytest

from friendfoe.runtime import jobs, paths
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.strict import Strict


class Job(Strict):
    data: str
    size: int = 1


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def plan():
    for data, study, name in (("digits", "fgsm", "maxout"), ("digits", "fgsm", "softmax"), ("mnist", "fgsm", "maxout")):
        path = paths.plan(data, study, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(Job(data=data).model_dump_json())


def test_a_job_is_what_its_file_holds(plan):
    assert jobs.read(Job, "mnist", "fgsm", "maxout") == Job(data="mnist")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("digit", "fgsm", "maxout"), r"plan: there is no 'digit'; did you mean 'digits'\?"),
        (("digits", "fgms", "maxout"), r"plan/digits: there is no 'fgms'; did you mean 'fgsm'\?"),
        (("digits", "fgsm", "maxuot"), r"plan/digits/fgsm: there is no 'maxuot'; did you mean 'maxout'\?"),
        (("digits.eps", "prepare"), r"plan: there is no 'digits.eps'; did you mean 'digits'\?"),
        (("digits", "../../x"), r"plan/digits: there is no '../../x'; known: fgsm"),
        (("..", "plan", "digits", "fgsm", "maxout"), r"plan: there is no '..'; known: digits, mnist"),
        (("digits", "fgsm", "./maxout"), r"plan/digits/fgsm: there is no './maxout'; did you mean 'maxout'\?"),
        (("digits", "fgsm", "/etc/passwd"), r"plan/digits/fgsm: there is no '/etc/passwd'"),
        (("", "fgsm", "maxout"), r"plan: there is no ''"),
        (("digits", "fgsm", "maxout", "softmax"), r"plan/digits/fgsm/maxout: there is no 'softmax'; known: none"),
        (("digits", "fgsm", "x"), r"there is no 'x'; known: maxout, softmax \(`dvc repro plan` renews the plan\)"),
    ],
)
def test_a_name_that_is_not_planned(plan, names, message):
    with pytest.raises(UserError, match=message):
        jobs.read(Job, *names)


def test_without_a_plan():
    with pytest.raises(UserError, match="plan is missing; `dvc repro plan` makes it"):
        jobs.read(Job, "digits", "fgsm", "maxout")


@pytest.mark.parametrize("text", ["", "{", '{"data": "digits", "size": "large"}', '{"data": "digits", "sizes": 2}'])
def test_a_damaged_file_or_one_of_other_code(plan, text):
    paths.plan("digits", "fgsm", "maxout").write_text(text)
    with pytest.raises(
        UserError,
        match=r"plan/digits/fgsm/maxout.json is not of this kind of stage, or not of this code; `dvc repro plan` renews it",
    ):
        jobs.read(Job, "digits", "fgsm", "maxout")


def test_all_jobs_of_a_study(plan):
    assert list(jobs.every("digits", "fgsm")) == ["maxout", "softmax"]
    paths.plan("digits", "fgsm", "softmax").write_bytes(b'{"data": \xff')
    with pytest.raises(UserError, match=r"plan/digits/fgsm/softmax.json is not of this code; `dvc repro plan` renews"):
        jobs.every("digits", "fgsm")
