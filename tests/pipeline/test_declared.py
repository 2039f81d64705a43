"""What dvc.yaml declares is what the scripts use: all code, all params, and the sets that models are trained on."""

import importlib
import json
import shlex
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from dvc.repo import Repo

from friendfoe import params, studies
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.fingerprints import closure, imported

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
    """The modules that a stage runs: its script, and the parts of a study or method that the script imports by name."""
    module, arguments = script(stage)
    if module == "stages.train":
        method = params.read(ROOT / "params.yaml").models[arguments[1]].method.replace("-", "_")
        return {module, f"friendfoe.training.methods.{method}"}
    if module == "stages.distil":
        return {module, *(f"friendfoe.training.methods.{method}" for method in ("teacher", "distilled"))}
    if module == "stages.check":
        return {module, *(f"friendfoe.studies.{study}.settings" for study in studies.names())}
    own = arguments[2] if len(arguments) > 2 else "analyse"
    parts = {"stages.analyse": ("settings", own), "stages.plot": ("settings", "plot")}.get(module, ())
    code = {module, *(f"friendfoe.studies.{arguments[0]}.{part}" for part in parts)}
    if module == "stages.analyse":  # one that asks for a model's recipe trains it
        models = params.read(ROOT / "params.yaml").models
        keys = (key.split(".") for key in studies.module(arguments[0], own).KEYS)
        code |= {f"friendfoe.training.methods.{models[key[1]].method}" for key in keys if key[0] == "models"}
    return code


def test_deps_are_the_code_that_is_used(stages):
    for stage in stages:
        if stage.name != "code":
            deps = {path.name for path in relative(stage, "deps") if path.parts[0] == "fingerprints"}
            assert deps == code_of(stage), stage.addressing


def test_fingerprints_cover_what_python_imports(stages):
    """The interpreter is the oracle: no file of the project is loaded that the fingerprint does not cover."""
    modules = sorted({module for stage in stages for module in code_of(stage)})
    run = subprocess.run([sys.executable, "-c", LOADED, *modules], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = json.loads(run.stdout)
    for module in modules:
        files = {Path(file).relative_to(ROOT) for file in loaded[module]}
        start = Path(*module.split("."))
        start = start / "__init__.py" if (ROOT / start).is_dir() else start.with_suffix(".py")
        assert start in files
        assert files <= closure(ROOT, start), module


# each import in a child of its own, after what is slow and not ours
LOADED = """
import importlib, json, multiprocessing, sys
import matplotlib.figure, pandas, scipy.stats, torch, torchvision

def loaded(name):
    importlib.import_module(name)
    ours = (module for key, module in sys.modules.items() if key.split(".")[0] in ("friendfoe", "stages"))
    return [module.__file__ for module in ours if getattr(module, "__file__", None)]

with multiprocessing.get_context("fork").Pool(2, maxtasksperchild=1) as pool:
    print(json.dumps(dict(zip(sys.argv[1:], pool.map(loaded, sys.argv[1:], chunksize=1)))))
"""


def test_code_of_the_pipeline_imports_attacks_by_module():
    """`from friendfoe.attacks import pgd` is for users: it loads modules by name, which no closure can see."""
    for path in (*(ROOT / "friendfoe").rglob("*.py"), *(ROOT / "stages").rglob("*.py")):
        names = {name.split(".")[2] for name in imported(path) if name.startswith("friendfoe.attacks.")}
        assert all((ROOT / f"friendfoe/attacks/{name}.py").exists() for name in names), path


def keys_read(stage, monkeypatch):
    """The keys that a script asks `params.load` for, up to where it misses its input."""
    asked = set()
    load = params.load

    def record(*keys, **options):
        asked.update(keys)
        return load(*keys, **options)

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
        shutil.copy(ROOT / "params.yaml", tmp_path / str(number))
        monkeypatch.chdir(tmp_path / str(number))
        if script(stage)[0] in ("stages.check", "stages.code", "stages.report"):
            continue  # check reads the whole file and depends on it, the others read no params
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
        if module == "stages.train":
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
