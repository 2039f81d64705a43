import json
import shutil

import numpy as np
import pandas as pd
import pytest

from friendfoe import studies
from friendfoe.data.store import load_split
from friendfoe.evaluation.outcomes import read
from friendfoe.runtime import jobs, paths
from friendfoe.runtime.errors import UserError
from friendfoe.studies.assistive.analyse import first_of_classes
from friendfoe.studies.assistive.claims import CLAIMS
from friendfoe.studies.assistive.names import CONDITIONS
from friendfoe.studies.assistive.settings import Settings
from friendfoe.studies.assistive.tables import as_the_library_attacks, published_numbers
from friendfoe.studies.inputs import Inputs
from friendfoe.studies.job import AnalysisJob
from friendfoe.studies.published import verified
from stages import analyse, plot
from tests.studies.workspaces import contents

REPORT = paths.report("digits", "assistive")
ANALYSIS = paths.analysis("digits", "assistive", "analyse")


def test_the_report_holds_tables_figures_and_claims(inside):
    files = {path.name for path in REPORT.rglob("*") if path.is_file()}
    tables = ("table-1", "table-2", "likely-1", "likely-2", "tried", "explanation", "classes", "models", "rounding",
              "stickers", "claims")  # fmt: skip
    figures = ("gallery", "classes", "confidence", "training", "likely-training", "sticker-area", "sticker-examples",
               "sticker-classes", "sticker-place")  # fmt: skip
    assert files >= {f"{table}.{kind}" for table in tables for kind in ("csv", "md", "tex")}
    assert files >= {f"{figure}.svg" for figure in figures}
    assert len(json.loads((REPORT / "study.json").read_text())["claims"]) == len(CLAIMS) == 22


def test_table_1_has_all_readings_of_everything(inside):
    table = pd.read_csv(REPORT / "tables" / "table-1.csv").set_index(["model", "condition"])
    assert set(table.index.get_level_values("model")) == {"clean", "assist", "mixed", "mixed-matched"}
    for name, published in ({"assist": 0.9943, "attack": 0.1412}).items():
        readings = [condition for condition in CONDITIONS if condition.startswith(f"{name}-") or condition == name]
        readings.remove("assist-train") if name == "assist" else None
        assert len(readings) == {"assist": 4, "attack": 8}[name]
        for model in ("mixed", "mixed-matched"):
            assert (table.loc[[(model, condition) for condition in readings], "published"] == published).all()
    assert table.loc[("assist", "clean"), "published"] == 0.4291
    assert table["mean"].between(0, 1).all()
    assert (table["replicates"] == 2).all()


def test_numbers_in_the_tables_come_from_the_evaluations(inside):
    rows = pd.read_csv(paths.evaluation("digits", "assistive", "assist"))
    clean = rows[rows["condition"] == "clean"].groupby("replicate")[["correct", "n"]].sum()
    table = pd.read_csv(REPORT / "tables" / "table-1.csv").set_index(["model", "condition"])
    assert table.loc[("assist", "clean"), "mean"] == pytest.approx((clean["correct"] / clean["n"]).mean(), abs=1e-6)


LABEL_KNOWN = "An assistive signal is computed from the true label, which must be known beforehand: accuracy on "


def test_wherever_assistive_accuracy_is_shown_the_label_is_spoken_of(inside):
    for name in ("table-1", "table-2", "likely-1", "likely-2", "tried", "classes", "rounding"):
        assert LABEL_KNOWN in (REPORT / "tables" / f"{name}.md").read_text()
    assert "label must be known" in (REPORT / "tables" / "stickers.md").read_text()
    captions = {block["name"]: block["caption"] for block in study()["blocks"] if block["kind"] == "figure"}
    for name in ("gallery", "classes", "confidence"):
        assert LABEL_KNOWN in captions[name]


def test_budgets_stand_below_the_tables(inside):
    for name in ("table-1", "table-2", "classes"):
        text = (REPORT / "tables" / f"{name}.md").read_text()
        assert "2 replicates" in text
        assert "2 epochs" in text
        assert "MLP [8]" in text


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1, [0.9447 - 0.8765]),
        (2, [0.8765 - 0.4291]),
        (3, [0.8765 - 0.8626] * 2),
        (4, [0.8182 - 0.4441]),
        (5, [0.9935, 0.9930]),
        (6, [0.8765 - 0.1588]),
        (7, [0.3030 - 0.1588, None, None]),
        (8, [None, None]),
        (10, [(0.9762 - 0.4441) - (0.8345 - 0.8182)]),
    ],
)
def test_what_the_claims_measure_is_in_the_article_what_its_tables_say(inside, number, expected):
    """On the study's network and in the likely set-up; None: the article has no number."""
    settings = Settings.model_validate(jobs.read(AnalysisJob, "digits", "assistive", "analyse").settings)
    published = verified(as_the_library_attacks(published_numbers(settings)))
    for claim in (CLAIMS[number - 1], CLAIMS[number + 9]):
        assert len(claim.parts) == len(expected)
        for part, value in zip(claim.parts, expected, strict=True):
            if value is None:
                with pytest.raises(KeyError):
                    part.expression(published)
            else:
                assert part.expression(published).mean == pytest.approx(value)
    assert CLAIMS[number + 9].text == f"In the likely set-up: {CLAIMS[number - 1].text}"


