"""`friendfoe sweep`: points are experiments, what they share is run once, and an interrupted sweep goes on."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

from friendfoe.pipeline import points, sweep_results
from friendfoe.pipeline.sweep_results import Metric
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.recorded import cache_folder

ROOT = Path(__file__).parents[2]
TABLE = "metric,model,condition,replicate,images,value"
MEASURE = f"""
import sys
from pathlib import Path
eps, folder = float(sys.argv[1]), Path("reports/digits/assistive/tables")
folder.mkdir(parents=True, exist_ok=True)
rows = [f"accuracy,clean,attack,{{number}},100,{{0.9 - eps + number / 100}}" for number in range(3)]
(folder / "measurements.csv").write_text("\\n".join(["{TABLE}", *rows]))
"""
# the plan and the studies are those of a project of two stages
RUN = """
import friendfoe.plan.write
from friendfoe.pipeline import sweep
from friendfoe.pipeline.targets import Targets
from friendfoe.runtime import cli
friendfoe.plan.write.read_plan = lambda: None
sweep.resolve = lambda words, plan: Targets(["measure"], [("digits", "assistive")])
def main() -> None:
    raise SystemExit(sweep.sweep(["assistive"], [SETTING], ["accuracy(clean, attack)"], HOW))
cli.run(main)
"""
EPS = "eps=0.05,0.1,0.15,0.2,0.25,0.3"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of two stages, of which the second one depends on eps."""
    folder, counted = tmp_path / "project", tmp_path / "counted"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name, value in {"SHELL": "/bin/sh", "PYTHONPATH": str(ROOT), "GIT_CONFIG_GLOBAL": os.devnull}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    for stage in ("train", "measure"):
        Path(f"{stage}.py").write_text(MEASURE)
    Path("base").write_text("base")
    Path(".dvc").mkdir()
    Path(".dvc/config").write_text("[core]\n    analytics = false\n")
    Path(".gitignore").write_text("/model\n/.friendfoe\n/.dvc/tmp\n/.dvc/cache\n/.dvc/config.local\n")
    Path("params.yaml").write_text("eps: 0.5\nother: 1\n")
    train = {"cmd": f"sleep 0.5; cp base model; echo train >> {counted}", "deps": ["base"], "outs": ["model"]}
    measure = {
        "cmd": f"sleep 0.5; python measure.py ${{eps}}; echo ${{eps}} >> {counted}", "deps": ["model", "measure.py"],
        "params": ["eps"], "outs": [{"reports/digits/assistive/tables": {"cache": False}}],
    }  # fmt: skip
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": {"train": train, "measure": measure}}))
    git("init", "-q")
    git("config", "user.name", "test")
    git("config", "user.email", "test@example.org")
    git("add", "-A")
    git("commit", "-qm", "start")
    Path("base").write_text("edited")
    cache_folder.cache_clear()  # another test's
    return folder


@pytest.fixture
def project_that_has_run(project):
    """With a lock of other results, which must not be taken for those of the points."""
    git("checkout", "base")
    subprocess.run(("dvc", "repro", "-q"), check=True)
    git("add", "-A")
    git("commit", "-qm", "ran")
    Path("base").write_text("edited")
    (project.parent / "counted").unlink()
    return project


def git(*words):
    return subprocess.run(("git", *words), check=True, capture_output=True, text=True).stdout


