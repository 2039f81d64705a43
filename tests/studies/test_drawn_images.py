"""Some images of a data set whose images stand class by class are of all classes."""

import re

from tests.studies.workspaces import ROOT


def test_nothing_takes_the_first_images():
    sliced = re.compile(r"(images|labels)\[:[A-Za-z]\w*\]")
    files = [*(ROOT / "friendfoe").rglob("*.py"), *(ROOT / "stages").rglob("*.py")]
    assert {file.name for file in files if sliced.search(file.read_text())} == set()
