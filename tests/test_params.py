"""params.yaml: what is wrong is said in one line, with its place and the nearest valid name."""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from friendfoe import params, studies
from friendfoe.runtime.errors import UserError

REAL = Path(__file__).parents[1] / "params.yaml"


@pytest.fixture
def edit(tmp_path):
    """Write a copy of the project's params.yaml with one change."""

    def write(change):
        yaml = YAML()
        content = yaml.load(REAL)
        change(content)
        path = tmp_path / "params.yaml"
        yaml.dump(content, path)
        return path

    return write


def test_the_projects_own_params_are_in_order(monkeypatch):
    monkeypatch.chdir(REAL.parent)
    studies.check(params.read())


def test_a_script_is_handed_only_what_it_asks_for():
    p = params.load("data.digits.eps", "models.clean", path=REAL)
    assert p.data["digits"].eps == 0.2
    assert p.models["clean"].images == ["train"]
    assert list(p.data) == ["digits"]
    for hidden in ("replicates", "training", "seed"):
        with pytest.raises(AttributeError):
            getattr(p.data["digits"], hidden)
    with pytest.raises(AttributeError):
        _ = p.datasets


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p.update(datasets=["mnsit"]), r"datasets: there is no 'mnsit' under `data`; did you mean 'mnist'\?"),
        (lambda p: p.update(datasets=[]), r"line \d+: datasets: list should have at least 1 item"),
        (lambda p: p.update(datasets=["mnist", "mnist"]), r"datasets: 'mnist' stands there twice"),
        (lambda p: p["stages"].update(base=["claen"]), r"stages.base: there is no 'claen' .*did you mean 'clean'\?"),
        (lambda p: p["stages"].update(mine=["claen"]), r"stages.mine: there is no 'claen' .*did you mean 'clean'\?"),
        (lambda p: p["models"]["maxout-signs"].update(alpha=1.5), r"models.maxout-signs.alpha: 1.5: input should be less than or equal to 1"),
        (lambda p: p["models"]["maxout-signs"].update(condition="sings"), r"models.maxout-signs.condition: there is no 'sings' .*did you mean 'signs'"),
        (lambda p: p["models"]["ensemble"]["network"].update(members=0), r"models.ensemble.network.*members: 0: input should be greater than 0"),
        (lambda p: p["data"]["digits"]["studies"]["fgsm"]["models"].update(maxuot={}), r"data.digits.studies.fgsm.models: there is no 'maxuot' .*did you mean 'maxout'"),
        (lambda p: p["data"]["digits"]["studies"]["fgsm"]["models"]["maxout"].update(training={"epochs": 0}), r"data.digits.studies.fgsm.models.maxout.training.epochs: 0"),
        (lambda p: p["data"]["digits"]["studies"]["classwise"]["attacks"].update(autoatack={}), r"data.digits.studies.classwise.attacks: there is no attack 'autoatack'; did you mean 'autoattack'"),
        (lambda p: p["studies"]["fgsm"].update(pair=[3, 3]), r"studies.fgsm.pair: a class stands there twice"),
        (lambda p: p["studies"]["fgsm"].update(pair=[3]), r"studies.fgsm.pair: list should have at least 2 items"),
        (lambda p: p["studies"]["fgsm"].update(shares=[0.5, 1.0]), r"studies.fgsm.shares: must ascend from 0 and hold 1"),
        (lambda p: p["studies"]["fgsm"].update(models=["softmax"]), r"studies.fgsm.models: the tables of this study need 'maxout', too"),
        (lambda p: p["stages"].update(perturb=["asist-train"]), r"stages.perturb: .*did you mean 'assist-train'\?"),
        (lambda p: p["sets"]["assist-test"].update(condition="asist"), r"sets.assist-test.condition: there is no 'asist'"),
        (lambda p: p["sets"]["assist-test"].update(source="b"), r"sets.assist-test.source: there is no 'b' under `models`"),
        (lambda p: p["sets"]["assist-test"].update(condition="fgsm-unclipped"), r"sets.assist-test.condition: 'fgsm-unclipped' has `clip: false`"),
        (lambda p: p["models"]["mixed"].update(images=["assist-trian"]), r"models.mixed.images: .*did you mean 'assist-train'"),
        (lambda p: p["models"]["mixed"].update(images=["assist-test"]), r"'assist-test' is made of test images"),
        (lambda p: p["models"]["mixed"].update(share=0), r"models.mixed.share: 0: input should be greater than 0"),
        (lambda p: p["models"]["mixed"].update(training={"epoch": 3}), r"models.mixed.training: unknown key 'epoch'; did you mean 'epochs'"),
        (lambda p: p["models"]["mixed"].update(training={"epochs": 0}), r"models.mixed.training.epochs: 0: input should be greater"),
        (lambda p: p["data"]["digits"].update(eps=-0.1), r"line \d+: data.digits.eps: -0.1: input should be greater than or equal to 0"),
        (lambda p: p["data"]["digits"].update(eps=".nan"), r"data.digits.eps: "),
        (lambda p: p["data"]["digits"].update(replicates=0), r"line \d+: data.digits.replicates: 0: input should be greater than 0"),
        (lambda p: p["data"]["digits"].update(esp=0.1), r"line \d+: data.digits: unknown key 'esp'; did you mean 'eps'\?"),
        (lambda p: p["data"]["digits"].pop("eps"), r"line \d+: data.digits.eps: is missing"),
        (lambda p: p["data"]["digits"].update(source={"kind": "digit"}), r"data.digits.source: .*'digit'.*'digits'"),
        (lambda p: p["data"]["digits"]["network"].update(widht=3), r"data.digits.network: unknown key 'widht'; did you mean 'width'"),
        (lambda p: p["data"]["digits"]["training"].update(optimizer="sdg"), r"data.digits.training.optimizer: 'sdg': input should be 'sgd' or 'adamw'"),
        (lambda p: p["conditions"]["fgsm"].update(attack="fgms"), r"line \d+: conditions.fgsm: .*'fgms'.*'fgsm'"),
        (lambda p: p["conditions"]["fgsm"].update(epss=1), r"conditions.fgsm: unknown key 'epss'; did you mean 'eps'"),
        (lambda p: p["studies"]["assistive"].update(models=["cleen"]), r"studies.assistive.models: .*did you mean 'clean'"),
        (lambda p: p["studies"]["assistive"]["evaluate"].update(x={"condition": "fgm"}), r"studies.assistive.evaluate.x.condition: .*'fgsm'"),
        (lambda p: p["studies"]["assistive"]["evaluate"].update(x={"set": "nothing"}), r"studies.assistive.evaluate.x.set: there is no 'nothing'"),
        (lambda p: p["studies"]["assistive"]["evaluate"].update(x={"condition": "fgsm", "on": "clea"}), r"evaluate.x.on: .*did you mean 'clean'"),
        (lambda p: p.update(dataset=["digits"]), r"unknown key 'dataset'; did you mean 'datasets'\?"),
        (lambda p: p["studies"].update(asistive=p["studies"]["assistive"]), None),
    ],
)  # fmt: skip
def test_errors_name_the_place_and_the_nearest_name(edit, change, message, monkeypatch):
    path = edit(change)
    monkeypatch.chdir(path.parent)
    with pytest.raises(UserError) as error:
        studies.check(params.read())
    text = str(error.value)
    assert text.startswith("params.yaml")
    assert "\n" not in text
    assert re.search(message or r"studies.asistive: there is no such study; did you mean 'assistive'\?", text), text


