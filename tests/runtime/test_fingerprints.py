"""A fingerprint changes when code changes that a module uses, and for nothing else."""

import pytest

from friendfoe.runtime.errors import UserError
from friendfoe.runtime.fingerprints import fingerprints, imported

FILES = {
    "friendfoe/__init__.py": "",
    "friendfoe/base.py": '"""Words."""\n\n\ndef f(x):\n    """Words."""\n    return x + 1\n',
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


def changed(root, **files):
    """The modules whose fingerprints differ from those of FILES when `files` (path as keyword) are as said."""

    def made(content, name):
        for path, text in content.items():
            (root / name / path).parent.mkdir(parents=True, exist_ok=True)
            (root / name / path).write_text(text)
        return fingerprints(root / name)

    before, after = made(FILES, "before"), made({**FILES, **files}, "after")
    assert set(before) == EVERY
    return {module for module in after if after[module] != before.get(module)}


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("friendfoe/base.py", '"""Words."""\n\n\ndef f(x):\n    """Words."""\n    return x + 2\n', USES_BASE),
        ("friendfoe/base.py", "# why\ndef f(x):\n    '''Other words.'''\n    return (x  +  1)\n", set()),
        ("friendfoe/base.py", 'def f(x):\n    "other words"\n    return x + 1\n', set()),
        ("friendfoe/report/templates/page.html", "<b>", {"friendfoe.report", "friendfoe.report.page", "stages.whole"}),
        ("friendfoe/__init__.py", "X = 1\n", EVERY),
        ("friendfoe/new.py", "", {"friendfoe.new"}),
        ("friendfoe/typed.py", FILES["friendfoe/typed.py"].replace("import f", "import g"), {"friendfoe.typed"}),
    ],
)
def test_what_a_change_reaches(tmp_path, path, text, expected):
    assert changed(tmp_path, **{path: text}) == expected


def test_a_module_that_is_no_python_or_imports_relatively_is_named(tmp_path):
    (tmp_path / "friendfoe").mkdir()
    broken = tmp_path / "friendfoe/broken.py"
    broken.write_text("x = (\n")
    with pytest.raises(UserError, match=r"broken.py:1: .*never closed"):
        fingerprints(tmp_path)
    relative = tmp_path / "relative.py"
    relative.write_text("from . import x\n")
    with pytest.raises(UserError, match=r"relative.py:1: relative imports"):
        imported(relative)
