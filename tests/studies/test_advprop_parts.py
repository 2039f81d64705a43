"""The arithmetic of the AdvProp study: benchmarks, corruption errors, gains and the verdicts on them."""

import numpy as np
import pandas as pd
import pytest
import torch

from friendfoe.data.published import BENCHMARKS as READABLE
from friendfoe.data.published import readers
from friendfoe.evaluation.mce import mean_corruption_error
from friendfoe.evaluation.outcomes import Outcomes
from friendfoe.evaluation.sample import Sample
from friendfoe.studies.advprop.analyse import errors_on_benchmarks, present
from friendfoe.studies.advprop.claims import CLAIMS
from friendfoe.studies.advprop.measurements import (
    OVER,
    SLOPE,
    SMALLEST,
    by_corruption,
    corruption_errors,
    measured,
    on_benchmark,
    over_sizes,
    published_by_size,
)
from friendfoe.studies.advprop.names import BENCHMARKS, METHODS
from friendfoe.studies.claims import Verdict, judge
from friendfoe.studies.evidence import Evidence
from friendfoe.studies.published import published, verified


def test_every_network_is_asked_about_every_image_of_a_benchmark(tmp_path, monkeypatch):
    """MNIST-C in small: networks that always say 0 and 1 are right where that is the label."""
    labels = np.array([0, 0, 0, 1, 2])
    for corruption in readers.MNIST_C_FOLDERS:
        folder = tmp_path / "mnist_c" / corruption
        folder.mkdir(parents=True)
        np.save(folder / "test_images.npy", np.zeros((5, 28, 28, 1), np.uint8))
        np.save(folder / "test_labels.npy", labels)
    monkeypatch.setenv("FRIENDFOE_DATA", str(tmp_path))
    monkeypatch.setenv("FRIENDFOE_WORKERS", "1")
    assert present(["mnist-c", "cifar10-c"]) == ["mnist-c"]
    networks = {("vanilla/a", 0): constant(0), ("vanilla/a", 1): constant(1)}
    rows = errors_on_benchmarks(["mnist-c"], networks, [str(k) for k in range(10)], (1, 28, 28))
    assert len(rows) == 15 * 2
    assert set(rows[["model", "replicate", "error", "n"]].itertuples(index=False, name=None)) == {
        ("vanilla/a", 0, 0.4, 5),
        ("vanilla/a", 1, 0.8, 5),
    }
    assert errors_on_benchmarks([], networks, [], (1, 28, 28)).empty


def constant(label):
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10))
    with torch.no_grad():
        network[1].weight.zero_()
        network[1].bias.copy_(torch.arange(10) == label)
    return network


def test_the_names_of_benchmarks_are_those_that_can_be_read():
    assert tuple(BENCHMARKS) == READABLE


TRUTH = np.array([0, 1, 0, 1])


def asked(*replicates):
    """What became of four images in every replicate."""
    return Outcomes("test", np.arange(4) * 3, TRUTH, np.array(replicates, dtype=np.float32))


TWO = {  # the corrupted images are all of the clean ones
    ("accuracy", "vanilla/a", "clean"): asked([1, 1, 1, 0], [1, 1, 0, 0]),
    ("accuracy", "vanilla/a", "fog-1"): asked([1, 1, 0, 0], [1, 1, 1, 0]),
    ("accuracy", "vanilla/a", "fog-2"): asked([0, 0, 0, 0], [0, 0, 0, 0]),
    ("accuracy", "vanilla/a", "gaussian_noise-1"): asked([1, 0, 0, 0], [1, 0, 0, 0]),
    ("accuracy", "vanilla/a", "gaussian_noise-2"): asked([1, 1, 0, 0], [1, 1, 0, 0]),
    ("accuracy", "advprop/a", "clean"): asked([1, 1, 1, 1], [1, 1, 1, 0]),
    ("accuracy", "advprop/a", "fog-1"): asked([1, 1, 1, 1], [1, 1, 1, 1]),
    ("accuracy", "advprop/a", "fog-2"): asked([1, 1, 0, 0], [1, 0, 0, 0]),
    ("accuracy", "advprop/a", "gaussian_noise-1"): asked([1, 1, 0, 0], [1, 1, 1, 1]),
    ("accuracy", "advprop/a", "gaussian_noise-2"): asked([1, 1, 0, 0], [1, 1, 1, 1]),
}  # fmt: skip


