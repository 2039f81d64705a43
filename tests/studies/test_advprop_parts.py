"""The arithmetic of the AdvProp study: benchmarks, corruption errors, gains and the verdicts on them."""

import numpy as np
import pandas as pd
import pytest
import torch

from friendfoe.data.published import BENCHMARKS as READABLE
from friendfoe.data.published import readers
from friendfoe.studies.advprop.analyse import errors_on_benchmarks, present
from friendfoe.studies.advprop.claims import CLAIMS
from friendfoe.studies.advprop.measurements import KEYS, MeasurementsBySize, measured, published_by_size
from friendfoe.studies.advprop.names import BENCHMARKS
from friendfoe.studies.claims import Verdict, judge
from friendfoe.studies.published import published


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


def test_mce_of_the_reference_is_100_and_of_half_its_errors_50():
    rows = [
        {"model": model, "replicate": r, "corruption": c, "severity": s, "error": factor * e}
        for model, factor in {"vanilla/a": 1.0, "advprop/a": 0.5}.items()
        for r in (0, 1)
        for c, s, e in (("clean", 0, 0.2), ("fog", 1, 0.3), ("fog", 2, 0.5), ("snow", 1, 0.1), ("snow", 2, 0.9))
    ]
    values = measured(pd.DataFrame(rows), "vanilla/a")
    assert values.loc[("mce", "vanilla", "a")].tolist() == pytest.approx([100, 100])
    assert values.loc[("mce", "advprop", "a")].tolist() == pytest.approx([50, 50])
    assert values.loc[("accuracy", "advprop", "a")].tolist() == pytest.approx([0.9, 0.9])


def test_accuracy_on_a_benchmark_without_clean_images_is_the_mean_over_all():
    rows = [
        {"model": "vanilla/a", "replicate": 0, "corruption": c, "severity": s, "error": e}
        for c, s, e in (("fog", 1, 0.3), ("fog", 2, 0.5), ("snow", 1, 0.1), ("snow", 2, 0.9))
    ]
    values = measured(pd.DataFrame(rows), "vanilla/a")
    assert values.loc[("accuracy", "vanilla", "a")].tolist() == pytest.approx([0.55])
    assert values.loc[("mce", "vanilla", "a")].tolist() == pytest.approx([100])
    one = measured(pd.DataFrame(rows[:1]), "vanilla/a")
    assert one.index.get_level_values("metric").tolist() == ["accuracy"]  # a single corruption has no mean


def measurements(**accuracies):
    """The same accuracies by size in three replicates, with a little noise; mCE is 100 times the error."""
    rows = [
        {"metric": metric, "model": model.replace("_", "-"), "variant": size, "replicate": r, "value": value}
        for model, by_size in accuracies.items()
        for size, accuracy in zip("abcd", by_size, strict=True)
        for r in range(3)
        for metric, value in (("accuracy", accuracy + 1e-6 * r), ("mce", 100 * (1 - accuracy) + 1e-4 * r))
    ]
    return MeasurementsBySize(pd.DataFrame(rows).set_index(KEYS)["value"].sort_index(), list("abcd"))


def test_what_the_paper_reports_is_reproduced_and_its_opposite_contradicted():
    vanilla = [0.77, 0.80, 0.83, 0.85]
    paper = measurements(
        vanilla=vanilla,
        shared_norm=[v - d for v, d in zip(vanilla, (0.010, 0.007, 0.004, 0.001), strict=True)],
        advprop=[v + 0.005 for v in vanilla],
        fine_grained=[v + 0.005 + d for v, d in zip(vanilla, (0.003, 0.002, 0.001, 0.0005), strict=True)],
    )
    assert {judged.verdict for judged in judge(CLAIMS, paper)} == {Verdict.REPRODUCED}
    opposite = measurements(
        vanilla=vanilla,
        shared_norm=[v + d for v, d in zip(vanilla, (0.010, 0.007, 0.004, 0.001), strict=True)],
        advprop=[v - 0.005 for v in vanilla],
        fine_grained=[v - 0.005 - d for v, d in zip(vanilla, (0.003, 0.002, 0.001, 0.0005), strict=True)],
    )
    assert {judged.verdict for judged in judge(CLAIMS, opposite)} == {Verdict.CONTRADICTED}


def test_published_values_stand_beside_ours():
    judged = judge(CLAIMS, published_by_size(published("advprop")), published_by_size(published("advprop")))
    by_claim = [finding.published for claim in judged for finding in claim.findings]
    assert by_claim[0] == pytest.approx((0.762 + 0.787 + 0.797 + 0.813 + 0.829 + 0.838 + 0.845 + 0.851 - 6.539) / 8)
    assert by_claim[3] == pytest.approx(52.9 - 59.4)
    assert by_claim[4] == pytest.approx(0.003)
    assert by_claim[2] < 0
