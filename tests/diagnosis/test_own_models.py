"""What docs/own-models.md and the README show works as it stands."""

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOC = (ROOT / "docs/own-models.md").read_text()
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_the_walk(tmp_path):
    pytest.importorskip("timm")
    shim = tmp_path / "bin/friendfoe"
    shim.parent.mkdir()
    shim.write_text(f"#!{sys.executable}\nfrom friendfoe.console import main\nmain()\n")
    shim.chmod(0o755)
    path = f"{shim.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "FRIENDFOE_DEVICE": "cpu"}
    run = 0
    for language, name, text in BLOCK.findall(DOC):
        if language == "python":
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text)
        for command in text.splitlines() if language == "sh" else ():
            done = subprocess.run(
                command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{command}\n{done.stderr}"
            assert "WARNING" not in done.stdout, f"{command}\n{done.stdout}"
            run += 1
    assert run == 8
    pages = {page.parent.name for page in tmp_path.glob("*/index.html")}
    assert pages == {"resnet18", "resnet18-two", "timm", "timm-two", "own", "own-two", "together"}
    assert "alone right" in (tmp_path / "together/summary.md").read_text()


def test_every_option_that_the_walk_names_exists():
    from friendfoe import console

    parameters = {name.replace("_", "-") for name in console.evaluate.__annotations__}
    for option in re.findall(r"--([a-z]+[a-z-]*)", DOC):
        assert option.removeprefix("no-") in parameters, option


def test_the_lines_of_python_in_the_readme():
    test = doctest.DocTestParser().get_doctest(_lines(), {}, "README", "README.md", 0)
    assert len(test.examples) >= 5
    assert doctest.DocTestRunner().run(test).failed == 0


def _lines():
    text = (ROOT / "README.md").read_text()
    return next(block for _, _, block in BLOCK.findall(text) if "from friendfoe import evaluate" in block)