def test_mce_by_hand_image_by_image():
    """Under fog vanilla training errs on 0.5 + 1 and on 0.25 + 1 of the images: CE is percent of 1.375."""
    evidence = measured(TWO, corruption_errors(TWO, ["a"]), ["a"])
    fog, noise = 100 * np.array([0 + 0.5, 0 + 0.75]) / 1.375, 100 * np.array([0.5 + 0.5, 0]) / 1.25
    assert evidence("mce", "advprop", "a").values == pytest.approx((fog + noise) / 2)
    assert evidence("mce", "vanilla", "a").mean == pytest.approx(100)
    assert evidence("accuracy", "advprop", "a").values.tolist() == [1, 0.75]
    of_image = evidence.outcomes["mce", "advprop", "a"]
    wrong = (100 / 1.375 + 200 / 1.25) / 2  # once of two under fog, twice under noise
    assert of_image.values[0].tolist() == pytest.approx([0, 0, wrong, wrong])
    assert of_image.samples.tolist() == [0, 3, 6, 9]
    each = by_corruption(corruption_errors({**TWO, **of_every_method()}, ["a"]), ["a"])
    assert each("ce", "advprop", "fog").values == pytest.approx(fog)


def of_every_method():
    return {
        ("accuracy", f"{method}/a", condition): TWO["accuracy", "vanilla/a", condition]
        for method in set(METHODS) - {"vanilla", "advprop"}
        for condition in ("clean", "fog-1", "fog-2", "gaussian_noise-1", "gaussian_noise-2")
    }


def test_it_is_the_mce_of_the_errors():
    """The mean over images is what the same errors give without images (`friendfoe.evaluation.mce`)."""
    rng = np.random.default_rng(0)
    errors, found = [], {}
    for model in ("vanilla/a", "advprop/a"):
        for condition in ("clean", *(f"{name}-{severity}" for name in ("fog", "snow") for severity in range(1, 6))):
            bits = asked(*(rng.random((3, 4)) < 0.5))
            found["accuracy", model, condition] = bits
            name, _, severity = condition.rpartition("-")
            shares = 1 - bits.values.mean(axis=1)
            errors += [(model, r, name, int(severity), e) for r, e in enumerate(shares) if name]
    frame = pd.DataFrame(errors, columns=["model", "replicate", "corruption", "severity", "error"])
    whole = mean_corruption_error(frame, "vanilla/a").set_index("model")["mce"]
    evidence = measured(found, corruption_errors(found, ["a"]), ["a"])
    for model in ("vanilla", "advprop"):
        assert evidence("mce", model, "a").values == pytest.approx(whole.loc[f"{model}/a"].to_numpy(), rel=1e-5)


def test_a_gain_is_paired_over_images():
    """Two models that are right on the same images, but for one, differ by that one alone."""
    right = asked([1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0])
    other = asked([1, 1, 1, 0], [1, 1, 1, 0], [1, 1, 1, 0])
    found = {("accuracy", f"{model}/a", "fog-1"): right for model in ("vanilla", "shared-norm", "advprop")}
    found |= {("accuracy", f"{model}/a", "clean"): right for model in ("vanilla", "shared-norm")}
    found |= {("accuracy", "advprop/a", "clean"): other}
    evidence = measured(found, corruption_errors(found, ["a"]), ["a"])
    gain = evidence("accuracy over vanilla", "advprop", "a")
    assert gain.values.tolist() == [0.25] * 3
    assert gain.influences["test"].shares[0].tolist() == pytest.approx([-1 / 16, -1 / 16, 3 / 16, -1 / 16])
    assert evidence("accuracy over vanilla", "shared-norm", "a").unchanged
    assert evidence("mce over vanilla", "advprop", "a").unchanged


def test_over_sizes_there_are_a_mean_a_slope_and_the_smallest():
    values = {"b0": [0.1, 0.2], "b1": [0.2, 0.2], "b2": [0.6, 0.5]}
    samples = {("accuracy", "advprop", size): Sample.of_replicates(each) for size, each in values.items()}
    samples |= {("accuracy", "vanilla", size): Sample.of_replicates([0.1, 0.1]) for size in ("b0", "b2")}
    evidence = over_sizes(Evidence(samples=samples), ["b0", "b1", "b2"])
    assert evidence("accuracy", "advprop", OVER).values == pytest.approx([0.3, 0.3])
    assert evidence("accuracy", "advprop", SLOPE).values == pytest.approx([0.25, 0.15])
    assert evidence("accuracy", "advprop", SMALLEST).values.tolist() == [0.1, 0.2]
    assert evidence("accuracy over vanilla", "advprop", OVER).values == pytest.approx([0.25, 0.25])  # of b0 and b2
    assert ("mce over vanilla", "advprop", OVER) not in evidence


