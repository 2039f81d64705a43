import numpy as np
import pandas as pd
import pytest

from friendfoe.report.classwise import MOST, classwise, weakest
from friendfoe.report.confidence import confidence
from friendfoe.report.curves import training_curves
from friendfoe.report.figures import DPI, WIDTH, save, style
from friendfoe.report.gallery import Answer, Picture, gallery


@pytest.fixture(autouse=True)
def _style():
    with style():
        yield


def curves():
    return pd.DataFrame({"replicate": [0, 0, 1, 1], "epoch": [1, 2] * 2, "accuracy": 0.5, "test_accuracy": 0.4})


def test_the_same_numbers_give_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        save(training_curves({"A": curves(), "B": curves()}), tmp_path / name)
    for suffix in (".png", ".svg"):
        assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()
    assert b"<dc:date>" not in (tmp_path / "one.svg").read_bytes()
    assert int.from_bytes((tmp_path / "one.png").read_bytes()[16:20], "big") == round(WIDTH * DPI)


def test_the_weakest_classes_are_shown_where_there_are_too_many():
    names = [f"class {i}" for i in range(30)]
    accuracy = pd.Series(np.linspace(1, 0, 30), index=names)
    assert weakest(accuracy[:5], names[:5]) == names[:5]
    assert weakest(accuracy, names) == names[: -MOST - 1 : -1]


@pytest.mark.parametrize("low", [0.4, -np.inf])
def test_classwise_with_and_without_intervals(low, tmp_path):
    index = pd.MultiIndex.from_product([["a"], ["clean"], ["0", "1"]])
    estimates = pd.DataFrame({"mean": 0.5, "low": low, "high": 1 - low, "n": [10, 0]}, index=index)
    save(classwise(estimates, {"a": "A"}, {"clean": "clean test"}, ["0", "1"]), tmp_path / "classes")


def test_confidence(tmp_path):
    bins = {"low": [0.0, 0.5], "high": [0.5, 1.0], "right": [1, 2], "wrong": [3, 0]}
    counts = pd.DataFrame({"model": "a", "condition": "clean", "replicate": 0} | bins)
    figure = confidence(counts, {"a": "A"}, {"clean": "clean test"})
    assert figure.axes[0].texts[0].get_text() == "accuracy 0.500"
    save(figure, tmp_path / "confidence")


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 20, 10)])
def test_gallery_of_grey_and_colour(shape, tmp_path):
    image = np.zeros(shape, np.uint8)
    answer = Answer("a very long class name", 0.5, right=False)
    row = [Picture(image, answer, (1, 1, 2)), Picture(np.full(shape, -1.0))]
    figure = gallery([row, row], ["clean", "signal"], ["0", "1"])
    assert figure.axes[0].get_xlabel() == "✗ a very long … (50%)"
    save(figure, tmp_path / "gallery")
