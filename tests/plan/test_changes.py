"""An edit, and what has to run again: the table of the README's design part, a test a row."""

import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from friendfoe import studies
from friendfoe.plan.whole import Plan
from friendfoe.plan.write import in_plan, read_plan

ROOT = Path(__file__).parents[2]
DATA = "digits"
CHECKED = {
    study: yaml.safe_load((ROOT / "pipelines" / study / "params.yaml").read_text()).get("checked", [])
    for study in studies.names()
}
CHECKS = {f"{study}/check-gradients-{name}" for study, names in CHECKED.items() for name in names}


def changed(before, after):
    """What of `digits` has to run again: STUDY/NAME of every plan that is not as it was."""
    names = {path for path in after.keys() | before.keys() if after.get(path) != before.get(path)}
    return {str(Path(*path.parts[2:]).with_suffix("")) for path in names if path.parts[1] == DATA}


@pytest.fixture(scope="module")
def whole():
    """All params of the project."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return read_plan()


def on_digits(whole):
    """The same plan of studies that have no other data set: an eighth of the work."""

    def alone(study):
        return study.params.model_copy(update={"data": {DATA: study.params.data[DATA]}})

    return Plan(whole.root, {name: replace(study, params=alone(study)) for name, study in whole.studies.items()})


@pytest.fixture(scope="module")
def plan(whole):
    return on_digits(whole)


@pytest.fixture(scope="module")
def before(whole):
    """The plan of the project as it is, for all data sets."""
    return in_plan(whole, ROOT)


def edited(tmp_path, file, before, after):
    """The code, in links to its files, with a text of one file another (or added at its end)."""
    for name in ("friendfoe", "stages"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored, copy_function=os.symlink)
    path = tmp_path / file
    text = path.read_text() if path.exists() else ""
    assert before in text
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(text.replace(before, after, 1) if before else text + after)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("friendfoe/attacks/config.py", "norm l2 needs its own", "norm l2 wants its own"),  # the text of an error
        ("friendfoe/training/job.py", 'description="images per step"', 'description="so many images"'),
        ("friendfoe/plan/params.py", 'description="of everything random"', 'description="of all"'),
        ("friendfoe/__init__.py", '__version__ = "0.1.0"', '__version__ = "0.2.0"'),
        ("friendfoe/training/loop.py", "", "\n# why\n"),
        ("friendfoe/training/loop.py", '"""The training loop', '"""The loop'),
        ("friendfoe/console.py", "", "\nMORE = 1\n"),
        ("friendfoe/attacks/new.py", "", "from friendfoe.attacks.pgd import pgd\n\nMORE = pgd\n"),  # an attack
        ("friendfoe/models/networks/new.py", "", "MORE = 1\n"),  # a network
        ("friendfoe/training/methods/new.py", "", "MORE = 1\n"),  # a method
        ("friendfoe/studies/new/analyse.py", "", "MORE = 1\n"),  # a study
        ("friendfoe/data/sources/new.py", "", "MORE = 1\n"),  # a source
        ("friendfoe/attacks/fab.py", "", "\nMORE = 1\n"),  # an attack: AutoAttack runs it, below
    ],
)
def test_what_computes_nothing_runs_nothing(tmp_path, plan, before, file, old, new):
    names = changed(before, in_plan(plan, edited(tmp_path, file, old, new)))
    if file == "friendfoe/attacks/fab.py":
        evaluations = {name for name in names if name.split("/")[-1].startswith(("evaluate", "check-gradients"))}
        assert evaluations == {name for name in names if not name.endswith("/analyse")}  # AutoAttack is shown, too
        assert all(name.split("/")[0] in ("classwise", "distillation") for name in evaluations)
    else:
        assert names == set()


def models(study):
    """All that a study trains on digits."""
    kinds = [path.stem for path in ALL if path.parts[1:3] == (DATA, study) and '"method"' in ALL[path]]
    return {f"{study}/{name}" for name in kinds if not name.startswith(("evaluate", "analyse"))}


ALL = {}


@pytest.fixture(scope="module", autouse=True)
def _all(before):
    ALL.update(before)


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        # one method: the models that are trained by it, and what trains them again
        ("friendfoe/training/methods/binary.py", {"fgsm/maxout-sigmoids", "fgsm/rbf"}),
        ("friendfoe/training/methods/mixed_adversarial.py", {"fgsm/maxout-adversarial", "fgsm/maxout-signs", "fgsm/maxout-uniform"}),
        # one network: the models that have it, and what loads them
        ("friendfoe/models/networks/rbf.py", {"fgsm/rbf", "fgsm/analyse", "fgsm/check-gradients-rbf"}),
        # one that a study's own settings name: what trains it
        ("friendfoe/models/networks/convnet.py", {"assistive/analyse"}),
        # a study's drawings: nothing but its plot
        ("friendfoe/studies/fgsm/drawings.py", {"fgsm/plot"}),
        ("friendfoe/studies/fgsm/claims.py", {"fgsm/plot"}),
        ("friendfoe/studies/distillation/jsma.py", {"distillation/jsma"}),
        # the pages: that of a study is made with its plots
        ("friendfoe/report/page.py", {"report", *(f"{study}/plot" for study in studies.names())}),
        # running the pipeline
        ("friendfoe/pipeline/leftovers.py", set()),
        # a source of images
        ("friendfoe/data/sources/digits.py", {"prepare"}),
        # the gradient-masking checks
        ("friendfoe/evaluation/gradient_masking/attacked.py", CHECKS),
    ],
)  # fmt: skip
def test_code_runs_again_what_computes_with_it(tmp_path, plan, before, file, expected):
    assert changed(before, in_plan(plan, edited(tmp_path, file, "", "\nMORE = 1\n"))) == expected


def test_losses_run_again_what_computes_with_them(tmp_path, plan, before):
    code = edited(tmp_path, "friendfoe/attacks/losses.py", "", "\nMORE = 1\n")
    names = changed(before, in_plan(plan, code))
    assert models("classwise") | models("advprop") <= names
    assert {"assistive/evaluate-clean", "assistive/assist-train", "fgsm/analyse", "fgsm/maxout-adversarial"} <= names
    assert not {"fgsm/softmax", "fgsm/rbf", "prepare", "report"} & names  # they attack nothing
    assert not {name for name in names if name.endswith("/plot")}


@pytest.mark.parametrize(
    ("file", "change", "expected"),
    [
        # one model: it, its evaluation where that has settings of its own, and what states its settings
        ("pipelines/assistive/params.yaml", lambda p: p["augmented"]["mixed"].update(share=0.9), {"assistive/mixed"}),
        ("pipelines/fgsm/params.yaml", lambda p: p["data"][DATA]["models"]["rbf"]["training"].update(learning_rate=0.02), {"fgsm/rbf"}),
        # a study's own setting: nothing is trained or evaluated again
        ("pipelines/assistive/params.yaml", lambda p: p["patch"].update(areas=[0.2]), {"assistive/analyse"}),
        # an attack: what uses it
        ("pipelines/classwise/params.yaml", lambda p: p["attacks"]["apgd"].update(steps=3), set()),  # nothing does
        ("pipelines/assistive/params.yaml", lambda p: p["attacks"]["fgsm"].update(label="own"), {"assistive/attack-test", "assistive/analyse", "EVALUATIONS"}),
        ("pipelines/fgsm/params.yaml", lambda p: p["models"]["maxout-signs"]["attack"].update(kind="uniform"), {"fgsm/maxout-signs"}),
        # another data set
        ("params.yaml", lambda p: p["data"]["mnist"].update(eps=0.3), set()),
        ("params.yaml", lambda p: p["data"].update(more=dict(p["data"]["mnist"])), set()),
        ("pipelines/fgsm/params.yaml", lambda p: p["data"]["svhn"].update(eps=0.3), set()),
        # eps: what perturbs; not the models that are trained on clean images
        ("params.yaml", lambda p: p["data"][DATA].update(eps=0.1), {"assistive/assist-train", "assistive/assist-test",
         "assistive/attack-test", "assistive/check-gradients-clean", "assistive/analyse", "EVALUATIONS"}),
    ],
)  # fmt: skip
def test_params_run_again_what_reads_them(copy, before, file, change, expected):
    copy.edit(file, change)
    names = changed(before, in_plan(on_digits(read_plan()), ROOT))
    if "EVALUATIONS" in expected:
        shown = ("clean", "clean-half", "assist", "assist-half", "mixed", "mixed-matched")
        expected = expected - {"EVALUATIONS"} | {f"assistive/evaluate-{model}" for model in shown}
    assert names == expected


def test_every_stage_has_a_plan_and_every_plan_a_stage(before):
    """What dvc.yaml names is what is planned, for all data sets; and pipelines are short."""
    from dvc.repo import Repo

    planned, used = {str(path) for path in before}, set()
    for stage in Repo(str(ROOT)).index.stages:
        deps = [Path(str(dep.fs_path)).relative_to(ROOT) for dep in stage.deps]
        plans = {str(dep) for dep in deps if dep.parts[0] == "plan"}
        assert plans or stage.name == "plan", stage.addressing
        used |= {path for path in plans if path.endswith(".json")}
        assert (
            all(dep.parts[0] in ("plan", "data", "models", "analysis", "outcomes", "reports") for dep in deps)
            or stage.name == "plan"
        )
    assert used - planned == set()
    assert {path for path in planned - used if not path.endswith(("plot.json", "report.json"))} == set()
    for pipeline in (ROOT / "dvc.yaml", *ROOT.glob("pipelines/*/dvc.yaml")):
        assert len(pipeline.read_text().splitlines()) < 90, pipeline
        assert not re.search(r"\[[a-z0-9-]+, [a-z0-9-]+", pipeline.read_text()), "a list of names"


def test_the_plan_is_made_from_all_params(before):
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    params = {str(path.relative_to(ROOT)) for path in ROOT.glob("pipelines/*/params.yaml")}
    assert {"params.yaml", "friendfoe", "stages", "own", *params} == set(stages["plan"]["deps"])
    studies = {Path(path).parent.name for path in params}
    assert {dep.split("/")[-1] for dep in stages["report"]["deps"]} == {"report.json", *studies}
