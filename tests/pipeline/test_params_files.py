"""The params files stand as DVC writes them, so that `dvc exp run -S` changes the line that it is asked to change."""

import json
import shutil
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides
from ruamel.yaml import YAML
from ruamel.yaml.tokens import AliasToken, AnchorToken

from friendfoe.plan.write import texts

ROOT = Path(__file__).parents[2]
FILES = [ROOT / "params.yaml", *sorted(ROOT.glob("pipelines/*/params.yaml"))]


def numbers(section, place=()):
    """The places of all numbers, but for those in lists."""
    for key, value in section.items():
        if isinstance(value, dict):
            yield from numbers(value, (*place, key))
        elif isinstance(value, int | float):
            yield ".".join(map(str, (*place, key)))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.relative_to(ROOT).as_posix())
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


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.relative_to(ROOT).as_posix())
def test_nothing_stands_there_by_an_alias(file):
    """DVC would change what it is asked to change, and change it back where the next alias of it has the old value."""
    assert not [token for token in YAML().scan(file.read_text()) if isinstance(token, AliasToken | AnchorToken)]


@pytest.mark.parametrize(
    ("place", "models"),
    [
        (
            "data.digits.network.pieces",
            "maxout maxout-adversarial maxout-l1 maxout-l1-late maxout-l1-weak maxout-other maxout-signs maxout-uniform",
        ),
        ("data.digits.models.maxout-sigmoids.network.pieces", "maxout-sigmoids"),
        ("data.digits.models.ensemble.network.of.pieces", "ensemble"),
    ],
)
def test_a_network_that_models_share_is_changed_for_all_of_them(place, models, tmp_path, monkeypatch):
    shutil.copytree(ROOT / "pipelines", tmp_path / "pipelines")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    apply_overrides(tmp_path / "pipelines/fgsm/params.yaml", [f"{place}=9"])
    planned = {path.stem: json.loads(text) for path, text in texts(ROOT).items() if "digits/fgsm" in str(path)}
    changed = [name for name, job in planned.items() if '"pieces": 9' in json.dumps(job.get("network"))]
    assert " ".join(sorted(changed)) == models
