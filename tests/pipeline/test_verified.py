"""`friendfoe verify` after a run with other bits, as another processor has them."""

import re
import shutil

import pytest

OTHER_BITS = {"ONEDNN_MAX_CPU_ISA": "AVX2"}


@pytest.mark.slow
def test_a_run_with_other_bits_agrees_and_leaves_the_tree_clean_and_a_cell_changed_by_hand_is_found(project):
    def friendfoe(*words, **environment):
        done = project.run("friendfoe", *words, "assistive", "digits", **environment)
        return done.returncode, done.stdout + done.stderr

    committed = project.files("models")
    for command in ("git add -A", "git commit -q -m run"):
        assert project.run(*command.split()).returncode == 0
    status, said = friendfoe("verify")
    assert status == 0, said
    assert "is the committed one itself" in said
    for folder in ("models", "data", "outcomes", "analysis", ".dvc/cache"):
        shutil.rmtree(project.path / folder)
    status, said = friendfoe("repro", **OTHER_BITS)
    assert status == 0, said
    assert re.search(r"^\[ *\d+/\d+\] assistive train@digits-clean: replicate 2 of 2 trained in", said, re.MULTILINE)
    assert re.search(r"^\[ *\d+/\d+\] assistive train@digits-clean ends, \d+ s; about ", said, re.MULTILINE)
    assert "Running stage" not in said
    assert "git add" not in said
    assert re.search("^[✓✗?–] Small noise fools a network", said, re.MULTILINE)
    assert "page: .friendfoe/run/reports/digits/assistive/index.html" in said
    assert "against the committed report: agrees, " in said
    assert project.run("git", "status", "--porcelain").stdout == ""
    if project.files("models") == committed:
        pytest.skip("this processor computes with the instructions of AVX2 anyway")
    status, said = friendfoe("verify")
    assert status == 0, said
    assert re.match(r"  agrees, \d+ of \d+ cells within their intervals", said.splitlines()[-1])
    status, said = friendfoe("repro")
    assert " unchanged" in said
    assert " run" not in said.partition("stages in")[2].splitlines()[0]
    assert project.run("git", "status", "--porcelain").stdout == ""
    assert project.run("friendfoe", "publish").returncode == 0
    table = project.path / "reports/digits/assistive/tables/table-1.csv"
    head, row, *rest = table.read_text().splitlines()
    model, condition, mean, *more = row.split(",")
    table.write_text("\n".join([head, ",".join([model, condition, f"{float(mean) - 0.001:.6g}", *more]), *rest, ""]))
    status, said = friendfoe("verify")
    assert status == 1
    assert f"{model}, {condition}" in said
