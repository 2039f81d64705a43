"""Models that were trained elsewhere, run by DVC: as docs/own-models.md has it, and on a folder of images."""

import json
import re

import numpy as np
import pytest
import torch
from PIL import Image
from ruamel.yaml import YAML
from torchvision.models import get_model

from tests.pipeline.conftest import ROOT, tensors

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]

DOC = (ROOT / "docs/own-models.md").read_text()
SECTION = DOC[DOC.index("## In the studies") :]
STUDY = "assistive"
TRAINING = [f"{STUDY} train@digits-clean"]
CRAFTED = [f"{STUDY} perturb-{split}@digits-{name}" for split, name in (
    ("train", "assist-train"), ("test", "assist-test"), ("test", "attack-test")
)]  # fmt: skip


def carry_out(project):
    """What the section of the docs puts into files and into params."""
    for name, text in re.findall(r"^```python (\S+)\n(.*?)^```", SECTION, re.MULTILINE | re.DOTALL):
        (project.path / name).parent.mkdir(exist_ok=True)
        (project.path / name).write_text(text)
    made = project.run("python", "own/make.py")
    assert made.returncode == 0, made.stderr
    for file, place, text in re.findall(r"^```yaml (\S+) (\S+)\n(.*?)^```", SECTION, re.MULTILINE | re.DOTALL):
        add(project, file, place, YAML(typ="safe").load(text))


def add(project, file, place, section):
    """Put a section at a place of params."""
    yaml, path = YAML(), project.path / file
    content = yaml.load(path)
    inner = content
    for word in place.split("."):
        inner = inner.setdefault(word, {})
    inner.update(section)
    yaml.dump(content, path)


def test_in_the_place_of_a_model(project):
    before = tensors(project.path / "models/digits/assistive")
    carry_out(project)
    ran = project.repro()
    assert {"plan", *TRAINING, *CRAFTED, f"{STUDY} plot@digits"} <= {*ran}
    assert f"{STUDY} train@digits-clean-half" not in ran
    after = tensors(project.path / "models/digits/assistive")
    given = torch.load(project.path / "own/mine.pt", weights_only=True)
    (weight,) = {
        value for (path, name), value in after.items() if path.parts[0] == "clean" and name.endswith("1.0.weight")
    }
    assert weight == given["0.weight"].numpy().tobytes()
    assert {path.parts[0] for (path, name) in before if before[path, name] != after.get((path, name))} > {"clean"}
    report = json.loads((project.path / "reports/digits/assistive/study.json").read_text())
    assert [block for block in report["blocks"] if block.get("text") == "Given models"]
    assert project.repro() == []
    torch.save({name: value * 1.01 for name, value in given.items()}, project.path / "own/mine.pt")
    again = project.repro()
    assert {*TRAINING, *CRAFTED} <= {*again}
    assert f"{STUDY} train@digits-clean-half" not in again
    (project.path / "own/mine.pt").unlink()
    refused = project.run("dvc", "repro", f"pipelines/{STUDY}/dvc.yaml:plot@digits")
    assert refused.returncode != 0
    assert "data.digits: models.clean: own/mine.pt is missing" in refused.stderr


def test_a_network_of_torchvision_on_a_folder(project):
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    for split, count in (("train", 20), ("test", 8)):
        for label, name in enumerate(("bee", "newt", "wasp")):
            folder = project.path / "data/raw/zoo" / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = np.full((*rng.integers(20, 40, 2), 3), 60, dtype=np.uint8)
                pixels[..., label] += rng.integers(60, 120, pixels.shape[:2], dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    torch.save(
        {"state_dict": get_model("shufflenet_v2_x0_5", num_classes=3).state_dict()}, project.path / "own/zoo.pth"
    )
    content = YAML(typ="safe").load(project.path / "params.yaml")
    zoo = content["data"]["digits"] | {"source": {"kind": "folder", "path": "zoo", "resize": 16}, "replicates": 1}
    add(project, "params.yaml", "data", {"zoo": zoo})
    method = {"method": "given", "weights": "own/zoo.pth", "normalise": "imagenet"}
    given = {"network": {"kind": "torchvision", "name": "shufflenet_v2_x0_5"}, "method": method}
    add(project, f"pipelines/{STUDY}/params.yaml", "data", {"zoo": {"models": {"clean": given}}})
    ran = project.repro(f"pipelines/{STUDY}/dvc.yaml:plot@zoo", FRIENDFOE_DATA=str(project.path / "data/raw"))
    assert f"{STUDY} train@zoo-clean" in ran
    report = json.loads((project.path / "reports/zoo/assistive/study.json").read_text())
    (table,) = [block for block in report["blocks"] if block.get("name") == "given"]
    clean = next(row for row in table["rows"] if row["head"] == "clean: clean test")
    assert re.fullmatch(r"0\.\d{3} (\(.*\)|± .*)", clean["cells"][0]["text"])  # with an interval, of images alone
