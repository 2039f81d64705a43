"""The distillation study on a few digits with tiny networks, run once through its stages; and its own arithmetic."""

import json

import mpmath
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from torch import nn

from friendfoe import params, studies
from friendfoe.runtime import paths
from friendfoe.runtime.errors import UserError
from friendfoe.studies.distillation.fooling import fool
from friendfoe.studies.distillation.gradients import jacobian, log10_amplitude
from friendfoe.studies.distillation.inner_tables import bin_shares
from friendfoe.studies.distillation.protocol import attack, counts, robustness
from friendfoe.studies.distillation.settings import Fooling, Jsma
from stages import analyse, distil, evaluate, honesty, plot, prepare, train

REPORT = paths.report("digits", "distillation")
MODELS = ["teacher-1", "distilled-1", "distilled-100"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder in which the study's report has been made from two temperatures."""
    yaml = YAML()
    content = yaml.load(params.FILE)
    digits = content["data"]["digits"]
    digits["source"] = {"kind": "digits", "limit": 120}
    digits["studies"]["distillation"] = {
        "eps": 0.2,
        "images": 10,
        "replicates": 2,
        "network": {"kind": "vgg", "channels": [4], "dense": [8], "dropout": 0.1},
        "training": {"epochs": 2, "batch": 16, "optimizer": "adamw", "learning_rate": 0.01},
        "attacks": {"autoattack": {"steps": 3, "classes": 2, "queries": 5}},
    }
    content["stages"]["distilled"] = [1, 100]
    content["studies"]["distillation"] |= {
        "models": MODELS,
        "distances": {"images": 5, "steps": 10, "searches": 2, "rate": 0.1},
        "gradients": 20,
        "fooling": {"images": 1, "steps": 5, "step": 0.1, "confidence": 0.99},
    }
    path = tmp_path_factory.mktemp("distillation")
    yaml.dump(content, path / "params.yaml")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        patch.setenv("FRIENDFOE_WORKERS", "1")
        prepare.main("digits")
        for temperature in (1, 100):
            distil.main("digits", f"teacher-{temperature}", f"distilled-{temperature}")
        for model in ("teacher-1", "distilled-100"):
            honesty.main("digits", model)
        evaluate.main("distillation", "digits")
        analyse.main("distillation", "digits")
        analyse.main("distillation", "digits", "jsma")
        plot.main("distillation", "digits")
    return path


@pytest.fixture
def inside(made, monkeypatch):
    monkeypatch.chdir(made)
    monkeypatch.setenv("FRIENDFOE_WORKERS", "1")
    return made


def test_the_report_holds_tables_figures_and_four_claims(inside):
    found = {path.name for path in REPORT.rglob("*") if path.is_file()}
    tables = ("resilience", "temperatures", "queries", "attacks", "honesty", "gradients", "distances", "fooling",
              "models", "claims")  # fmt: skip
    figures = ("success", "gallery", "attacks", "gradients", "distances", "fooling", "training")
    assert found >= {f"{table}.{kind}" for table in tables for kind in ("csv", "md", "tex")}
    assert found >= {f"{figure}.{kind}" for figure in figures for kind in ("png", "svg")}
    assert len(json.loads((REPORT / "study.json").read_text())["claims"]) == 4


def test_numbers_in_the_tables_are_those_of_the_attacks(inside):
    rows = pd.read_csv(paths.analysis("digits", "distillation-jsma") / "success.csv")
    softmax = rows[(rows["model"] == "distilled-100") & (rows["kind"] == "jsma")]
    sums = softmax.groupby("replicate")[["n", "reached"]].sum()
    assert (sums["n"] == 90).all()  # 10 images towards 9 wrong classes
    table = pd.read_csv(REPORT / "tables" / "resilience.csv").set_index(["metric", "model", "condition"])
    shown = table.loc[("success", "distilled-100", "jsma"), "mean"]
    assert shown == pytest.approx((sums["reached"] / sums["n"]).mean(), abs=1e-6)
    assert table.loc[("success", "distilled-100", "jsma"), "published"] == 0.0045
    assert (rows["label"] != rows["target"]).all()


def test_students_learn_what_their_teacher_said(inside):
    soft = paths.replicate(paths.soft("digits", "teacher-100"), 1)
    assert soft.exists()
    kept, curve = soft.read_bytes(), paths.curve("digits", "distilled-100").read_bytes()
    try:
        train.main("digits", "distilled-100")
        assert paths.curve("digits", "distilled-100").read_bytes() == curve
        soft.unlink()
        with pytest.raises(UserError, match=r"teacher-100/replicate-1\.safetensors is missing"):
            train.main("digits", "distilled-100")
    finally:
        soft.write_bytes(kept)


def test_replotting_gives_the_same_bytes(inside):
    before = {path: path.read_bytes() for path in sorted(REPORT.rglob("*")) if path.is_file()}
    plot.main("distillation", "digits")
    assert {path: path.read_bytes() for path in sorted(REPORT.rglob("*")) if path.is_file()} == before


def test_a_part_that_is_not_there_names_the_nearest(inside):
    with pytest.raises(UserError, match="'distillation' has no part 'jsam'; did you mean 'jsma'"):
        analyse.main("distillation", "digits", "jsam")


def exact(logits, slopes):
    """log10 of the mean absolute derivative of a softmax, with 2000 digits."""
    with mpmath.workdps(2000):
        powers = [mpmath.e ** mpmath.mpf(z) for z in logits]
        f = [p / sum(powers) for p in powers]
        total = mpmath.mpf(0)
        for i in range(len(f)):
            for d in range(len(slopes[0])):
                total += abs(f[i] * (mpmath.mpf(slopes[i][d]) - sum(f[j] * slopes[j][d] for j in range(len(f)))))
        return float(mpmath.log10(total / (len(f) * len(slopes[0]))))


@settings(max_examples=20, deadline=None)
@given(scale=st.sampled_from([1.0, 30.0, 400.0, 1500.0]), seed=st.integers(0, 100))
def test_amplitudes_are_exact_however_small(scale, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(1, 3, generator=generator, dtype=torch.float64) * scale
    slopes = torch.randn(1, 3, 2, generator=generator, dtype=torch.float64)
    found = log10_amplitude(logits, slopes).item()
    assert found == pytest.approx(exact(logits[0].tolist(), slopes[0].tolist()), abs=1e-6)


def test_gradients_at_100_are_not_silently_zero():
    """What float32 takes for 0, and float64 too, has an amplitude here."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 4))
    with torch.no_grad():
        network[1].weight *= 4000
        network[1].bias *= 4000
    images = torch.rand(30, 1, 4, 4)
    for wide in (network, network.double()):
        pixels = images.to(next(wide.parameters()).dtype).requires_grad_()
        wide(pixels).softmax(1)[:, 0].sum().backward()
        assert (pixels.grad.flatten(1) == 0).all(1).any()
    amplitudes = log10_amplitude(*jacobian(network.float(), images))
    assert amplitudes.isfinite().all()
    assert amplitudes.min() < -324
    shares = bin_shares(pd.DataFrame({"model": "a", "log10": amplitudes.numpy()}))
    assert shares.loc["a"].sum() == pytest.approx(1)
    assert shares.loc["a", "< 1e-324"] == pytest.approx((amplitudes < -324).double().mean().item())


def test_amplitudes_agree_with_autograd_where_that_does_not_underflow():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 4), nn.Tanh(), nn.Linear(4, 3)).double()
    image = torch.rand(1, 1, 4, 4, dtype=torch.float64)
    direct = torch.autograd.functional.jacobian(lambda x: network(x).softmax(1)[0], image).abs().mean().log10()
    assert log10_amplitude(*jacobian(network, image)).item() == pytest.approx(direct.item(), abs=1e-9)


def test_failures_count_as_the_whole_budget_and_the_budget_is_kept():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    images, labels = torch.rand(6, 1, 8, 8), torch.arange(6)
    protocol = Jsma(targets=9, features=0.1428572)
    found = attack(network, images, labels, 10, protocol, kind="jsma", temperature=1.0)
    assert len(found.labels) == 54
    assert (found.targets != found.labels).all()
    assert all(len(set(found.targets[i * 9 : i * 9 + 9].tolist())) == 9 for i in range(6))
    assert (found.changed <= 9 / 64).all()
    table = counts(found, 0.1428572)
    assert table["n"].sum() == 54
    expected = found.changed[found.reached].sum() + 0.1428572 * (~found.reached).sum()
    assert table["features"].sum() == pytest.approx(float(expected))
    assert found.forward >= 54
    least = [
        min([float(found.changed[a]) if found.reached[a] else 0.1428572 for a in range(9 * i, 9 * i + 9)])
        for i in range(6)
    ]
    assert robustness(found, protocol) == pytest.approx(sum(least) / 6)
    assert any(share < 0.1428572 for share in least)


def test_noise_is_driven_to_every_class():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 3)).eval()
    with torch.no_grad():
        network[1].weight *= 20
    made = fool(network, (1, 8, 8), 3, Fooling(images=4, steps=40, step=0.05, confidence=0.99), seed=0)
    assert made.classes.tolist() == [0, 1, 2] * 4
    assert (made.after > 0.99).all()
    assert (made.before < made.after).any()


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("models.teacher-20.temperature", 0, "models.teacher-20.temperature: 0: input should be greater than 0"),
        ("models.teacher-20.temperature", -5, "models.teacher-20.temperature: -5: input should be greater than 0"),
        ("models.teacher-20.temperature", 30, "models.teacher-20: must be of the method `teacher`, of temperature 20"),
        ("models.distilled-20.teacher", "teacher-30", "models.distilled-20: must be of the method `distilled`, of the teacher 'teacher-20'"),
        ("models.distilled-20.teacher", "claen", "models.distilled-20.teacher: 'claen' is no model of the method `teacher`"),
        ("models.distilled-20.share", 0.5, "models.distilled-20.share: must be that of its teacher, 'teacher-20'"),
        ("stages.distilled", [0], "stages.distilled.0: 0"),
        ("stages.distilled", [3], "stages.distilled: there is no 'teacher-3' under `models`"),
        ("studies.distillation.jsma.features", 1.2, "studies.distillation.jsma.features: 1.2: input should be less than or equal to 1"),
        ("studies.distillation.jsma.targets", 0, "studies.distillation.jsma.targets: 0"),
        ("studies.distillation.models", ["teacher-1"], "the tables of this study need 'distilled-100', too"),
        ("studies.distillation.evaluate", {"clean": {"images": "test"}}, "the tables of this study need 'naive', too"),
        ("studies.distillation.fooling.confidence", 1.5, "studies.distillation.fooling.confidence: 1.5"),
        ("data.digits.studies.distillation.network.dropout", 1.0, "data.digits.studies.distillation.network"),
        ("conditions.pgd-20-softmax.loss", "sotfmax", "conditions.pgd-20-softmax"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_one_line(place, value, message, tmp_path, monkeypatch):
    yaml = YAML()
    content = yaml.load(params.FILE)
    *words, last = place.split(".")
    section = content
    for word in words:
        section = section[word]
    section[last] = value
    yaml.dump(content, tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as error:
        studies.check(params.read())
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_data_set_may_have_its_own_budget_of_cw(inside):
    own = params.load("data.digits.studies.distillation").data["digits"].studies["distillation"]
    of = studies.settings("distillation", params.load("studies.distillation").studies["distillation"])
    fewer = own.model_copy(update={"attacks": {"cw_l2": {"steps": 3}}})
    assert of.distances_on("digits", fewer) == of.distances.model_copy(update={"steps": 3})
    wrong = own.model_copy(update={"attacks": {"cw_l2": {"stesp": 3}}})
    with pytest.raises(UserError, match=r"data\.digits\.studies\.distillation\.attacks\.cw_l2.*stesp"):
        of.distances_on("digits", wrong)


def test_more_targets_than_wrong_classes_are_refused(inside):
    yaml = YAML()
    kept = (inside / "params.yaml").read_bytes()
    content = yaml.load(inside / "params.yaml")
    content["studies"]["distillation"]["jsma"]["targets"] = 10
    try:
        yaml.dump(content, inside / "params.yaml")
        with pytest.raises(UserError, match=r"jsma\.targets: 10: digits has 10 classes, so that an image has 9 wrong"):
            analyse.main("distillation", "digits", "jsma")
    finally:
        (inside / "params.yaml").write_bytes(kept)


def test_fooling_images_are_saved_pixels(inside):
    images = np.load(paths.analysis("digits", "distillation") / "fooling-gallery.npz")["images"]
    assert images.dtype == np.uint8
    assert len(images) == 20  # one per class of two networks
