"""The page says what the files say, and what they do not say it calls not reached."""

import pytest

from benchmarks.gpu.__main__ import SECTIONS
from benchmarks.gpu.page import page, table
from benchmarks.gpu.record import Record

ORIGIN = {
    "gpu": "A Card", "processor": "A Processor", "cores": 16, "torch": "2.11.0", "python": "3.12.3",
    "commit": "0123456789abcdef", "date": "2026-11-26T10:00:00+00:00",
}  # fmt: skip


def race(library, batch, rate, accuracy, network="CNN", attack="PGD-20, robust accuracy"):
    about = {"attack": attack, "network": network, "batch": batch, "library": library}
    return {**about, "images/s": rate, "seconds": batch / rate, "robust accuracy": accuracy}


def missing(library, batch):
    about = {"attack": "PGD-20, robust accuracy", "network": "CNN", "batch": batch, "library": library}
    return {**about, "state": f"left out: {library} is not installed"}


RACES = [
    race("friendfoe", 128, 900.0, 0.5), race("friendfoe", 512, 1200.0, 0.5),
    race("friendfoe, bfloat16", 512, 2000.0, 0.5),
    race("foolbox", 128, 400.0, 0.502), race("foolbox", 512, 300.0, 0.502),
    race("weak", 512, 5000.0, 0.6),  # fast, for it does not find what the others find
    missing("ART", 512),
]  # fmt: skip


@pytest.fixture
def written(tmp_path):
    def write(section, state="done", rows=(), why=""):
        budget = next(one.seconds for one in SECTIONS if one.name == section)
        Record(section, budget, state, 12.3, why, ORIGIN, list(rows)).write(tmp_path)

    return write


def test_nothing_is_a_page_too(tmp_path):
    text = page(tmp_path, SECTIONS)
    assert "Nothing has been measured" in text
    assert text.count("Not reached.") == len(SECTIONS)


def test_it_says_on_what_and_by_which_code(written, tmp_path):
    written("environment", rows=[{"what": "copy", "value": 2.987, "unit": "TB/s"}])
    text = page(tmp_path, SECTIONS)
    assert "A Card; A Processor, 16 cores; torch 2.11.0, python 3.12.3; commit 0123456789ab; 2026-11-26." in text
    assert "| copy | 2.987 | TB/s |" in text
    assert f"Done; 12 s of the {SECTIONS[0].seconds:.0f} that are set aside." in text


def test_the_ratio_is_to_the_fastest_that_is_as_strong_each_at_its_best_batch(written, tmp_path):
    written("attacks", rows=RACES)
    text = page(tmp_path, SECTIONS)
    assert "| robust accuracy by PGD-20, CNN: times as fast as foolbox | 3.00 |" in text
    assert (
        "| CNN | 512 | 1200 (50.00 %) | 300 (50.20 %) | 2000 (50.00 %) | 5000 (60.00 %) | left out: ART is not" in text
    )


def test_of_networks_alone_in_their_race_there_is_no_ratio(written, tmp_path):
    written("attacks", rows=[race("friendfoe", 128, 900.0, 0.5), missing("foolbox", 128)])
    assert "times as fast" not in page(tmp_path, SECTIONS)


def test_what_was_not_reached_is_said(written, tmp_path):
    written("cifar10", "cut off", [{"what": "an epoch", "value": 8.7, "unit": "s"}], "its time was up")
    written("tests", "running")
    written("training", "failed", why="OutOfMemoryError: 80 GiB")
    written("studies", "skipped", why="3 s were left, and it needs 60")
    text = page(tmp_path, SECTIONS)
    assert "seconds of an epoch | 8.7 |" in text
    assert "minutes of training | not reached |" in text
    assert "Cut off: its time was up; 12 s of the" in text
    assert "Cut off: the run was killed" in text
    assert "Failed: OutOfMemoryError: 80 GiB" in text
    assert "Skipped: 3 s were left, and it needs 60" in text


def test_studies_are_added_up_and_what_is_not_ok_stands_below(written, tmp_path):
    rows = [
        {"data": "digits", "stage": "prepare", "seconds": 1.0, "state": "ok"},
        {"data": "digits", "stage": "fgsm maxout", "seconds": 2.5, "state": "ok"},
        {"data": "digits", "stage": "fgsm analyse", "seconds": 0.5, "state": "ValueError: no"},
        {"data": "digits", "stage": "all", "state": "ok", "together": 3.2},
        {"data": "fashion_mnist", "stage": "fgsm maxout", "state": "left out: the time was up"},
    ]
    written("studies", rows=rows)
    text = page(tmp_path, SECTIONS)
    assert "| digits | fgsm | 2 | 3 |" in text
    assert "| digits | fgsm analyse | 0.5 | ValueError: no |" in text
    assert "studies of digits: seconds of 3 stages | 3, and 1 lines below that are not ok |" in text
    assert "studies of fashion_mnist: seconds of 0 stages | not reached |" in text


def test_a_table_has_a_column_for_each_key():
    rows = [{"a": 1, "b": 0.000123456}, {"a": "x|y", "c": 123456.7, "d": True}]
    assert table(rows) == (
        "| a | b | c | d |\n| --- | --- | --- | --- |\n| 1 | 0.0001235 |  |  |\n| x\\|y |  | 123457 | True |\n"
    )