def test_accuracy_on_a_benchmark_without_clean_images_is_the_mean_over_all():
    rows = [
        {"model": "vanilla/a", "replicate": 0, "corruption": c, "severity": s, "error": e}
        for c, s, e in (("fog", 1, 0.3), ("fog", 2, 0.5), ("snow", 1, 0.1), ("snow", 2, 0.9))
    ]
    evidence = on_benchmark(pd.DataFrame(rows), ["a"])
    assert evidence("accuracy", "vanilla", "a").values == pytest.approx([0.55])
    assert evidence("mce", "vanilla", OVER).values == pytest.approx([100])
    one = on_benchmark(pd.DataFrame(rows[:1]), ["a"])
    assert ("accuracy", "vanilla", OVER) in one
    assert ("mce", "vanilla", OVER) not in one  # a single corruption has no mean


PAPER = {  # gains of accuracy from small to large networks, and of mCE, as the paper has their directions
    "vanilla": ([0, 0, 0, 0], 0),
    "control": ([0, 0, 0, 0], 0),
    "shared-norm": ([-0.015, -0.012, -0.009, -0.006], -3.4),
    "advprop": ([0.015, 0.015, 0.015, 0.015], -6.5),
    "fine-grained": ([0.023, 0.020, 0.018, 0.016], -7),
    "madry": ([-0.04, -0.04, -0.04, -0.04], 0),
    "fine-tuned": ([-0.008, -0.004, 0.004, 0.008], 0),
}


def evidence_of(factor):
    """So much times these gains, in four replicates with a little noise."""
    samples, noise = {}, 1e-6 * np.arange(4)
    for model, (gains, mce) in PAPER.items():
        for size, gain in zip("abcd", gains, strict=True):
            samples["accuracy", model, size] = Sample.of_replicates(0.7 + factor * gain + noise)
            samples["mce", model, size] = Sample.of_replicates(60 + factor * mce + noise)
    return over_sizes(Evidence(samples=samples), list("abcd"))


def test_what_the_paper_reports_is_reproduced_and_its_opposite_contradicted():
    assert {one.verdict for one in judge(CLAIMS, evidence_of(1))} == {Verdict.REPRODUCED}
    assert {one.verdict for one in judge(CLAIMS, evidence_of(-1))} == {Verdict.CONTRADICTED}


def test_published_values_stand_beside_ours():
    rows = published_by_size(published("advprop"))
    judged = judge(CLAIMS, evidence_of(1), verified(rows))
    by_text = {finding.part.text: finding.published for one in judged for finding in one.findings}
    shared = (0.762 + 0.787 + 0.797 + 0.813 + 0.829 + 0.838 + 0.845 + 0.851 - 6.539) / 8
    assert by_text["accuracy, one batch norm minus vanilla, over sizes"] == pytest.approx(shared)
    same_attacker = (9 + 5 + 6 + 5 + 4 + 5 + 3 + 1) / 8000
    assert by_text["accuracy, AdvProp minus one batch norm, over sizes"] == pytest.approx(same_attacker)
    assert by_text["accuracy, AdvProp minus one batch norm: change from one size to the next"] < 0
    assert by_text["mCE, AdvProp minus vanilla, over sizes"] == pytest.approx(52.9 - 59.4)
    assert by_text["mCE, AdvProp minus one batch norm, over sizes"] == pytest.approx(52.9 - 56.0)
    assert by_text["accuracy, fine-grained minus AdvProp, at the smallest size"] == pytest.approx(0.003)
    assert by_text["accuracy, fine-tuned minus Madry training, over sizes"] == pytest.approx((0.033 + 0.013) / 2)
    slope = by_text["accuracy, fine-tuned minus vanilla: change from one size to the next"]
    assert slope == pytest.approx((0.003 + 0.002) / 4)  # from B3 to B7
    assert by_text["accuracy, AdvProp minus fine-tuned, over sizes"] == pytest.approx((0.004 + 0.004) / 2)
    assert np.isnan(
        by_text["accuracy, AdvProp minus its control, whose second batch norm sees clean images, over sizes"]
    )
