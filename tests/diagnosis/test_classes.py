"""What a diagnosis says of classes that are many, unequal and of long names: of answers that are written down here."""

import re

import numpy as np
import pandas as pd
import pytest

from friendfoe.attacks import Threat
from friendfoe.diagnosis.classes import confusions, help_table
from friendfoe.diagnosis.ledger import EACH, PICTURED, Ledger
from friendfoe.diagnosis.result import CLEAN, Diagnosis, Kind

KINDS = {CLEAN: Kind.CLEAN, "pgd-20": Kind.FOE, "assist": Kind.FRIEND}
NAMES = [f"end of the prohibition of lorries above {tons} t" for tons in range(30)]
SIZES = [60] * 28 + [2, 0]  # of the last but one there are two images, of the last none


def diagnosis(answers, sizes=SIZES, names=NAMES):
    """Of classes of these sizes; `answers` says what some of them get instead of what is right."""
    labels = np.repeat(np.arange(len(sizes)), sizes)
    settings = {"model": "signs", "images": "0", "weights": "1", "seed": 0}
    ledger = Ledger(None, settings, [*KINDS], np.arange(len(labels)), labels, 3 * 8 * 8)
    rng = np.random.default_rng(0)
    for condition in KINDS:
        given = labels.copy()
        for label, (count, answer) in answers.get(condition, {}).items():
            given[np.flatnonzero(labels == label)[:count]] = answer
        ledger.open(condition)
        ledger.add(condition, np.arange(len(labels)), given, np.full(len(labels), 0.5))
        ledger.pictures[condition] = rng.integers(0, 256, (len(ledger.pictured()), 3, 8, 8), dtype=np.uint8)
    return Diagnosis(ledger, KINDS, names, Threat("linf", 2 / 255), (), None)


@pytest.fixture(scope="module")
def found():
    """Class 5 falls to class 3 but for 3 images, both of the class of two images fall, and class 7 has a few wrong."""
    return diagnosis(
        {CLEAN: {7: (12, 8), 5: (30, 3)}, "pgd-20": {7: (12, 8), 5: (57, 3), 28: (2, 0)}, "assist": {7: (2, 8)}}
    )


def test_two_wrong_images_do_not_make_the_weakest_class(found):
    assert found.by_class["pgd-20"].idxmin() == NAMES[28]
    assert found.weakest()["class"].tolist() == [NAMES[5], NAMES[28], NAMES[7]]
    assert f"Weakest classes (pgd-20): {NAMES[5]} 0.050 (0.017–0.137; 3 of 60), " in found.summary()
    assert f"Fewer than 10 images, from which little follows: {NAMES[28]} 2." in found.summary()


def test_the_mean_over_classes_is_said_where_classes_are_unequal(found):
    mean, _ = found.over_classes("pgd-20")
    assert mean == pytest.approx(found.by_class["pgd-20"].mean())
    assert f"| pgd-20 | 0.958 | 0.947–0.966 | {mean:.3f} (" in found.summary()
    assert "mean over classes" not in diagnosis({}, [60] * 30).summary()


def test_classes_that_are_as_weak_are_counted():
    nothing = diagnosis({"pgd-20": dict.fromkeys(range(28), (60, 29))}, [60] * 30)
    assert "25 more classes are as weak as the last of these." in nothing.summary()


def test_confusions_go_to_any_class(found):
    table = confusions(found, [CLEAN, "pgd-20"])
    first = table.iloc[0]
    assert [first["condition"], first["class"], first["answer"]] == ["pgd-20", NAMES[5], NAMES[3]]
    assert [first["taken"], first["n"]] == [57, 60]
    few = table[table["class"] == NAMES[28]].iloc[0]
    assert few["share"] == 1
    assert few["low"] < first["low"]
    assert (table["class"] != table["answer"]).all()


def test_whom_an_assistive_signal_helps(found):
    table = help_table(found, "assist")
    rows = table.data.set_index("class")
    assert rows.loc[NAMES[5], "gain"] == pytest.approx(0.5)
    assert rows.loc[NAMES[7], "gain"] == pytest.approx(10 / 60)
    assert table.data["class"].tolist()[:2] == [NAMES[5], NAMES[7]]
    assert rows.loc[NAMES[0], "low"] < 0 < rows.loc[NAMES[0], "high"]
    assert "1 of 29 classes have images that are wrong even so." in table.notes


def test_the_page(found, tmp_path):
    text = found.save(tmp_path).read_text()
    assert "What an assistive signal does" in text
    assert "What is taken for what" in text
    assert "1 of the model&#39;s 30 classes have no images here." in text
    rows = pd.read_csv(tmp_path / "tables/classes.csv", keep_default_na=False)
    assert len(rows) == 3 * 30
    shown = [line for line in (tmp_path / "tables/classes.md").read_text().splitlines() if line.startswith("| end")]
    assert [line.split("|")[1].strip() for line in shown][:2] == [NAMES[5], NAMES[28]]
    assert re.search(r"\| +2 \|", shown[1])
    assert "Where it comes from" not in text  # from Python: nobody typed a command


def test_every_class_has_pictures_where_images_are_small(found):
    pictured = found.ledger.pictured()
    assert np.bincount(found.ledger.labels[pictured], minlength=30).tolist() == [EACH] * 28 + [2, 0]
    labels = np.arange(1000)
    large = Ledger(None, {"model": "", "images": "0"}, [CLEAN], labels, labels, 3 * 1024 * 1024)
    assert len(large.pictured()) == PICTURED
