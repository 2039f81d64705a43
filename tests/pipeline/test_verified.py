"""`friendfoe verify` after a run with other bits, as another processor has them."""

import shutil

import pytest

OTHER_BITS = {"ONEDNN_MAX_CPU_ISA": "AVX2"}


@pytest.mark.slow
def test_a_run_with_other_bits_agrees_and_a_cell_changed_by_hand_does_not(project):
    committed = project.files("models")
    for command in ("git add -A", "git commit -q -m run"):
        assert project.run(*command.split()).returncode == 0
    said = project.run("friendfoe", "verify", "assistive", "digits")
    assert said.returncode == 0, said.stdout + said.stderr
    assert "is the committed one itself" in said.stdout
    for folder in ("models", "data", "outcomes", "analysis", ".dvc/cache"):
        shutil.rmtree(project.path / folder)
    project.repro(**OTHER_BITS)
    if project.files("models") == committed:
        pytest.skip("this processor computes with the instructions of AVX2 anyway")
    said = project.run("friendfoe", "verify", "assistive", "digits")
    assert said.returncode == 0, said.stdout + said.stderr
    assert "  agrees, " in said.stdout.splitlines()[-1]
    table = project.path / "reports/digits/assistive/tables/table-1.csv"
    head, row, *rest = table.read_text().splitlines()
    model, condition, mean, *more = row.split(",")
    table.write_text("\n".join([head, ",".join([model, condition, f"{float(mean) - 0.001:.6g}", *more]), *rest, ""]))
    said = project.run("friendfoe", "verify", "assistive", "digits")
    assert said.returncode == 1
    assert f"{model}, {condition}" in said.stdout
