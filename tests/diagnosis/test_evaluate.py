"""A diagnosis in Python: verdicts, tables, files; and one that was killed goes on."""

import doctest
import json

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from friendfoe import evaluate
from friendfoe.attacks import AttackConfig, Threat, pgd
from friendfoe.diagnosis import checks as masking
from friendfoe.diagnosis import ledger, run
from friendfoe.diagnosis.page import _shown
from friendfoe.diagnosis.run import evaluate as plain
from friendfoe.runtime import batches

ATTACKS = ["fgsm", "pgd-5", "assist"]


@pytest.fixture(scope="module")
def known():
    """A small network that has learned to tell three kinds of noisy images apart, and images of these."""
    torch.manual_seed(0)
    means = torch.rand(3, 1, 6, 6)
    labels = torch.arange(360) % 3
    images = (0.5 * means[labels] + 0.5 * torch.rand(360, 1, 6, 6)).clamp(0, 1)
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))
    optimizer = torch.optim.Adam(network.parameters(), 0.02)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images[:200]), labels[:200]).backward()
        optimizer.step()
    return network.eval(), images[200:], labels[200:]


def examined(known, **options):
    options = {"threat": Threat("linf", 0.08), "attacks": ATTACKS, "checks": False, **options}
    return evaluate(*known, **options)


def test_verdicts_are_those_of_the_attack(known):
    network, images, labels = known
    result = examined(known)
    perturbed = pgd(network, images, labels, threat=Threat("linf", 0.08), steps=5, early_stop=True)
    expected = (network(perturbed).argmax(1) == labels) & (network(images).argmax(1) == labels)
    assert np.array_equal(result.right("pgd-5"), expected.numpy())
    assert 0.1 < result.right("pgd-5").mean() < result.right("clean").mean() - 0.1
    assert result.right("assist").mean() >= result.right("clean").mean()
    worst = result.verdicts["fgsm"] & result.verdicts["pgd-5"]
    assert worst.equals(result.verdicts["worst case"])


def test_tables_and_summary(known):
    result = examined(known, classes=["a", "b", "c"], corruptions=["brightness"], name="mine")
    assert [*result.conditions][:4] == ["clean", "fgsm", "pgd-5", "worst case"]
    share = result.verdicts.loc[result.verdicts["label"] == 1, "worst case"].mean()
    assert result.by_class.loc["b", "worst case"] == pytest.approx(share)
    row = result.overall.loc["pgd-5"]
    assert row["low"] < row["accuracy"] < row["high"]
    summary = result.summary()
    weakest = result.by_class["worst case"].idxmin()
    assert f"Weakest classes (worst case): {weakest} " in summary
    assert f"| pgd-5 | {row['accuracy']:.3f} | {row['low']:.3f}–{row['high']:.3f} |" in summary
    assert "mine" in summary
    assert "corruptions, the mean" in summary


def test_arrays_of_bytes_are_images_too(known):
    network, images, labels = known
    pixels = (images * 255).round().to(torch.uint8)
    options = {"threat": Threat("linf", 0.08), "attacks": ["pgd-5"], "checks": False}
    verdicts = evaluate(network, pixels.numpy(), labels.numpy(), **options).verdicts
    assert verdicts.equals(evaluate(network, pixels.float() / 255, labels, **options).verdicts)


def test_a_plain_function_is_a_model_too(known):
    network, images, labels = known
    result = examined((lambda pixels: network(pixels), images, labels))
    assert result.verdicts.equals(examined(known).verdicts)


def test_a_seed_gives_the_same_verdicts(known):
    network, images, labels = known
    one, same = examined(known), examined(known)
    assert one.verdicts.equals(same.verdicts)
    order = torch.randperm(len(labels))
    other = evaluate(
        network, images[order], labels[order], threat=Threat("linf", 0.08), attacks=ATTACKS, checks=False,
        sample_ids=order,
    )  # fmt: skip
    assert other.verdicts.sort_values("sample", ignore_index=True).equals(one.verdicts)


def test_files(known, tmp_path):
    result = examined(known, classes=["a", "b", "c"], corruptions=["brightness"], checks=True)
    page = result.save(tmp_path / "out")
    text = page.read_text()
    for heading in ("Classes", "Confusion", "Gallery", "Corruptions", "Is the robustness real?"):
        assert f"<h2>{heading} " in text
    assert "All data sets" not in text
    assert text.count("<img") == text.count('src="data:image/svg+xml') > 0  # a page that can be passed on
    table = pd.read_csv(page.with_name("results.csv"), keep_default_na=False)
    assert len(table) == len(result.table)
    assert pd.read_csv(page.with_name("verdicts.csv")).equals(result.verdicts)
    content = json.loads(page.with_name("evaluation.json").read_text())
    assert content["conditions"][0]["accuracy"] == pytest.approx(result.right("clean").mean())
    assert page.with_name("summary.md").read_text() == result.summary() + "\n"
    assert json.loads(page.with_name("metrics.json").read_text()) == {
        result.name: {name: pytest.approx(result.right(name).mean(), abs=5e-5) for name in result.conditions
                      if not name.startswith("brightness")}
    }  # fmt: skip
    assert {path.name for path in (tmp_path / "out/tables").glob("*.md")} >= {"accuracy.md", "classes.md", "checks.md"}


