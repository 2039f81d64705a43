import json
import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from friendfoe.report.figures import canvas, style
from friendfoe.report.page import write_data_page, write_study_page, write_top_page
from friendfoe.report.study import StudyReport
from friendfoe.report.tables import Table
from friendfoe.runtime.errors import UserError

ORIGIN = {
    "commit": "0123456789abcdef+",
    "python": "3.11.7",
    "torch": "2.14.1",
    "torchvision": "0.29.1",
    "numpy": "2.4.6",
    "matplotlib": "3.11.2",
    "processor": "AMD <EPYC>",
    "cores": 2,
    "gpu": None,
    "date": "2026-11-26T06:00:00+00:00",
}


@pytest.fixture
def reports(tmp_path):
    for data, verdict in (("digits", "reproduced"), ("mnist", "contradicted")):
        write_study(tmp_path / data / "assistive", data, verdict)
        write_data_page(data, tmp_path)
    write_top_page(tmp_path)
    return tmp_path


def write_study(directory, data, verdict):
    directory.mkdir(parents=True)
    report = StudyReport(directory, "assistive", data)
    report.title("Assistive <signals>", "What?", ["someone"], "Mean of 2 replicates.")
    report.heading("Tables")
    report.text("A paragraph.")
    columns = pd.MultiIndex.from_tuples([("A", "ours"), ("A", "published")])
    cells = pd.DataFrame([["0.5", "(0.6)"]], columns=columns, index=pd.Index(["clean"], name="images"))
    report.table(Table("one", "One", cells, cells, ("note",), frozenset({(0, 1)})))
    verdicts = pd.DataFrame([["above 0", verdict]], columns=["claimed", "verdict"], index=pd.Index(["It is"]))
    card = {"text": "It is", "place": "table 1", "verdict": verdict, "parts": [["gain", "above 0", "1", "–", verdict]]}
    report.claims(Table("claims", "Claims", verdicts, verdicts), [card])
    with style():
        report.figure("plot", canvas(1.0), "A caption.", 'Alt "text"')
    report.provenance(
        ORIGIN, {"clean": {**ORIGIN, "wall_seconds": 12.34, "cpu_seconds": 23.45}}, {"clean": {"eps": 0.25}}
    )
    report.headline(gain=0.123456)
    report.close()
    write_study_page(directory)


class Page(HTMLParser):
    """Tags and attributes, and whether tags are closed in order."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.mark.parametrize("name", ["index.html", "digits/index.html", "digits/assistive/index.html"])
def test_pages_are_whole_and_ask_for_nothing_from_outside(name, reports):
    text = (reports / name).read_text()
    page = Page(text)
    assert not page.open
    assert not re.search(r"https?:|@import|url\(|<script|<link", text)
    assert all(image["src"].startswith("data:image/webp;base64,") for image in page.all("img"))
    for link in page.all("a"):
        target, _, anchor = link["href"].partition("#")
        file = (reports / name).parent / target if target else reports / name
        assert file.is_file()
        assert not anchor or f'id="{anchor}"' in file.read_text()


def test_pages_can_be_read_without_seeing_them(reports):
    page = Page((reports / "digits" / "assistive" / "index.html").read_text())
    assert page.all("html")[0]["lang"] == "en"
    assert [image["alt"] for image in page.all("img")] == ['Alt "text"']
    assert all("scope" in heading for heading in page.all("th"))
    assert len(page.all("h1")) == 1
    assert "viewport" in [meta.get("name") for meta in page.all("meta")]


def test_text_is_escaped(reports):
    assert "Assistive &lt;signals&gt;" in (reports / "digits" / "assistive" / "index.html").read_text()


def test_unverified_numbers_are_grey(reports):
    assert '<td class="number muted">(0.6)</td>' in (reports / "digits" / "assistive" / "index.html").read_text()


def test_the_top_page_is_put_together_from_what_is_there(reports):
    text = (reports / "index.html").read_text()
    assert re.search(r"It is</th>.*reproduced.*contradicted", text, re.DOTALL)
    (reports / "mnist" / "index.html").unlink()
    write_top_page(reports)
    assert "mnist" not in (reports / "index.html").read_text()


def test_the_top_page_says_which_verdicts_are_of_an_earlier_rule(reports):
    assert "Judged by an earlier version" not in (reports / "index.html").read_text()
    path = reports / "mnist" / "assistive" / "study.json"
    study = json.loads(path.read_text())
    study.pop("judged")
    path.write_text(json.dumps(study))
    write_top_page(reports)
    assert (reports / "index.html").read_text().count("Judged by an earlier version") == 1


def test_rewriting_gives_the_same_bytes(reports):
    before = (reports / "digits" / "assistive" / "index.html").read_bytes()
    write_study_page(reports / "digits" / "assistive")
    assert (reports / "digits" / "assistive" / "index.html").read_bytes() == before


def test_a_data_set_without_studies_is_one_line(tmp_path):
    with pytest.raises(UserError, match="holds no study"):
        write_data_page("digits", tmp_path)


def test_a_damaged_study_is_one_line(reports):
    path = reports / "digits" / "assistive" / "study.json"
    path.write_text(path.read_text()[:100])
    with pytest.raises(UserError, match=r"study\.json is damaged"):
        write_data_page("digits", reports)


@pytest.mark.parametrize("left", [0, 200])
def test_a_figure_that_is_cut_short_is_one_line(reports, left):
    (figure,) = (reports / "digits").rglob("plot.png")
    figure.write_bytes(figure.read_bytes()[:left])
    with pytest.raises(UserError, match=r"plot\.png is damaged"):
        write_study_page(reports / "digits" / "assistive")


def test_a_missing_figure_is_one_line(reports):
    (reports / "digits" / "assistive" / "figures" / "plot.png").unlink()
    with pytest.raises(UserError, match=r"plot\.png is missing"):
        write_study_page(reports / "digits" / "assistive")


def test_headline_numbers_bear_the_name_of_the_data_set(reports):
    """`dvc exp show` gives a number a short name where no other file has the same."""
    metrics = [json.loads(path.read_text()) for path in sorted(reports.rglob("metrics.json"))]
    assert metrics == [{"digits": {"gain": 0.1235}}, {"mnist": {"gain": 0.1235}}]


def test_a_figure_is_one_picture_among_the_plots(reports):
    folder = reports / "digits" / "assistive"
    assert [path.name for path in (folder / "figures").iterdir()] == ["plot.png"]
    assert [path.name for path in (folder / "vector").iterdir()] == ["plot.svg"]


def test_study_json_says_what_the_page_shows(reports):
    study = json.loads((reports / "digits" / "assistive" / "study.json").read_text())
    assert [block["kind"] for block in study["blocks"]] == ["heading", "text", "table", "claims", "figure"]


def test_the_page_says_where_its_numbers_come_from(reports):
    text = (reports / "digits" / "assistive" / "index.html").read_text()
    assert "commit 0123456789 of friendfoe with changes" in text
    assert "Python 3.11.7, torch 2.14.1, torchvision 0.29.1, numpy 2.4.6, matplotlib 3.11.2" in text
    assert "AMD &lt;EPYC&gt;, 2 cores" in text
    assert "Drawn 2026-11-26" in text
    assert re.findall(r"(\d+\.\d)</td>", text)[-2:] == ["12.3", "23.4"]  # wall and CPU seconds
    assert '"eps": 0.25' in text
    study = json.loads((reports / "digits" / "assistive" / "study.json").read_text())
    assert study["provenance"]["drawn"] == ORIGIN
    assert study["provenance"]["plan"] == {"clean": {"eps": 0.25}}