def test_the_line_is_that_of_the_key(edit):
    path = edit(lambda p: p["data"]["digits"].update(eps=-1))
    with pytest.raises(UserError) as error:
        params.read(path)
    line = int(re.search(r"line (\d+)", str(error.value))[1])
    assert "eps: -1" in path.read_text().splitlines()[line - 1]


def test_a_key_that_is_not_there():
    with pytest.raises(UserError, match=r"data.mnsit.eps: there is no 'mnsit'; did you mean 'mnist'\?"):
        params.load("data.mnsit.eps", path=REAL)


def test_no_file_and_no_yaml(tmp_path):
    with pytest.raises(UserError, match=r"params.yaml is missing; run this from the root"):
        params.read(tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_text("a: 1\nb: c: d")
    with pytest.raises(UserError, match=r"line 2: not YAML"):
        params.read(tmp_path / "params.yaml")


def test_a_models_own_training_replaces_keys_of_the_data_sets(edit):
    path = edit(lambda p: p["models"]["mixed"].update(training={"epochs": 2}, network={"kind": "mlp", "hidden": [5]}))
    p = params.load("data.digits", "models", path=path)
    assert params.training(p, "digits", "mixed").epochs == 2
    assert params.training(p, "digits", "mixed").batch == params.training(p, "digits", "clean").batch
    assert params.network(p, "digits", "mixed").kind == "mlp"
    assert params.network(p, "digits", "clean").kind == "cnn"
