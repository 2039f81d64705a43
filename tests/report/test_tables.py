import copy
import html
import json
import pickle
import re
from dataclasses import replace

import pandas as pd
import pytest

from friendfoe.report.tables import Estimated, Table, as_json, estimate, latex, markdown, write


@pytest.fixture
def table():
    columns = pd.MultiIndex.from_tuples([("A", "ours"), ("A", "published"), ("B", "ours")])
    rows = [["0.938 ± 0.004", "0.9400", "a|b"], ["–", "(0.1000)", "50 % & more_"]]
    cells = pd.DataFrame(rows, columns=columns, index=pd.Index(["clean", "A′_x"], name="images"))
    numbers = pd.DataFrame({"mean": [0.9381234567, None]})
    return Table("t", "100 % of it", cells, numbers, ("a_note",), frozenset({(1, 1)}))


def test_estimates():
    assert estimate(0.9384, 0.9344, 0.9424) == "0.938 ± 0.004"
    assert estimate(-0.00001, -0.00001, -0.00001) == "0.000 ± 0.000"
    assert estimate(0.5, float("-inf"), float("inf")) == "0.500"
    assert estimate(float("nan"), 0, 1) == "–"
    assert estimate(1, 0.985, 1) == "1.000 (0.985–1.000)"
    assert estimate(0.938, 0.92, 0.952) == "0.938 ± 0.016"


def test_csv_holds_numbers(table, tmp_path):
    write(table, tmp_path)
    assert (tmp_path / "t.csv").read_text().split() == ["mean", "0.938123", '""']
    assert {path.suffix for path in tmp_path.iterdir()} == {".csv", ".md", ".tex"}


def test_markdown(table):
    text = markdown(table)
    lines = text.splitlines()
    assert lines[0] == "**100 % of it**"
    assert [cell.strip() for cell in lines[2].strip("|").split("|")] == ["images", "A, ours", "A, published", "B, ours"]
    assert r"a\|b" in text
    assert text.endswith("- a_note\n")


def test_latex_is_escaped_ascii(table):
    text = latex(table)
    assert text.isascii()
    assert r"0.938 $\pm$ 0.004" in text
    assert r"50 \% \& more\_" in text
    assert r"\caption{100 \% of it}" in text
    assert r"\multicolumn{2}{c}{A}" in text
    assert r"a\_note" in text
    assert text.index("a\\_note") < text.index("\\end{table}")


def test_notes_and_captions_are_escaped_as_cells_are(table):
    odd = r"2^8 ~ \x"
    cells = pd.DataFrame({"a": [odd]}, index=[odd])
    text = latex(replace(table, caption=odd, cells=cells, notes=(odd,)))
    assert text.count(r"2\textasciicircum 8 \textasciitilde") == 4
    assert text.count(r"\textbackslash x") == 4
    assert "^" not in text
    assert "~" not in text


def test_json_for_the_page(table):
    drawn = as_json(table)
    assert drawn["corner"] == "images"
    assert drawn["head"][0] == [{"text": "A", "span": 2}, {"text": "B", "span": 1}]
    assert [cell["numeric"] for cell in drawn["head"][1]] == [True, True, False]
    assert drawn["rows"][1]["cells"][1] == {"text": "(0.1000)", "classes": "number muted"}


def test_estimates_keep_their_numbers():
    one = Estimated("0.5 ± 0.1", (0.5, 0.4, 0.6), 360, [0.45, 0.55])
    copied = copy.deepcopy(pickle.loads(pickle.dumps(one)))
    for each in (one, copied, one.with_text("0.5 ± 0.1 †")):
        assert (each.interval, each.images, each.each) == ((0.5, 0.4, 0.6), 360, [0.45, 0.55])
    missing = Estimated("–", (float("nan"), 0, 1), 0, [])
    cells = pd.DataFrame({"a": [one, missing, "0.6"]}, index=["x", "y", "z"], dtype=object)
    drawn = as_json(Table("t", "T", cells, cells))
    numbers = {"text": "0.5 ± 0.1", "classes": "number", "numbers": "0.5 0.4 0.6 360 0.45 0.55"}
    assert drawn["rows"][0]["cells"] == [numbers]
    assert all("numbers" not in row["cells"][0] for row in drawn["rows"][1:])


NAMES = ["00000", "1e5", "NaN", "None", "True", "2020-01-01", "-", "a|b", "<b>", "$x$", "\\alpha", "50 %", "_x_", "`a`",
         "*b*", "[a](b)", "[x]", "&amp;", "~~c~~", "^", "#1", "{", "猫", "👩‍🔬", "a--b", '"q"']  # fmt: skip


@pytest.fixture
def of_names():
    cells = pd.DataFrame(dict.fromkeys(NAMES[:3], NAMES), index=pd.Index(NAMES, name="<i>"))
    return Table("names", "Names", cells, pd.DataFrame({"class": NAMES}))


def test_names_in_csv_and_json(of_names, tmp_path):
    write(of_names, tmp_path)
    assert pd.read_csv(tmp_path / "names.csv", dtype=str, keep_default_na=False)["class"].tolist() == NAMES
    drawn = json.loads(json.dumps(as_json(of_names)))
    assert [row["head"] for row in drawn["rows"]] == [row["cells"][2]["text"] for row in drawn["rows"]] == NAMES
    assert drawn["corner"] == "<i>"


def test_markdown_shows_names_as_they_are(of_names):
    parser = pytest.importorskip("markdown_it").MarkdownIt("gfm-like", {"linkify": False})
    page = parser.render(markdown(of_names))
    texts = [html.unescape(text) for text in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", page)]
    assert texts[:4] == ["<i>", *NAMES[:3]]
    assert texts[4:] == [text for name in NAMES for text in [name] * 4]
    assert r"\$x\$" in markdown(of_names)  # GitHub's formulas


def test_latex_has_nothing_of_its_own_in_names(of_names):
    text = latex(of_names)
    for row in (
        "50 \\%",
        "\\_x\\_",
        "\\$x\\$",
        "\\textbackslash alpha",
        "$<$b$>$",
        "a$|$b",
        "{}[x]",
        "{}*b*",
        "a-{}-b",
        "''q''",
    ):
        assert f"\n{row} & " in text
