"""What params cannot mean, or what could never finish, is refused in one line that names the place."""

import math
import time

import pytest

from friendfoe.plan.write import read_plan
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.yaml import parse
from tests.plan.test_params import check_everything
from tests.studies.workspaces import ROOT, changed, entered, lay_out, params

STUDIES = ("advprop", "assistive", "classwise", "distillation", "fgsm")


@pytest.fixture
def refusal(tmp_path):
    """The line that says why something else may not stand at some places: STUDY:KEY, or KEY of the data set."""

    def planned(*changes):
        data, wanted = {"digits": params()["data"]["digits"]}, {"assistive"}
        wanted |= {place.partition(":")[0] for place, _ in changes if ":" in place}
        sections = {study: params(study) for study in wanted}
        for section in sections.values():
            section["data"] = {"digits": section["data"]["digits"]}
        for place, value in changes:
            study, _, key = place.rpartition(":")
            changed(sections[study] if study else data["digits"], key, value)
        lay_out(tmp_path, data, **sections)
        for study in wanted:
            (tmp_path / "pipelines" / study / "dvc.yaml").write_text((ROOT / f"pipelines/{study}/dvc.yaml").read_text())
        with entered(tmp_path), pytest.raises(UserError) as error:
            check_everything()
        assert "\n" not in str(error.value)
        return str(error.value)

    return planned


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("eps", 0, "data.digits.eps: 0: input should be greater than or equal to 0.000001"),
        ("eps", 1e-320, "data.digits.eps: 1e-320"),
        ("eps", True, "data.digits.eps: True: input should be a valid number"),
        ("eps", "0.1", "data.digits.eps: '0.1': input should be a valid number"),
        ("eps", math.nan, "data.digits.eps: nan: input should be a finite number"),
        ("eps", math.inf, "data.digits.eps: inf"),
        ("eps", 8, "data.digits.eps: 8: input should be less than or equal to 1"),
        ("replicates", True, "data.digits.replicates: True: input should be a valid integer"),
        ("replicates", "3", "data.digits.replicates: '3'"),
        ("replicates", 1e9, "data.digits.replicates: 1000000000.0: input should be a valid integer"),
        ("replicates", 10**9, "data.digits.replicates: 1000000000: input should be less than"),
        ("seed", True, "data.digits.seed: True"),
        ("training.epochs", 1e18, "data.digits.training.epochs"),
        ("training.epochs", 10**18, "data.digits.training.epochs"),
        ("training.learning_rate", 1e308, "data.digits.training.learning_rate"),
        ("training.batch", True, "data.digits.training.batch"),
        ("training.validation", {"share": True}, "data.digits.training.validation.share"),
        ("network.width", 10**9, "data.digits.network.width: 1000000000"),
        ("network.width", True, "data.digits.network.width: True"),
        ("network", {"kind": "ensemble", "members": 10**9, "of": {"kind": "cnn", "width": 2}}, "network.members"),
        ("network", {"kind": "torchvision", "name": "../../x"}, "network.name: '../../x': is no torchvision classifier"),
        ("network", {"kind": "torchvision", "name": "resnet19"}, "did you mean 'resnet18'"),
        ("source.limit", True, "data.digits.source.limit"),
        ("assistive:data.digits.share", True, "data.digits.share: True"),
        ("assistive:data.digits.images", 1.5, "data.digits.images: 1.5"),
        ("assistive:data.digits.train_images", 1, "data.digits.train_images: 1"),
        ("assistive:attacks.fgsm.eps", True, "attacks.fgsm.eps"),
        ("assistive:patch.grid", 10**9, "patch.grid"),
        ("assistive:attacks.fgsm", {"attack": "pgd", "steps": 10**15}, "would take about"),
        ("classwise:data.digits.attacks.square.n_queries", 10**15, "would take about"),
        ("classwise:data.digits.inner_attack.steps", 10**9, "inner_attack.steps"),
        ("classwise:data.digits.inner_attack.rel_step", 1e308, "inner_attack.rel_step"),
    ],
)  # fmt: skip
def test_values_that_nothing_good_can_come_of(refusal, place, value, message):
    assert message in refusal((place, value))


