import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from friendfoe.report.classwise import MOST, classwise, weakest
from friendfoe.report.confidence import confidence
from friendfoe.report.curves import training_curves
from friendfoe.report.figures import (
    DPI,
    ON_BRIGHT,
    ON_DARK,
    WIDTH,
    bars,
    canvas,
    interval_line,
    log_axis,
    save,
    style,
)
from friendfoe.report.gallery import Answer, Picture, gallery
from friendfoe.report.matrix import maps


@pytest.fixture(autouse=True)
def _style():
    with style():
        yield


def files(folder, name):
    return folder / f"{name}.png", folder / f"{name}.svg"


def curves():
    return pd.DataFrame({"replicate": [0, 0, 1, 1], "epoch": [1, 2] * 2, "accuracy": 0.5, "test_accuracy": 0.4})


def test_the_same_numbers_give_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        save(training_curves({"A": curves(), "B": curves()}), *files(tmp_path, name))
    for suffix in (".png", ".svg"):
        assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()
    assert b"<dc:date>" not in (tmp_path / "one.svg").read_bytes()
    assert int.from_bytes((tmp_path / "one.png").read_bytes()[16:20], "big") == round(WIDTH * DPI)


def test_a_figure_is_dark_on_a_dark_page_and_light_where_that_is_not_known(tmp_path):
    figure = canvas(2)
    panel = figure.subplots()
    table = pd.DataFrame([[0.0, 1.0, np.nan]], index=["a"], columns=["x", "y", "z"])
    maps(figure, [panel], [table], "accuracy")
    _, svg = files(tmp_path, "dark")
    save(figure, svg)
    text = svg.read_text()
    rules, drawn = re.search(r"@media \(prefers-color-scheme: dark\)\{(.*)\}</style>(.*)", text, re.DOTALL).groups()
    changed = {f"{what}: {light}" for what, light in re.findall(r'style\*="(\w+): (#\w{6})"', rules)}
    assert "fill: #ffffff" in changed & set(re.findall(r"\w+: #\w{6}", drawn))  # the background
    on_cells = [label.get_color() for label in panel.texts]
    assert on_cells == [ON_DARK, ON_BRIGHT]
    assert not {f"fill: {colour}" for colour in on_cells} & changed


def test_the_weakest_classes_are_shown_where_there_are_too_many():
    names = [f"class {i}" for i in range(30)]
    accuracy = pd.Series(np.linspace(1, 0, 30), index=names)
    assert weakest(accuracy[:5], names[:5]) == names[:5]
    assert weakest(accuracy, names) == names[: -MOST - 1 : -1]


@pytest.mark.parametrize("low", [0.4, -np.inf])
def test_classwise_with_and_without_intervals(low, tmp_path):
    index = pd.MultiIndex.from_product([["a"], ["clean"], ["0", "1"]])
    estimates = pd.DataFrame({"mean": 0.5, "low": low, "high": 1 - low, "n": [10, 0]}, index=index)
    save(classwise(estimates, {"a": "A"}, {"clean": "clean test"}, ["0", "1"]), *files(tmp_path, "classes"))


@pytest.mark.parametrize(("replicates", "lines", "bands"), [(2, 3, 0), (3, 1, 1)])
def test_few_replicates_are_drawn_in_place_of_a_band(replicates, lines, bands):
    panel = canvas(2).subplots()
    estimates = pd.DataFrame({"mean": [0.5, 0.6], "low": 0.4, "high": 0.7, "replicates": replicates})
    interval_line(panel, [1, 2], estimates, "o-", "red", "A", np.full((2, replicates), 0.5))
    assert (len(panel.lines), len(panel.collections)) == (lines, bands)


def test_bars_have_intervals_where_there_are_any():
    panel = canvas(2).subplots()
    estimates = pd.DataFrame({"mean": [0.5, 0.6], "low": [0.4, -np.inf], "high": [0.7, np.inf]})
    bars(panel, [0, 1], estimates, 0.8, color="red", line={"color": "black"})
    assert [bar.get_height() for bar in panel.patches] == [0.5, 0.6]
    (drawn,) = panel.collections
    assert [segment.tolist() for segment in drawn.get_segments()] == [[[0, 0.4], [0, 0.7]]]


