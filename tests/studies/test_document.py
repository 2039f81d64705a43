"""The page of a study as a document: its parts, its words, and that all which is made has a place."""

import subprocess
import sys
from dataclasses import dataclass, field

import jinja2
import pandas as pd
import pytest
from matplotlib.figure import Figure

from friendfoe.report.study import StudyReport
from friendfoe.studies.document import blocks
from friendfoe.studies.evidence import Evidence
from friendfoe.studies.job import PlotJob, StudySettings
from friendfoe.studies.page import Page
from friendfoe.studies.tables import table

TEXT = """
{% set about %}
Of {{ count }} images,
drawn.
{%- endset %}
# Noise

How does
accuracy fall?

- one source
- another one,
  which is long

## Accuracy

{{ share | to(".1%") }} of [0, 1] is left.

[Pixels in [0, 1], by eps](by-eps)
- {{ about }}
- a second note
{% if extra %}
- a third one
{% endif %}

[](bare "alone")

![A line [steps] that falls.](line)
Means.
{{ about }}
"""


@pytest.fixture
def written(tmp_path, monkeypatch):
    """The name of a package with a page."""

    def write(text, package="paged"):
        folder = tmp_path.joinpath(*package.split("."))
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("")
        (folder / "page.md").write_text(text)
        monkeypatch.syspath_prepend(str(tmp_path))
        return package

    return write


def test_a_document_has_parts_and_words(written):
    title, question, sources, heading, text, first, second, figure = blocks(
        written(TEXT), {"count": 5, "share": 0.25, "extra": True}
    )
    assert (title.kind, title.text) == ("#", "Noise")
    assert question.text == "How does accuracy fall?"
    assert sources.items == ("one source", "another one, which is long")
    assert (heading.kind, heading.text) == ("##", "Accuracy")
    assert (text.kind, text.text) == ("text", "25.0% of [0, 1] is left.")
    assert (first.name, first.text, first.word) == ("by-eps", "Pixels in [0, 1], by eps", "")
    assert first.items == ("Of 5 images, drawn.", "a second note", "a third one")
    assert (second.name, second.text, second.items, second.word) == ("bare", "", (), "alone")
    assert (figure.kind, figure.name, figure.text) == ("figure", "line", "A line [steps] that falls.")
    assert figure.below == "Means. Of 5 images, drawn."


def test_a_word_that_nobody_gives_is_an_error(written):
    with pytest.raises(jinja2.UndefinedError, match="'count' is undefined"):
        list(blocks(written("# {{ count }}"), {}))


@dataclass
class Study:
    """What a page asks of the results of a study."""

    job: PlotJob = field(
        default_factory=lambda: PlotJob(data="digits", study="paged", models=["a"], checked=["a"], reported="fgsm")
    )
    settings: StudySettings = field(default_factory=StudySettings)
    data: str = "digits"
    given: dict = field(default_factory=dict)


PLACES = '# T\n\nQ?\n\n{{ gradient_checks }}\n\n[Caption](one)\n- below\n\n[](two "alone")\n\n![alt](one "headline")\ncaption\n'


def test_everything_has_its_place_on_the_page(written, tmp_path, monkeypatch):
    monkeypatch.setattr("friendfoe.studies.__path__", [str(tmp_path)])
    written(PLACES, "paged.plot")
    report = StudyReport(tmp_path / "report", "paged", "digits")
    (tmp_path / "report").mkdir()
    page = Page(Study(), report, Evidence(), pd.DataFrame())
    page.__dict__.update(facts={}, note="the budget")
    tables = {
        "one": table("row", ["a"], {"x": ["1"]}, pd.DataFrame({"x": [1]}), "its own"),
        "two": table("row", ["a"], {"x": ["1"]}, pd.DataFrame({"x": [1]}), caption="Two"),
    }
    page.write(tables, {"one": Figure()})
    text, one, two, figure = report.blocks
    assert text["text"].endswith("The reported attack is fgsm.")
    assert (one["name"], one["caption"], one["notes"]) == ("one", "Caption", ["its own", "below", "the budget"])
    assert (two["name"], two["caption"], two["notes"]) == ("two", "Two", [])
    assert (figure["caption"], figure["alt"]) == ("caption", "alt")
    assert (report.head["budget"], report.head["figure"]) == ("the budget", "one")
    with pytest.raises(ValueError, match="no place for figure two, table three"):
        page.write({**tables, "three": tables["one"]}, {"one": Figure(), "two": Figure()})


def test_a_plot_does_not_wait_for_torch():
    program = (
        "import sys, stages.plot\nfrom friendfoe import studies\n"
        "for name in studies.names(): studies.module(name, 'plot')\n"
        "from friendfoe.studies.job import DRAWN\nfrom friendfoe.studies.distillation.settings import Transfer\n"
        "settings = {'confidences': [0], 'images': 1, 'steps': 1, 'learners': 1, 'network': {'kind': 'cnn', 'width': 2}}\n"
        "assert Transfer.model_validate(settings, context=DRAWN).network.kind == 'cnn'\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
