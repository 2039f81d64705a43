import pandas as pd
import pytest

from friendfoe.runtime import tables

NAMES = ["00000", "1e5", "NaN", "nan", "None", "NA", "inf", "True", "2020-01-01", " a ", "-", "a|b", "<b>", "$x$",
         "\\alpha", "%", "_", "👩‍🔬", "猫", "a, b", '"', "'", "x" * 300, "#", "0x10", "1_000", "null", "1,000"]  # fmt: skip


def test_names_are_read_as_they_were_written(tmp_path):
    table = pd.DataFrame({"class": NAMES, "n": range(len(NAMES)), "share": [float("nan"), *[1 / 3] * (len(NAMES) - 1)]})
    tables.write(table, tmp_path / "t.csv", digits=6)
    back = tables.read(tmp_path / "t.csv")
    assert back["class"].tolist() == NAMES
    assert back["n"].tolist() == table["n"].tolist()
    assert back["share"].tolist()[1:] == [0.333333] * (len(NAMES) - 1)
    assert back["share"].isna()[0]
    assert pd.read_csv(tmp_path / "t.csv", dtype=str, keep_default_na=False)["class"].tolist() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_single_name(tmp_path, name):
    tables.write(pd.DataFrame({"model": ["a", name], "class": [name, None], "n": [1, 2]}), tmp_path / "t.csv", digits=6)
    back = tables.read(tmp_path / "t.csv")
    assert back["model"].tolist() == ["a", name]
    assert back["class"][0] == name
    assert back["class"].isna()[1]


def test_missing_numbers_are_no_text_and_headings_may_be_bare(tmp_path):
    numbers = pd.DataFrame(
        {"a": pd.array([1, None], "Int64"), "b": [None, None], "c": pd.Series([0.5, None], dtype=object)}
    )
    tables.write(numbers, tmp_path / "t.csv", digits=6)
    back = tables.read(tmp_path / "t.csv")
    assert back["a"].mean() == 1
    assert back["c"].mean() == 0.5
    assert back["b"].isna().all()
    (tmp_path / "t.csv").write_text("class,n,confidence\n007,1,nan\n")
    assert tables.read(tmp_path / "t.csv", ("class",))["class"].tolist() == ["007"]
    assert tables.read(tmp_path / "t.csv", ("class",))["confidence"].isna().all()
