"""Every stage runs in a folder that holds nothing but what its dvc.yaml declares, with the same result."""

import shlex
import shutil
from importlib import import_module
from pathlib import Path

import pytest

from friendfoe.plan.pipeline import _stages
from friendfoe.plan.write import read_plan
from stages import check_gradients
from tests.studies.workspaces import ROOT, entered


@pytest.mark.slow
def test_stages_read_what_they_declare(assistive, tmp_path):
    from dvc.repo import Repo

    work = tmp_path / "work"
    shutil.copytree(assistive, work, symlinks=True)
    shutil.copy(ROOT / "pipelines/assistive/dvc.yaml", work / "pipelines/assistive")
    Repo.init(str(work), no_scm=True).close()
    stages = Repo(str(work)).index.stages
    assert len(stages) >= 18
    with entered(work):
        check_gradients.main("digits", "assistive", "clean")
        ours = {stage.name: stage.deps for stage in _stages(read_plan().studies["assistive"].pipeline, "digits")}
    for stage in stages:
        deps = {Path(str(dep.fs_path)).relative_to(work) for dep in stage.deps}
        assert deps == ours[stage.addressing.split(":")[-1]]
        sandbox = tmp_path / stage.addressing.split(":")[-1]
        for dep in deps:
            (sandbox / dep).parent.mkdir(parents=True, exist_ok=True)
            (sandbox / dep).symlink_to(work / dep)
        (sandbox / "friendfoe").symlink_to(ROOT / "friendfoe")
        _, _, module, *words = shlex.split(stage.cmd)
        with entered(sandbox):
            main = import_module(module).main
            main(*words[:2], words[2:]) if module == "stages.train" else main(*words)
        for out in stage.outs:
            path = Path(str(out.fs_path)).relative_to(work)
            tables = [path, *(file.relative_to(work) for file in (work / path).rglob("*"))]
            for file in (table for table in tables if table.suffix in (".csv", ".tsv")):
                assert (sandbox / file).read_bytes() == (work / file).read_bytes(), file
