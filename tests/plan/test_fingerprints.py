"""A fingerprint changes when code changes that a module computes with, and for nothing else."""

import pytest

from friendfoe.plan.fingerprints import closure, fingerprint, imported
from friendfoe.runtime.errors import UserError

BASE = '''"""Words."""

from typing import Annotated


class Config(Strict):
    """Words."""

    size: int = Field(default=3, ge=1, description="how much")
    """Words."""


def f(x, y=1):
    """Words."""
    if x < y:
        raise ValueError(f"x: {x} is less than {y}" + " or so")
    return x + y


def command(data: Annotated[str, Option(help="which")] = "digits"):
    print(data)
'''
FILES = {
    "friendfoe/__init__.py": '"""Words."""\n\n__version__ = "1.0"\n',
    "friendfoe/base.py": BASE,
    "friendfoe/report/__init__.py": "",
    "friendfoe/report/page.py": "from friendfoe.base import f\n",
    "friendfoe/report/templates/page.html": "<p>",
    "friendfoe/typed.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from friendfoe.base import f\n",
    "stages/lazy.py": "def main():\n    from friendfoe import base\n    base.f(1)\n",
    "stages/whole.py": "import friendfoe.report.page\n",
}
EVERY = {
    "friendfoe",
    "friendfoe.base",
    "friendfoe.report",
    "friendfoe.report.page",
    "friendfoe.typed",
    "stages.lazy",
    "stages.whole",
}
USES_BASE = {"friendfoe.base", "friendfoe.report.page", "stages.lazy", "stages.whole"}


def write(root, files):
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def fingerprints(root, files):
    """The fingerprint of each module in `files`; `root` is a new folder, since fingerprints are cached by folder."""
    write(root, files)
    paths = [path.removesuffix(".py").removesuffix("/__init__") for path in files if path.endswith(".py")]
    modules = [path.replace("/", ".") for path in paths]
    return {module: fingerprint(frozenset({module}), root) for module in modules}


def changed(root, **files):
    """The modules whose fingerprints differ from those of FILES when `files` (path as keyword) are as given."""
    before, after = fingerprints(root / "before", FILES), fingerprints(root / "after", {**FILES, **files})
    assert set(before) == EVERY
    return {module for module in after if after[module] != before.get(module)}


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("friendfoe/report/templates/page.html", "<b>", {"friendfoe.report", "friendfoe.report.page", "stages.whole"}),
        ("friendfoe/__init__.py", "X = 1\n", EVERY),
        ("friendfoe/__init__.py", FILES["friendfoe/__init__.py"].replace("1.0", "2.0"), set()),
        ("friendfoe/new.py", "", {"friendfoe.new"}),
        ("friendfoe/report/new.py", "", {"friendfoe.report.new"}),
        ("friendfoe/typed.py", FILES["friendfoe/typed.py"].replace("import f", "import g"), {"friendfoe.typed"}),
    ],
)
def test_what_a_change_reaches(tmp_path, path, text, expected):
    assert changed(tmp_path, **{path: text}) == expected


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def f(x", "# why\ndef f(x"),
        ("return x + y", "return (x  +  y)"),
        ('"""Words."""', "'''Other words.'''"),
        ('"""Words."""\n    if', '"other words"\n    if'),
        ('"""Words."""\n\n\ndef f', '"""What it is."""\n\n\ndef f'),
        ('    """Words."""\n\n    size', "    size"),
        ("is less than", "lies below"),
        ('" or so"', '" or less"'),
        ('f"x: {x} is less than {y}"', '"too small"'),
        ('description="how much"', 'description="how large"'),
        (', description="how much"', ""),
        ('help="which"', 'help="which one"'),
    ],
)
def test_what_only_says_something_does_not_count(tmp_path, before, after):
    assert before in BASE
    assert changed(tmp_path, **{"friendfoe/base.py": BASE.replace(before, after)}) == set()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("return x + y", "return x - y"),
        ("return x + y", "return y + x"),
        ("y=1", "y=2"),
        ("default=3", "default=4"),
        ("ge=1", "ge=2"),
        ("x < y", "x <= y"),
        ("ValueError", "TypeError"),
        ("        raise", "        x = y\n        raise"),
        ('= "digits"', '= "mnist"'),
        ("print(data)", 'print("data")'),
        ("def f(x, y=1)", "@cache\ndef f(x, y=1)"),
    ],
)
def test_what_computes_does(tmp_path, before, after):
    assert before in BASE
    assert changed(tmp_path, **{"friendfoe/base.py": BASE.replace(before, after)}) == USES_BASE


def test_several_modules_have_one_fingerprint_whatever_their_order(tmp_path):
    write(tmp_path, FILES)
    pair = frozenset(["stages.lazy", "friendfoe.typed"])
    assert fingerprint(pair, tmp_path) == fingerprint(frozenset(reversed([*pair])), tmp_path)
    assert fingerprint(pair, tmp_path) not in {fingerprint(frozenset({module}), tmp_path) for module in pair}
    assert fingerprint(frozenset({"stages.whole", "friendfoe.base"}), tmp_path) == fingerprint(
        frozenset({"stages.whole"}), tmp_path
    )  # which imports it


def test_the_files_that_importing_a_module_runs(tmp_path):
    write(tmp_path, FILES)
    files = {path.as_posix() for path in closure(tmp_path, "stages.whole")}
    assert files == {*FILES} - {"stages/lazy.py", "friendfoe/typed.py", "friendfoe/report/templates/page.html"}


def test_a_module_that_is_no_python_or_imports_relatively_is_named(tmp_path):
    (tmp_path / "friendfoe").mkdir()
    broken = tmp_path / "friendfoe/broken.py"
    broken.write_text("x = (\n")
    with pytest.raises(UserError, match=r"broken.py:1: .*never closed"):
        fingerprint(frozenset({"friendfoe.broken"}), tmp_path)
    relative = tmp_path / "relative.py"
    relative.write_text("from . import x\n")
    with pytest.raises(UserError, match=r"relative.py:1: relative imports"):
        imported(relative)