def test_replotting_gives_the_same_bytes(inside):
    before = contents(REPORT)
    plot.main("digits", "assistive")
    assert contents(REPORT) == before


@pytest.mark.slow
def test_a_page_without_gradient_checks_says_so(assistive, tmp_path, monkeypatch):
    monkeypatch.chdir(shutil.copytree(assistive, tmp_path / "unchecked"))
    job = paths.plan("digits", "assistive", "plot")
    job.write_text(json.dumps({**json.loads(job.read_text()), "checked": []}))
    plot.main("digits", "assistive")
    assert "No gradients were checked" in (REPORT / "index.html").read_text()
    assert not [*REPORT.rglob("gradient-checks*")]


def test_analysing_again_gives_the_same_numbers(inside):
    before = contents(ANALYSIS)
    analyse.main("digits", "assistive")
    assert contents(ANALYSIS) == before


def test_an_attack_on_its_own_answer_spares_what_is_wrong_and_the_true_label_does_not(inside):
    """Where a model is wrong, its own answer as label sends the image away from the wrong answer, perhaps to the right."""
    found = read(paths.outcomes("digits", "assistive", "assist"))
    clean, own, true = (
        found["accuracy-crafted", "assist", name].values for name in ("clean", "attack-own-self", "attack-self")
    )
    assert (own[clean == 1] == true[clean == 1]).all()  # its answer is the label
    assert (clean == 0).any()
    assert (true[clean == 0] == 0).all()
    assert own[clean == 0].sum() > 0


def test_unclipped_images_are_counted_as_crafted(inside):
    found = read(paths.outcomes("digits", "assistive", "clean"))
    saved, crafted = (found[metric, "clean", "attack-unclipped"] for metric in ("accuracy", "accuracy-crafted"))
    assert (saved.values == crafted.values).all()
    clipped = found["accuracy-crafted", "clean", "attack"].values
    assert (crafted.values != clipped).any()


def test_every_share_of_the_likely_set_up_has_the_outcome_of_each_image(inside):
    found, table = read(ANALYSIS / "outcomes.npz"), pd.read_csv(REPORT / "tables" / "likely-1.csv")
    images = len(load_split(paths.prepared("digits"), "test"))
    for row in table.query("condition != 'assist-train'").itertuples():
        one = found["accuracy", row.model, row.condition]
        assert one.values.shape == (2, images)
        assert one.values.mean() == pytest.approx(row.mean, abs=1e-6)


def test_confidences_count_every_image(inside):
    counts = pd.read_csv(ANALYSIS / "confidence.csv")
    images = len(load_split(paths.prepared("digits"), "test"))
    assert (counts.groupby(["model", "condition", "replicate"])[["right", "wrong"]].sum().sum(axis=1) == images).all()


def test_gallery_shows_clean_assisted_and_attacked_images_within_eps(inside):
    images = np.load(ANALYSIS / "gallery.npz")["images"].astype(int)
    answers = pd.read_csv(ANALYSIS / "gallery.csv")
    clean, assisted, attacked = (images[answers["condition"] == c] for c in ("clean", "assist", "attack"))
    eps = json.loads((ANALYSIS / "facts.json").read_text())["eps"] * 255
    assert 0 < np.abs(assisted - clean).max() <= eps
    assert 0 < np.abs(attacked - clean).max() <= eps
    assert answers["label"].astype(str).unique().tolist() == ["0", "1", "2", "3", "4"]


def test_a_class_that_the_data_set_lacks_is_one_line(inside):
    job = jobs.read(AnalysisJob, "digits", "assistive", "analyse")
    inputs = Inputs(job, Settings.model_validate(job.settings))
    with pytest.raises(
        UserError, match=r"pipelines/assistive/params\.yaml: gallery: 12: digits has the classes 0 to 9"
    ):
        first_of_classes(inputs, [12])


def test_a_missing_input_is_one_line_and_keeps_the_last_report(inside):
    path = ANALYSIS / "facts.json"
    before, kept = contents(REPORT), path.read_bytes()
    path.unlink()
    try:
        with pytest.raises(UserError, match=r"facts\.json is missing"):
            plot.main("digits", "assistive")
    finally:
        path.write_bytes(kept)
    assert contents(REPORT) == before


def test_an_unknown_study_is_one_line(inside):
    with pytest.raises(UserError, match="there is no 'asistive'; did you mean 'assistive'"):
        analyse.main("digits", "asistive")


def test_a_module_that_no_study_has_is_one_line():
    with pytest.raises(UserError, match="no study 'asistive'; did you mean 'assistive'"):
        studies.module("asistive", "analyse")
    with pytest.raises(UserError, match="'assistive' has no part 'analyze'; did you mean 'analyse'"):
        studies.module("assistive", "analyze")


def study():
    return json.loads((REPORT / "study.json").read_text())
