"""The walks of docs/extending.md, each carried out in a copy of the project as it stands there."""

import re
import textwrap
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

PAGE = Path(__file__).parents[2] / "docs/extending.md"


def blocks(title):
    """What a walk puts where: (file, key in it or "", text)."""
    walk = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL)[1]
    return [
        (file, key or "", text)
        for file, key, text in re.findall(r"^```\w+ (\S+)(?: (\S+))?\n(.*?)^```", walk, re.M | re.S)
    ]


def carry_out(copy, title, *, code):
    """Add the files of a walk (code), or what it adds to params."""
    for file, key, text in blocks(title):
        if key:
            if not code:
                copy.edit(file, lambda content, key=key, text=text: content[key].update(YAML().load(text)))
        elif file.endswith((".py", ".md")) == code:
            (copy.path / file).parent.mkdir(parents=True, exist_ok=True)
            (copy.path / file).write_text(text)


def planned(copy):
    result = copy.run("-m", "stages.plan")
    assert result.returncode == 0, result.stderr
    return copy.files()


BEFORE = {}


def planned_before(copy):
    """The plan that all walks begin with."""
    if not BEFORE:
        BEFORE.update(planned(copy))
    return BEFORE


def stage(copy, *arguments, **environment):
    result = copy.run("-m", *arguments, **environment)
    assert result.returncode == 0, result.stderr
    return result


@pytest.fixture
def small(own_copy):
    """The project with digits in seconds."""

    def less(content):
        digits = content["data"]["digits"]
        digits["source"]["limit"] = 100
        digits["replicates"] = 2
        digits["training"]["epochs"] = 1

    own_copy.edit("params.yaml", less)
    own_copy.edit("pipelines/fgsm/params.yaml", lambda content: content["data"]["digits"]["training"].update(epochs=1))
    return own_copy


@pytest.mark.slow
def test_an_attack(small):
    before = planned_before(small)
    carry_out(small, "Add an attack", code=True)
    assert planned(small) == before
    carry_out(small, "Add an attack", code=False)
    after = planned(small)
    changed = {path for path in after if after[path] != before.get(path)}
    assert {path.parts[2] for path in changed} == {"classwise"}
    assert {path.stem.split("-")[0] for path in changed} == {"evaluate", "analyse"}  # it trains nothing again
    assert "mi_fgsm" in after[Path("plan/digits/classwise/evaluate-pgd-at.json")]
    crafted = small.run(
        "-c",
        textwrap.dedent("""
        import torch
        from friendfoe.attacks import AttackConfig, craft, mi_fgsm
        images, labels = torch.rand(8, 1, 8, 8), torch.arange(8) % 3
        network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))
        config = AttackConfig.model_validate({"attack": "mi_fgsm", "steps": 5})
        attacked = craft(config, network, images, labels, eps=0.1, seed=0)
        assert (attacked - images).abs().max() <= 0.1 + 1e-6
        loss = torch.nn.functional.cross_entropy
        assert loss(network(attacked), labels) > loss(network(images), labels)
        assert mi_fgsm.__name__ == "mi_fgsm"
    """),
    )
    assert crafted.returncode == 0, crafted.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("title", "model"), [("Add a network", "lenet"), ("Add a method of training", "smooth")])
def test_a_network_and_a_method(small, title, model):
    before = planned_before(small)
    carry_out(small, title, code=True)
    assert planned(small) == before
    carry_out(small, title, code=False)
    after = planned(small)
    trained = {path.parent.name: path for path in after if path.stem == model}
    assert set(trained) == {"fgsm"}
    changed = {path.stem for path in after if after[path] != before.get(path)}
    assert changed == {model, "analyse", "plot"}  # no other model is trained again
    stage(small, "stages.prepare", "digits")
    stage(small, "stages.train", "digits", "fgsm", model)
    assert (small.path / f"models/digits/fgsm/{model}/replicate-1.safetensors").exists()


@pytest.mark.slow
def test_a_data_set(small):
    before = planned_before(small)
    carry_out(small, "Add a data set", code=False)
    after = planned(small)
    assert {path: after[path] for path in before} == before
    assert {path.parts[1] for path in after.keys() - before.keys()} == {"mine"}
    random = np.random.default_rng(0)
    (small.path / "raw").mkdir()
    splits = {
        f"{split}_{kind}": random.integers(0, high, shape, dtype=np.uint8)
        for split in ("train", "test")
        for kind, high, shape in (("images", 256, (40, 12, 10, 3)), ("labels", 3, (40,)))
    }
    np.savez(small.path / "raw/mine.npz", **splits)
    stage(small, "stages.prepare", "mine", FRIENDFOE_DATA=str(small.path / "raw"))
    stage(small, "stages.train", "mine", "assistive", "clean")
    assert (small.path / "models/mine/assistive/clean/replicate-2.safetensors").exists()


@pytest.mark.slow
def test_a_study(small):
    before = planned_before(small)
    carry_out(small, "Add a study", code=True)
    assert planned(small) == before
    carry_out(small, "Add a study", code=False)
    assert (
        "dvc.yaml: pipelines/noise/params.yaml is missing under the deps of `plan`"
        in small.run("-m", "stages.plan").stderr
    )
    line = "      - pipelines/fgsm/params.yaml\n"
    small.replace("dvc.yaml", line, line + line.replace("fgsm", "noise"))
    after = planned(small)
    assert {path: after[path] for path in before} == before
    stage(small, "stages.prepare", "digits")
    stage(small, "stages.train", "digits", "noise", "small")
    stage(small, "stages.analyse", "digits", "noise")
    stage(small, "stages.plot", "digits", "noise")
    table = (small.path / "reports/digits/noise/tables/accuracy.csv").read_text().splitlines()
    assert table[0] == "model,eps,mean,low,high,replicates"
    assert len(table) == 3
