"""The page of the benchmark says what was measured, and its environment holds what it imports."""

import ast
import json
import re
import sys
from pathlib import Path

from benchmarks.report import page

ROOT = Path(__file__).parents[1]
HOME = ROOT / "benchmarks"


def test_the_page_is_that_of_the_results():
    files = sorted((HOME / "results").glob("*.json"))
    assert (HOME / "README.md").read_text() == page({file.stem: json.loads(file.read_text()) for file in files})


def imported(path):
    """Dotted names that a module imports as it is imported itself: `from a import b` gives `a` and `a.b`."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))


def test_its_environment_has_what_it_imports():
    declared = set(re.findall(r"^([a-z-]+)==", (HOME / "requirements.txt").read_text(), re.MULTILINE))
    declared |= {"pydantic_core", "typing_extensions"}  # which come with pydantic
    others, seen, todo = set(), set(), [HOME / "compare.py"]
    while todo:
        path = todo.pop()
        seen.add(path)
        for name in imported(path):
            words = name.split(".")
            if words[0] in ("benchmarks", "friendfoe"):
                bases = [ROOT.joinpath(*words[:end]) for end in range(1, len(words) + 1)]
                files = [file for base in bases for file in (base.with_suffix(".py"), base / "__init__.py")]
                todo += [file for file in files if file.is_file() and file not in seen]
            else:
                others.add(words[0])
    assert ROOT / "friendfoe/attacks/craft.py" in seen
    assert others - declared - sys.stdlib_module_names == set()
