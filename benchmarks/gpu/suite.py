"""The tests that need an accelerator: `pytest -m gpu`."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

from benchmarks.gpu.setting import Setting, Tell
from benchmarks.gpu.workspace import ROOT
from friendfoe.runtime.parents import end_with

PROCESSES = 4
TINY = "test_the_noise"  # of the tests, on the CPU; all of them are run there by the test suite itself


def measure(setting: Setting, tell: Tell) -> None:
    """A row per test that has failed, and one of how many there were.

    Raises:
        RuntimeError: pytest has run no test, with what it has said.
    """
    parent = os.getpid()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        command = [sys.executable, "-m", "pytest", "tests/gpu", "-m", "gpu", "-q", "-p", "no:cacheprovider"]
        command += ["-n", "0", "-k", TINY] if setting.tiny else ["-n", str(PROCESSES)]
        environment = {**os.environ, **({"FRIENDFOE_TEST_DEVICE": "cpu"} if setting.tiny else {})}
        done = subprocess.run(
            [*command, f"--junitxml={report}"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=lambda: end_with(parent),
        )
        said = " ".join((done.stdout + done.stderr).split())
        if not report.exists():
            raise RuntimeError(f"pytest has ended with {done.returncode}: {said[-300:]}")
        cases = list(ElementTree.parse(report).iter("testcase"))
    if not cases:
        raise RuntimeError(f"pytest has run no test: {said[-300:]}")
    ended = dict.fromkeys(("passed", "failed", "skipped"), 0)
    for case in cases:
        kind, why = _outcome(case)
        ended[kind] += 1
        if kind != "passed":
            name = f"{case.get('classname', '')}.{case.get('name')}"
            tell({"test": name, "ended": kind, "why": " ".join(why.split())[:300]})
    slowest = max(cases, key=lambda case: float(case.get("time", 0)))
    tell({"test": "all", **ended, "slowest": slowest.get("name"), "seconds": round(float(slowest.get("time", 0)), 2)})


def _outcome(case: ElementTree.Element) -> tuple[str, str]:
    for tag, kind in (("failure", "failed"), ("error", "failed"), ("skipped", "skipped")):
        if (found := case.find(tag)) is not None:
            return kind, found.get("message") or found.text or ""
    return "passed", ""