def test_the_gallery_shows_what_falls_first(known):
    result = examined(known)
    rows = [row for _, row in _shown(result)]
    assert len(rows) == len(set(rows)) == 6
    labels = result.ledger.labels[rows]
    assert np.bincount(labels).tolist() == [2, 2, 2]
    falls = result.right("clean") & ~result.right("worst case")
    for label in range(3):
        pictured = [row for row in result.ledger.pictured() if result.ledger.labels[row] == label]
        assert falls[[row for row in rows if labels[rows.index(row)] == label]].sum() == min(2, falls[pictured].sum())
    assert falls[rows].any()


class Killed(BaseException):
    pass


def kept(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture(scope="module")
def whole(known, tmp_path_factory):
    """The files of a run that nothing has disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("friendfoe.runtime.batches.batch_size", lambda device, shape: 50)
        patch.setattr(ledger, "_EVERY", 0.0)
        examined(known, out=folder).save(folder)
    return kept(folder)


@pytest.mark.parametrize("after", [pytest.param(1, marks=pytest.mark.slow), 4, 7])
def test_a_killed_run_goes_on_and_ends_with_the_same_files(known, whole, tmp_path, monkeypatch, after):
    monkeypatch.setattr("friendfoe.runtime.batches.batch_size", lambda device, shape: 50)
    monkeypatch.setattr(ledger, "_EVERY", 0.0)  # kept after every batch
    calls = 0

    def dies(*arguments, **options):
        nonlocal calls
        calls += 1
        if calls > after:
            raise Killed
        return robustness(*arguments, **options)

    robustness = run.robustness
    monkeypatch.setattr(run, "robustness", dies)
    with pytest.raises(Killed):
        examined(known, out=tmp_path / "killed")
    calls = -100
    examined(known, out=tmp_path / "killed").save(tmp_path / "killed")
    assert calls == -100 + 8 - after  # two attacks of four batches: nothing twice
    killed = kept(tmp_path / "killed")
    assert whole.keys() == killed.keys()
    assert [name for name in whole if whole[name] != killed[name]] == []


def test_a_folder_of_another_evaluation_is_refused(known, tmp_path):
    examined(known, out=tmp_path)
    with pytest.raises(ValueError, match=r"holds another evaluation \(eps 0.08, and now 0.1\); name another folder"):
        examined(known, out=tmp_path, threat=Threat("linf", 0.1))
    network, images, labels = known
    with pytest.raises(ValueError, match="of other images"):
        examined((network, images[1:], labels[1:]), out=tmp_path)
    (tmp_path / "outcomes.npz").write_bytes(b"half")
    with pytest.raises(ValueError, match="is damaged"):
        examined(known, out=tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attacks": ["pgf-20"]}, "there is no attack 'pgf-20'; did you mean 'pgd'"),
        ({"attacks": ["fgsm-3"]}, "fgsm has neither steps nor queries, 'fgsm-3' names 3; write fgsm"),
        ({"attacks": ["jsma"]}, "jsma has a threat of its own"),
        ({"attacks": ["square-0"]}, "square-0: n_queries: "),
        ({"attacks": "fgsm"}, r"\['fgsm'\] is a list of one"),
        ({"attacks": {"clean": AttackConfig.model_validate({"attack": "fgsm"})}}, "'clean' stands for something else"),
        ({"attacks": {"mine": "fgsm"}}, "'mine' must be an AttackConfig, got str"),
        ({"corruptions": ["fogg"]}, "corruptions: there is no 'fogg'; did you mean 'fog'"),
        ({"threat": Threat("l0", 0.1)}, "the norm l0 has one attack alone"),
        ({"classes": ["a", "b"]}, "labels: must be below 2, the number of the classes, got 2"),
        ({"sample_ids": [1, 2]}, "sample_ids: must have the shape"),
    ],
)
def test_wrong_arguments_are_one_line(known, options, message):
    with pytest.raises(ValueError, match=message) as raised:
        examined(known, **options)
    assert "\n" not in str(raised.value)


def test_of_l2(known):
    result = examined(known, threat=Threat("l2", 0.5), attacks=["pgd-5"], checks=True)
    outcomes = {check.name: check.outcome for check in result.checks}
    assert [outcomes[name] for name in ("gradients", "softmax", "unbounded", "reported eps")] == ["passed"] * 4
    assert [name for name, outcome in outcomes.items() if outcome == "not run"] == ["transfer"]
    network, images, labels = known
    perturbed = pgd(network, images, labels, threat=Threat("l2", 0.5), steps=5, early_stop=True)
    right = (network(images).argmax(1) == labels) & (network(perturbed).argmax(1) == labels)
    assert np.array_equal(result.right("pgd-5"), right.numpy())


def test_the_example_runs_as_it_stands():
    found = doctest.DocTestFinder().find(plain, "evaluate", globs={})
    assert sum(doctest.DocTestRunner().run(test).attempted for test in found) >= 6
    assert all(doctest.DocTestRunner().run(test).failed == 0 for test in found)


def test_gradient_checks_are_of_all_that_are_drawn_however_few_fit_at_once(monkeypatch):
    seen = []
    monkeypatch.setattr(masking, "gradient_masking", lambda model, pixels, *rest, **more: seen.append(pixels) or [])
    monkeypatch.setattr(batches, "batch_size", lambda device, shape: 7)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2)).eval()
    images, labels = torch.rand(150, 1, 2, 2), torch.arange(150) // 75  # sorted, as folders are
    evaluate(model, images, labels, threat=Threat("linf", 0.1), attacks=["fgsm"])
    assert [len(pixels) for pixels in seen] == [100]