def start(setting=EPS, how="jobs=2"):
    code = RUN.replace("SETTING", repr(setting)).replace("HOW", how)
    return subprocess.Popen(
        [sys.executable, "-c", code], text=True, start_new_session=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


def counted(folder):
    file = folder.parent / "counted"
    return file.read_text().split() if file.exists() else []


def finished():
    """The values of eps of all experiments."""
    refs = git("for-each-ref", "--format=%(refname)", "refs/exps").split()
    return sorted(yaml.safe_load(git("show", f"{ref}:params.yaml"))["eps"] for ref in refs)


def wait(running, condition):
    deadline = time.monotonic() + 120
    while not condition():
        assert running.poll() is None, running.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
def test_interrupted_twice_it_ends_with_every_point_computed_once(project_that_has_run):
    project = project_that_has_run
    first = start()
    wait(first, lambda: len(counted(project)) == 3)
    first.send_signal(signal.SIGINT)
    assert first.wait(timeout=60) == 130, first.stdout.read()
    assert len({*counted(project)}) == len(counted(project)) <= 4
    second = start()
    wait(second, finished)
    kept = finished()
    os.killpg(second.pid, signal.SIGKILL)
    second.wait()
    last = start()
    said, _ = last.communicate(timeout=240)
    assert last.returncode == 0, said
    assert f"{len(kept)} of 6 points are finished" in said or len(finished()) > len(kept)
    assert finished() == [0.05, 0.1, 0.15, 0.2, 0.25, 0.3]
    runs = counted(project)
    assert runs.count("train") == 1
    assert all(runs.count(str(eps)) == 1 for eps in kept)
    assert len(runs) <= 7 + 2  # those whose command had ended and which DVC had not kept when it was killed
    table = pd.read_csv("sweeps/assistive-eps/table.csv")
    assert table["eps"].tolist() == finished()
    assert table["mean"].tolist() == pytest.approx([0.91 - eps for eps in finished()])
    assert (table["replicates"] == 3).all()
    assert (table["low"] < table["mean"]).all()
    assert Path("sweeps/assistive-eps/figure.png").read_bytes().startswith(b"\x89PNG")
    assert "| 0.05 " in Path("sweeps/assistive-eps/table.md").read_text()
    page = Path("reports/digits/sweeps/assistive/assistive-eps")
    assert "table.csv" in (page / "index.html").read_text()
    assert (page / "table.csv").read_text() == Path("sweeps/assistive-eps/table.csv").read_text()
    assert not [*points.COPIES.iterdir()]
    shown = json.loads(subprocess.run(("dvc", "exp", "show", "--json"), check=True, capture_output=True).stdout)
    experiments = [each["revs"][0] for each in shown[1]["experiments"]]
    assert sorted(each["data"]["params"]["params.yaml"]["data"]["eps"] for each in experiments) == finished()
    assert all(each["name"].startswith("sweep-") for each in experiments)
    ref = git("for-each-ref", "--format=%(refname)", "refs/exps").split()[0]
    assert {*yaml.safe_load(git("show", f"{ref}:dvc.lock"))["stages"]} == {"train", "measure"}
    assert "edited" in git("diff", "base")  # the project is as it was
    assert yaml.safe_load(Path("params.yaml").read_text())["eps"] == 0.5
    again = start()
    assert again.communicate(timeout=60)[0].splitlines()[0] == "6 of 6 points are finished"
    assert counted(project) == runs


@pytest.mark.slow
def test_on_a_cluster_interrupted_twice_it_ends_with_every_point_computed_once(project, nodes, tmp_path):
    made, _ = nodes
    remote = f"[core]\n    remote = store\n['remote \"store\"']\n    url = {tmp_path / 'store'}\n"
    Path(".dvc/config.local").write_text(remote)
    how = f"ray={made.address!r}"
    first = start(how=how)
    wait(first, lambda: len(counted(project)) == 3)
    first.send_signal(signal.SIGINT)
    assert first.wait(timeout=60) == 130, first.stdout.read()
    second = start(how=how)
    wait(second, finished)
    kept = finished()
    os.killpg(second.pid, signal.SIGKILL)
    second.wait()
    said, _ = (last := start(how=how)).communicate(timeout=240)
    assert last.returncode == 0, said
    assert finished() == [0.05, 0.1, 0.15, 0.2, 0.25, 0.3]
    runs = counted(project)
    assert runs.count("train") == 1
    assert all(runs.count(str(eps)) == 1 for eps in kept)
    assert len(runs) <= 7 + 4  # those that ran on two nodes when a signal and a kill came
    table = pd.read_csv("sweeps/assistive-eps/table.csv")
    assert table["mean"].tolist() == pytest.approx([0.91 - eps for eps in finished()])
    for name in ("one", "two"):
        assert [*(tmp_path / name).glob("sweep-*/dvc.yaml")]  # both have worked


@pytest.mark.slow
def test_a_point_that_fails_does_not_stop_the_others(project):
    running = start("eps=0.1,nothing")
    said, _ = running.communicate(timeout=120)
    assert running.returncode == 1
    assert "eps=nothing: measure failed; the end of .friendfoe/logs/eps=nothing/measure.log:" in said
    assert "could not convert string to float: 'nothing'" in said
    assert finished() == [0.1]


def test_a_grid_is_all_combinations_and_names_are_those_of_what_is_made(project):
    here = points.state()
    grid = points.grid(["eps=0.1,0.2", "other=1,2"], here, "measure")
    assert [point.values for point in grid] == [
        {"eps": eps, "other": other} for eps in ("0.1", "0.2") for other in ("1", "2")
    ]
    assert grid[1].label == "eps=0.1,other=2"
    assert len({point.name for point in grid}) == 4
    assert (
        points.grid(["eps=0.1"], here, "measure")[0].name == points.grid(["eps=0.1"], points.state(), "measure")[0].name
    )
    assert points.grid(["eps=0.1"], here, "train")[0].name != points.grid(["eps=0.1"], here, "measure")[0].name
    os.utime("params.yaml", (1, 1))
    assert points.state().edits
    git("stash")
    os.utime("base", (1, 1))  # touched, but as it was
    assert not points.state().edits
    git("stash", "pop")
    Path("params.yaml").write_text("eps: 0.5\nother: 3\n")
    assert (
        points.grid(["eps=0.1"], points.state(), "measure")[0].name != points.grid(["eps=0.1"], here, "measure")[0].name
    )


def test_what_cannot_be_is_said_in_a_line(project):
    here = points.state()
    for setting in ("eps", "eps=", "=1"):
        with pytest.raises(UserError, match=f"--set {setting}: must be KEY=VALUE,VALUE,..."):
            points.grid([setting], here)
    (point,) = points.grid(["epss=1"], here)
    with pytest.raises(UserError, match=r"--set epss=1 in params.yaml: .*Key 'epss' is not in struct"):
        points.prepare(point, here)
    assert not point.copy.exists()
    (point,) = points.grid(["missing.yaml:eps=1"], here)
    with pytest.raises(UserError, match=r"--set eps=1 in missing.yaml: there is no such file"):
        points.prepare(point, here)
    Path("stages").mkdir()
    Path("stages/new.py").touch()
    with pytest.raises(UserError, match=r"stages/new.py is not known to Git, .* `git add stages/new.py`"):
        points.state()
    with pytest.raises(UserError, match=r"--metric accuracy: must be METRIC\(MODEL, CONDITION\)"):
        Metric.of("accuracy")


def test_a_copy_has_the_edits_and_the_cache_of_the_project(project):
    here = points.state()
    (point,) = points.grid(["eps=0.1"], here)
    points.prepare(point, here)
    assert (point.copy / "base").read_text() == "edited"
    assert yaml.safe_load((point.copy / "params.yaml").read_text()) == {"eps": 0.1, "other": 1}
    assert str(project / ".dvc/cache") in (point.copy / ".dvc/config.local").read_text()
    points.remove(point)
    assert not point.copy.exists()


def test_a_sweep_has_a_page_which_the_top_page_leads_to(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [
        {"eps": eps, "data": "digits", "study": study, "metric": "accuracy(a, b)", "mean": 0.5, "low": 0.4, "high": 0.6, "replicates": 3}
        for study in ("fgsm", "assistive") for eps in ("0.1", "0.2")
    ]  # fmt: skip
    (page, _) = sweep_results.report(pd.DataFrame(rows), ["eps"], "all-eps")
    assert page == Path("reports/digits/sweeps/fgsm/all-eps/index.html")
    text = page.read_text()
    assert "Metrics against eps" in text
    assert text.count("0.500 ± 0.100</td>") == 2
    links = re.findall(r'href="([^"#]+)"', text)
    assert {"figure.png", "figure.svg", "./table.csv", "../../../fgsm/index.html"} <= {*links}
    assert all((page.parent / link).resolve().exists() for link in links if "fgsm" not in link)
    assert 'href="digits/sweeps/fgsm/all-eps/index.html"' in Path("reports/index.html").read_text()


def test_a_table_and_a_figure_of_two_keys(tmp_path):
    rows = [
        {"eps": eps, "width": width, "data": "digits", "study": "fgsm", "metric": metric, "mean": 0.5, "low": 0.4, "high": 0.6, "replicates": 3}
        for eps in ("0.1", "0.2") for width in ("4", "many") for metric in ("accuracy(a, b)", "error(a, b)")
    ]  # fmt: skip
    sweep_results.write(pd.DataFrame(rows), ["eps", "width"], tmp_path)
    assert "| 0.1   | many    |    0.500 ± 0.100 | 0.500 ± 0.100 |" in (tmp_path / "table.md").read_text()
    assert "width many" in (tmp_path / "figure.svg").read_text()
    assert "At all points" not in (tmp_path / "table.md").read_text()
    sweep_results.write(pd.DataFrame(rows[:2]), ["eps"], tmp_path)
    assert "- At all points: width=4." in (tmp_path / "table.md").read_text()
    sweep_results.write(pd.DataFrame(rows), ["width", "eps"], tmp_path)
    assert "many" in (tmp_path / "figure.svg").read_text()  # names on the axis
