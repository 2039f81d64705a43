import pandas as pd
import pytest

from friendfoe import studies
from friendfoe.studies import published as module
from friendfoe.studies.published import heading, published, readings, verified


@pytest.mark.parametrize("study", studies.names())
def test_every_row_is_cited_and_stands_once(study):
    rows = published(study)
    assert len(rows)
    assert rows["citation"].str.len().gt(5).all()
    assert not rows.duplicated(["table", "data", "model", "condition", "metric"]).any()


@pytest.mark.parametrize(
    "row",
    [
        "table 1,X,a,b,accuracy,0.5,a,,yes",  # no citation
        "table 1,X,a,b,accuracy,0.5,a,somewhere,perhaps",
        "table 1,X,a,b,accuracy,,a,somewhere,yes",
    ],
)
def test_a_row_that_says_too_little_is_refused(row, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "__file__", str(tmp_path / "published.py"))
    (tmp_path / "some").mkdir()
    (tmp_path / "some" / "published.csv").write_text(f"{','.join(module.COLUMNS)}\n{row}\n")
    with pytest.raises(ValueError, match=r"published\.csv"):
        published("some")


def test_heading_names_the_data_set_where_it_is_another():
    assert heading("Fashion-MNIST", "fashion_mnist") == "published"
    assert heading("Fashion-MNIST", "mnist") == "published (Fashion-MNIST)"


def rows(**columns):
    one = {"metric": ["accuracy"], "model": ["a"], "condition": ["x"], "value": [0.5], "verified": [True]}
    return pd.DataFrame(one | columns)


def test_readings_stand_beside_the_original():
    assert readings(rows(), "model", {"b": "a"})["model"].tolist() == ["a", "b"]


def test_only_verified_numbers_are_looked_up():
    assert verified(rows())("accuracy", "a", "x").values.tolist() == [0.5]
    with pytest.raises(KeyError):
        verified(rows(verified=[False]))("accuracy", "a", "x")
    with pytest.raises(KeyError):
        verified(rows())("accuracy", "a", "y")


def test_of_several_numbers_the_first_counts():
    both = pd.concat([rows(verified=[False], value=[0.1]), rows(), rows(value=[0.9])], ignore_index=True)
    assert verified(both)("accuracy", "a", "x").values.tolist() == [0.5]
