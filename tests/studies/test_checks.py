"""Gradient checks on a page: what was passed, and a mark beside numbers that rest on a failed one."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from friendfoe.evaluation.check_results import COLUMNS, METRIC
from friendfoe.evaluation.outcomes import Outcomes
from friendfoe.evaluation.sample import Sample
from friendfoe.report.tables import latex, markdown
from friendfoe.studies.checks import MARK, GradientChecks
from friendfoe.studies.claims import above, claim
from friendfoe.studies.evidence import Evidence
from friendfoe.studies.expressions import value
from friendfoe.studies.job import PlotJob
from friendfoe.studies.page import Page
from friendfoe.studies.tables import table as tabled
from friendfoe.studies.verdicts import verdict_cards, verdict_table

NAMES = {"masked": "the masked one", "honest": "the honest one", "sized": "the sized one"}


def rows(model, *outcomes, check="strongest", values=(0.04, 0.4)):
    """A row per number and replicate of a check."""
    measured = ("accuracy, the worst case", "accuracy, the reported attack")
    return [
        (
            model,
            replicate,
            check,
            outcome,
            f"Is {check} fine?",
            "no model was given" * (outcome == "not run"),
            50,
            0.02,
            *one,
        )
        for replicate, outcome in enumerate(outcomes)
        for one in zip(measured, values, strict=True)
    ]


@pytest.fixture
def checks():
    table = [
        *rows("masked", "failed", "failed", "passed"),
        *rows("masked", "passed", "passed", "open", check="noise"),
        *rows("honest", "passed", "passed", "passed"),
        *rows("honest", "not run", "not run", "not run", check="noise"),
        *rows("sized/small", "failed", "passed", "passed", values=(0.2, 0.3)),
        *rows("sized/small", "passed", "passed", "passed", check="noise"),
    ]
    images, standing = np.arange(4), np.array([[1, 1, 0, 0], [1, 0, 0, 0]], dtype=np.float32)
    bits = {
        (METRIC, model, attack): Outcomes("test", images, images, standing * factor)
        for model in ("masked", "honest", "sized/small")
        for attack, factor in (("clean", 1), ("the reported attack", 1), ("the worst case", 0))
    }
    return GradientChecks(pd.DataFrame(table, columns=list(COLUMNS)), bits)


def test_failures_say_what_was_measured_and_how_often(checks):
    assert checks.failures("masked") == {"strongest": "2 of 3"}
    assert checks.failures("honest") == {}
    assert checks.failures("sized") == checks.failures("sized/small") != {}
    assert checks.failures("nobody") == {}
    assert checks.note("masked", "M") == (
        f"{MARK} M is not as robust as this says. Gradient checks that it fails: strongest (each in 2 of 3 replicates); "
        "mean over these, accuracy, the worst case 0.04, the reported attack 0.4."
    )
    assert checks.note("honest") == ""


def test_the_table_counts_what_was_passed_of_what_could_be_run(checks):
    table = checks.table(NAMES)
    assert list(table.cells.columns) == ["the masked one", "the honest one", "the sized one, small"]
    assert list(table.cells.index) == ["strongest: Is strongest fine?", "noise: Is noise fine?"]
    assert table.cells.to_numpy().tolist() == [
        ["1 of 3 (2 failed)", "3 of 3", "2 of 3 (1 failed)"],
        ["2 of 3 (1 open)", "not run", "3 of 3"],
    ]
    assert "the honest one, noise: no model was given." in table.notes
    assert len(table.data) == len(checks.rows)


def test_accuracies_come_from_the_outcomes_of_single_images(checks):
    table = checks.accuracies(NAMES)
    assert list(table.cells.columns) == ["clean images", "reported attack", "worst case"]
    assert table.data.iloc[0][["model", "attack", "mean", "replicates", "images"]].tolist() == [
        "masked",
        "clean",
        0.375,
        2,
        4,
    ]
    assert table.cells.iat[0, 0].startswith("0.375")


@pytest.fixture
def table():
    cells = {
        ("clean", "ours"): ["0.99", "0.98"],
        ("clean", "paper"): ["0.98", "(0.9)"],
        ("FGSM", "ours"): ["0.40 ± 0.02", "0.10"],
        ("FGSM", "paper"): ["0.82", "–"],
        ("PGD", "ours"): ["–", "0.05"],
    }
    data = pd.DataFrame({"model": ["masked", "honest"], "mean": [0.4, 0.1]})
    return tabled("model", ["the masked one", "the honest one"], cells, data, "A note.")


def test_only_our_numbers_under_attack_of_a_model_that_failed_are_marked(checks, table):
    models = {"the masked one": "masked", "the honest one": "honest"}
    marked = checks.marked(table, models, ["FGSM", "PGD"])
    assert marked.cells.iloc[0].tolist() == ["0.99", "0.98", f"0.40 ± 0.02 {MARK}", "0.82", "–"]
    assert marked.cells.iloc[1].tolist() == table.cells.iloc[1].tolist()
    first, second = marked.notes
    assert first.startswith(f"{MARK} the masked one is not as robust")
    assert "strongest (each in 2 of 3 replicates)" in first
    assert second == "A note."
    assert marked.data["failed_checks"].tolist() == ["strongest", ""]
    assert table.cells.iat[0, 2] == "0.40 ± 0.02"  # the one that was given is as it was
    assert r"$\dagger$" in latex(marked)
    assert MARK in markdown(marked)


def test_without_failures_a_table_stays_as_it_is(checks, table):
    assert checks.marked(table, {"the honest one": "honest"}) is table


def test_a_table_may_be_of_one_model_and_models_may_be_columns(checks, table):
    whole = checks.marked(table, {"": "masked"}, ["PGD"])
    assert whole.cells.iat[1, 4] == f"0.05 {MARK}"
    turned = tabled("attack", ["FGSM"], {"A": ["0.4"], "B": ["0.1"]}, pd.DataFrame({"x": [1]}))
    marked = checks.marked(turned, {"A": "masked", "B": "honest"})
    assert marked.cells.to_numpy().tolist() == [[f"0.4 {MARK}", "0.1"]]
    assert "failed_checks" not in marked.data


JOB = PlotJob(data="digits", study="some", models=[], checked=["masked", "sized"], reported="fgsm")


@dataclass
class Study:
    """What a page asks of the results of a study."""

    checks: GradientChecks
    data: str = "digits"
    job: PlotJob = JOB


def page(checks, evidence, published):
    """A page whose facts need no files."""
    made = Page(Study(checks), None, evidence, published)
    made.__dict__["facts"] = {"as_published": False}
    return made


def test_verdicts_that_rest_on_a_failed_check_are_marked(checks):
    bits = Outcomes("test", np.arange(4), np.array([0, 0, 1, 1]), np.ones((3, 4), dtype=np.float32))
    evidence = Evidence(
        {("accuracy", "masked", "fgsm"): bits, ("accuracy", "honest", "fgsm"): bits},
        {("accuracy", "masked", "clean"): Sample.of_replicates([0.9, 0.91, 0.92])},
        ["a", "b"],
    )
    claims = [
        claim("One", "p. 1", above("on clean images", value("accuracy", "masked", "clean"), 0.5)),
        claim(
            "Two",
            "p. 2",
            above("of the honest one", value("accuracy", "honest", "fgsm"), 0.5),
            above("of both", value("accuracy", "masked", "fgsm") - value("accuracy", "honest", "fgsm"), -0.5),
        ),
    ]
    published = pd.DataFrame(columns=["data", "metric", "model", "condition", "value", "verified"])
    published.loc[0] = ["MNIST", "accuracy", "honest", "fgsm", 0.5, True]
    judgements = page(checks, evidence, published).judge(claims, under=["fgsm"])
    table = verdict_table(judgements)
    assert [text.endswith(MARK) for text in table.cells["ours"]] == [False, False, True, False]
    cards = verdict_cards(judgements)
    assert [[part[2].endswith(MARK) for part in card["parts"]] for card in cards] == [[False], [False, True]]
    assert sum(note.startswith(f"{MARK} masked is not as robust") for note in table.notes) == 1


def test_the_accuracies_of_the_checks_have_marks_themselves(checks):
    tables = page(checks, Evidence(), pd.DataFrame()).gradient_checks(NAMES)
    assert [*tables] == ["gradient-checks-accuracy", "gradient-checks"]
    cells = tables["gradient-checks-accuracy"].cells
    assert [MARK in text for text in cells.loc["the masked one"]] == [False, True, False]  # clean, as reported, worst
    assert [MARK in text for text in cells.loc["the honest one"]] == [False, False, False]
    assert [MARK in text for text in cells.loc["the sized one, small"]] == [False, True, False]