STANDARD = {"method": "standard", "images": ["train"]}
FRIEND = {"attack": "fgsm", "goal": "friend"}


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("assistive:gallery", [99], "data.digits: gallery: 99: the classes are 0 to 9"),
        ("fgsm:pair", [3, 77], "data.digits: pair: 77: the classes are 0 to 9"),
        ("fgsm:gallery", [10], "gallery: 10"),
        ("classwise:homing.removals", 99, "data.digits: homing.removals: 99: there are 10 classes"),
        ("classwise:homing.group", 11, "homing.group: 11"),
        ("distillation:jsma.targets", 10, "data.digits: jsma.targets: 10: an image has 9 wrong classes here"),
        ("assistive:models.self", STANDARD, "'self' means something else"),
        ("assistive:models.train", STANDARD, "'train' means something else"),
        ("assistive:augmented.source", STANDARD, "'source' means something else"),
        ("assistive:sets.train.test", {"attack": "fgsm"}, "'test' means something else"),
        ("assistive:evaluate.nan", {"images": "test"}, "'nan' means something else"),
        ("assistive:models.size", STANDARD, "'size' means something else"),
        ("assistive:models.7", STANDARD, "models.7"),
        ("assistive:models.Clean", STANDARD, "models.Clean"),
        ("assistive:models.a" + "b" * 300, STANDARD, "at most 60 characters"),
        ("assistive:models.plot", STANDARD, "'plot' names two things"),
        ("fgsm:models.member", STANDARD, "'member' names two things"),
        ("assistive:evaluate.x", {"worst": ["fgsm", "assist"]}, "evaluate.x.worst: 'fgsm' with `goal: friend`"),
        ("assistive:evaluate.x", {"worst": []}, "evaluate.x.worst: list should have at least 1 item"),
        ("assistive:evaluate.x", {"worst": ["fgsm", "fgsm"]}, "evaluate.x: worst: an attack stands there twice"),
        ("assistive:evaluate.x", {"worst": ["fgsm"], "on": "source"}, "evaluate.x: on: says what `attack` is crafted on"),
        ("assistive:evaluate.x", {"images": "own", "set": "assist-train"}, "`set` takes the place of `images`"),
        ("assistive:sets.test.assist-test", None, "sets.test: the tables of this study need 'assist-test', too"),
        ("distillation:checked", ["teacher-1"], "checked: the tables of this study need 'distilled-100', too"),
        ("distillation:augmented", {"mine": STANDARD}, "'mine' has no stage in pipelines/distillation/dvc.yaml"),
        ("distillation:source", "assistive/clean", "reads models/digits/assistive/clean, on which its stage does not"),
        ("classwise:sets", {"train": {"some": {"attack": "pgd"}}}, "'some' has no stage in pipelines/classwise/dvc.yaml"),
        ("classwise:models.trades.training", {"validation": None}, "models.trades.training: this study needs `validation`"),
        ("classwise:models.mart.network", {"kind": "rbf"}, "models.mart.network: kind `rbf` has no last layer"),
        ("classwise:models.pgd-at.calibration", {"beta": 0.7}, "calibration.beta: pgd-at has no second term to weigh"),
        ("distillation:evaluate.margin", {"attack": None}, "take it for test images under attack, and here it is test images as they are"),
        ("assistive:evaluate.own-train", {}, "take it for own images as they are, and here it is test images as they are"),
        ("assistive:attacks.fgsm.attack", [None], "attacks.fgsm: there is no attack '[None]'"),
        ("classwise:evaluate.autoattack", {"attack": "pgd"}, "evaluate.autoattack: the analysis attacks with 'autoattack'"),
        ("fgsm:models.maxout.network", {"kind": "rbf"}, "its first layer is shown as filters"),
        ("advprop:data.digits.sizes", {}, "there are no network sizes"),
        ("advprop:models.attackers.sweep", None, "models.attackers.sweep: attackers has one, and no other model"),
        ("advprop:models.attackers.sweep", {"strengths": [1, 1], "steps": [1]}, "at least one of each, and each once"),
        ("advprop:models.vanilla", STANDARD | {"method": "advprop", "distributions": [{"images": "clean"}], "sweep": {"strengths": [1], "steps": [1]}}, "sweep: needs adversarial images"),
    ],
)  # fmt: skip
def test_names_and_settings_that_cannot_work(refusal, place, value, message):
    assert message in refusal((place, value))


def test_sets_and_their_sources_in_a_circle(refusal):
    line = refusal(
        ("assistive:source", "fgsm/late"),
        ("fgsm:augmented", {"late": {"method": "standard", "images": ["set"], "network": {"kind": "rbf"}}}),
        ("fgsm:sets", {"train": {"set": {"attack": "fgsm"}}}),
        ("fgsm:attacks", {"fgsm": {"attack": "fgsm"}}),
        ("fgsm:source", "assistive/mixed"),
    )
    assert "is itself trained on sets; name a model of clean images" in line


def test_stages_of_one_name(tmp_path):
    section, digits = params("assistive"), params()["data"]["digits"]
    section["data"] = {"a": {}, "a-b": {}}
    section["models"] |= {"b-c": STANDARD, "c": STANDARD}
    lay_out(tmp_path, {"a": digits, "a-b": digits}, assistive=section)
    with entered(tmp_path), pytest.raises(UserError, match="models: 'a-b-c' would be the name of two stages"):
        read_plan()


DEEP = "{a: " * 5000 + "1" + "}" * 5000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (DEEP, "is nested more than 20 deep"),
        ("a: " + "[" * 5000 + "]" * 5000, "is nested more than 20 deep"),
        ("a: &a\n  b: *a\n", "is nested more than 20 deep"),
        ("evaluate:\n" + "".join(f"  c{number}: {{attack: pgd}}\n" for number in range(100_000)), "has more than 512 KiB"),
        ("a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 10)}]\n" for i in range(9)), "has more than 20000 entries"),
        ("a: \0", "not YAML: unacceptable character"),
    ],
)  # fmt: skip
def test_yaml_that_holds_too_much_is_refused_at_once(tmp_path, text, message):
    path, start = tmp_path / "params.yaml", time.monotonic()
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        parse(path)
    assert time.monotonic() - start < 5
