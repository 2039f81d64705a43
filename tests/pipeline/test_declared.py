"""What dvc.yaml declares is what the scripts use: all code, all params, and the sets that models are trained on."""

import importlib
import shlex
from contextlib import suppress
from pathlib import Path

import pytest
from dvc.repo import Repo

from friendfoe import params, studies
from friendfoe.runtime.errors import UserError
from tests.pipeline.closure import closure, files, imported

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def stages():
    return Repo(str(ROOT)).index.stages


def script(stage):
    """The script of a stage and its arguments."""
    python, dash_m, module, *arguments = shlex.split(stage.cmd)
    assert (python, dash_m) == ("python", "-m"), stage.cmd
    return module, arguments


def relative(stage, kind):
    return {Path(str(item.fs_path)).relative_to(ROOT) for item in getattr(stage, kind) if item.protocol == "local"}


def code_of(stage):
    """Files that the script imports, and the parts of a study that it imports by name."""
    module, arguments = script(stage)
    starts = [Path(*module.split(".")).with_suffix(".py")]
    parts = {"stages.analyse": ("settings", "analyse"), "stages.plot": ("settings", "plot")}.get(module, ())
    starts += [Path("friendfoe/studies", arguments[0], f"{part}.py") for part in parts]
    if module == "stages.check":
        starts += [Path("friendfoe/studies", study, "settings.py") for study in studies.names()]
    return {path for path in closure(ROOT, *starts) if (ROOT / path).stat().st_size > 0}


def test_deps_cover_all_code(stages):
    for stage in stages:
        deps = relative(stage, "deps")
        missing = {path for path in code_of(stage) if not any(path.is_relative_to(dep) for dep in deps)}
        assert not missing, f"{stage.addressing} does not declare {sorted(map(str, missing))}"


def test_code_of_the_pipeline_imports_attacks_by_module():
    """`from friendfoe.attacks import pgd` is for users: it loads modules by name, which no closure can see."""
    for path in (*(ROOT / "friendfoe").rglob("*.py"), *(ROOT / "stages").rglob("*.py")):
        names = {name for name in imported(path) if name.startswith("friendfoe.attacks.")}
        assert all(files(ROOT, name)[-1].stem == name.split(".")[2] for name in names), path


def test_deps_are_no_more_than_is_used(stages):
    for stage in stages:
        used = code_of(stage)
        code = {dep for dep in relative(stage, "deps") if dep.parts[0] in ("friendfoe", "stages")}
        unused = {dep for dep in code if not any(path.is_relative_to(dep) for path in used)}
        assert not unused, f"{stage.addressing} declares {sorted(map(str, unused))} for nothing"


def keys_read(stage, monkeypatch):
    """The keys that a script asks `params.load` for, up to where it misses its input."""
    asked = set()
    load = params.load

    def record(*keys, **options):
        asked.update(keys)
        return load(*keys, path=ROOT / "params.yaml", **options)

    module, arguments = script(stage)
    monkeypatch.setattr(params, "load", record)
    with suppress(UserError):  # there are no data in this folder
        importlib.import_module(module).main(*arguments)
    monkeypatch.setattr(params, "load", load)
    assert asked, f"{stage.addressing} reads no params"
    return asked


def test_params_are_all_that_is_read(stages, monkeypatch, tmp_path):
    for number, stage in enumerate(stages):
        (tmp_path / str(number)).mkdir()
        monkeypatch.chdir(tmp_path / str(number))
        if script(stage)[0] in ("stages.check", "stages.report"):
            continue  # one reads the whole file and depends on it, the other reads no params
        declared = {key for dep in stage.deps for key in getattr(dep, "params", None) or []}
        read = keys_read(stage, monkeypatch)
        hidden = {key for key in read if not any(f"{key}.".startswith(f"{d}.") for d in declared)}
        assert not hidden, f"{stage.addressing} reads {sorted(hidden)} and does not declare it"
        unused = {d for d in declared if not any(f"{key}.".startswith(f"{d}.") for key in read)}
        # a block's cells share its list of conditions
        unused = {key for key in unused if not key.startswith("conditions.")}
        assert not unused, f"{stage.addressing} declares {sorted(unused)} and does not read it"


def test_models_depend_on_the_sets_they_are_trained_on(stages):
    recipes = params.read(ROOT / "params.yaml").models
    for stage in stages:
        module, arguments = script(stage)
        if module in ("stages.base", "stages.augmented"):
            data, model = arguments
            wanted = {Path("data/perturbed", data, name) for name in recipes[model].images if name != "train"}
            sets = {dep for dep in relative(stage, "deps") if dep.parts[:2] == ("data", "perturbed")}
            assert wanted <= sets, stage.addressing


def test_stages_evaluate_every_model_of_their_study(stages):
    """Every model and set that params.yaml names is made by some stage."""
    p = params.read(ROOT / "params.yaml")
    made = {path for stage in stages for path in relative(stage, "outs")}
    for data in p.datasets:
        assert {Path("models", data, model) for study in p.studies.values() for model in study.models} <= made
        assert {Path("data/perturbed", data, name) for name in p.sets} <= made
