"""The params files stand as DVC writes them, so that `dvc exp run -S` changes the line that it is asked to change."""

import shutil
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
FILES = [ROOT / "params.yaml", *sorted(ROOT.glob("pipelines/*/params.yaml"))]


def numbers(section, place=()):
    """The places of all numbers, but for those of networks, which models share, and those in lists."""
    for key, value in section.items():
        if isinstance(value, dict) and key != "network":
            yield from numbers(value, (*place, key))
        elif isinstance(value, int | float):
            yield ".".join(map(str, (*place, key)))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.parent.name))
def test_one_setting_is_one_line(file, tmp_path):
    places = [*numbers(YAML(typ="safe").load(file))]
    before = file.read_text().splitlines()
    for place in (places[0], places[len(places) // 3], places[-1]):
        copy = Path(shutil.copy(file, tmp_path))
        apply_overrides(copy, [f"{place}=77"])
        after = copy.read_text().splitlines()
        changed = [(old, new) for old, new in zip(before, after, strict=False) if old != new]
        assert len(after) == len(before), changed[:2]
        assert ["77" in new for _, new in changed] == [True], changed[:2]