def test_a_logarithmic_axis_names_places_alone():
    panel = canvas(2).subplots()
    log_axis(panel, {"–": 0.6, "1": 1, "10": 10}, "T")
    assert panel.get_xscale() == "log"
    assert panel.get_xticks().tolist() == [0.6, 1, 10]
    assert [label.get_text() for label in panel.get_xticklabels()] == ["–", "1", "10"]
    assert not len(panel.xaxis.get_minorticklocs())


def test_confidence(tmp_path):
    bins = {"low": [0.0, 0.5], "high": [0.5, 1.0], "right": [1, 2], "wrong": [3, 0]}
    counts = pd.DataFrame({"model": "a", "condition": "clean", "replicate": 0} | bins)
    figure = confidence(counts, {"a": "A"}, {"clean": "clean test"})
    assert figure.axes[0].texts[0].get_text() == "accuracy 0.500"
    save(figure, *files(tmp_path, "confidence"))


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 20, 10)])
def test_gallery_of_grey_and_colour(shape, tmp_path):
    image = np.zeros(shape, np.uint8)
    answer = Answer("a very long class name", 0.5, right=False)
    row = [Picture(image, answer, (1, 1, 2)), Picture(np.full(shape, -1.0))]
    figure = gallery([row, row], ["clean", "signal"], ["0", "1"])
    assert figure.axes[0].get_xlabel() == "✗ a very lon… (50%)"
    save(figure, *files(tmp_path, "gallery"))


NAMES = ["$x$", "$", "_a", "00000", "\\alpha", "%", "<b>", "x" * 300]


def test_names_in_figures_are_taken_as_they_are(tmp_path):
    index = pd.MultiIndex.from_product([["a"], ["clean"], NAMES])
    estimates = pd.DataFrame({"mean": 0.5, "low": 0.4, "high": 0.6, "n": 10}, index=index)
    figure = classwise(estimates, {"a": "A"}, {"clean": "$clean$"}, NAMES)
    save(figure, *files(tmp_path, "classes"))
    shown = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert shown == [*NAMES[:-1], "x" * 23 + "…"]
    texts = {text.get_text(): text.get_parse_math() for text in figure.findobj(Text)}
    assert not any(texts[name] for name in (*shown, "$clean$"))


def test_logarithmic_axes_need_no_mathtext(tmp_path):
    figure = canvas(2)
    panel = figure.subplots()
    panel.plot([1, 2], [0.01, 300])
    panel.set_yscale("log")
    save(figure, *files(tmp_path, "log"))
    labels = [label.get_text() for label in panel.get_yticklabels()]
    assert "10⁻²" in labels
    assert "10²" in labels
    assert not any("$" in label for label in labels)


def test_characters_that_no_font_has_are_told(tmp_path, capsys, recwarn):
    figure = canvas(2)
    figure.subplots().set_title("猫 and 犬")
    save(figure, *files(tmp_path, "cats"))
    assert capsys.readouterr().err == "note: figure cats has boxes for 犬 猫: no font has them\n"
    assert not recwarn.list


def test_long_titles_of_panels_do_not_reach_into_the_next_one():
    titles = [f"maxout, trained on U(−eps, eps) noise, {number}" for number in range(3)]
    figure = training_curves(dict.fromkeys(titles, curves()))
    figure.draw_without_rendering()
    spans = [text.get_window_extent() for text in figure.findobj(Text) if text.get_text().startswith("maxout")]
    assert len(spans) == 3
    assert all(left.x1 < right.x0 for left, right in pairwise(spans))


@pytest.mark.parametrize("columns", [5, 7])
def test_long_names_fit_below_and_beside_the_pictures_of_a_gallery(columns):
    name = "end of no overtaking by lorries"
    picture = Picture(np.zeros((3, 8, 8), dtype=np.uint8), Answer(name, 1.0, False))
    figure = gallery([[picture] * columns] * 2, ["attack"] * columns, [name] * 2)
    FigureCanvasAgg(figure).draw()
    texts = [panel.xaxis.label.get_window_extent() for panel in figure.axes[:columns]]
    assert all(left.x1 <= right.x0 for left, right in pairwise(texts))
    assert texts[-1].x1 <= figure.bbox.x1
    assert figure.axes[0].get_ylabel() == "end of no\novertaking by\nlorries"
