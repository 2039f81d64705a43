import csv
import html
import json
import re
import shutil
import threading
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from friendfoe.report.page import (
    sections,
    studies,
    write_data_page,
    write_pages_above,
    write_study_page,
    write_top_page,
)
from friendfoe.runtime import locks
from friendfoe.runtime.errors import UserError
from tests.report.made_up import CLASSES, HOSTILE, ORIGIN, write_reports

STUDY = "digits/assistive/index.html"
PAGES = ["index.html", "digits/index.html", STUDY, "digits/fgsm/index.html", "mnist/index.html"]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Reports that tests read."""
    root = tmp_path_factory.mktemp("reports")
    write_reports(root)
    return root


@pytest.fixture
def reports(written, tmp_path):
    """Reports that a test may damage."""
    return Path(shutil.copytree(written, tmp_path / "reports"))


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


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_whole_and_ask_for_nothing_from_a_network(name, written):
    text = (written / name).read_text()
    page = Page(text)
    assert not page.open
    assert not re.search(r"@import|url\(|<link|fetch\(|src=\"http", text)
    for image in page.all("img"):
        assert ((written / name).parent / image["src"]).is_file()
    links = [link["href"] for link in page.all("a")]
    for link in links:
        if link.startswith("https://arxiv.org/abs/"):
            continue
        target, _, anchor = link.partition("#")
        file = (written / name).parent / target if target else written / name
        assert file.is_file()
        assert not anchor or f'id="{anchor}"' in file.read_text()


@pytest.mark.parametrize("name", PAGES)
def test_pages_can_be_read_without_seeing_them(name, written):
    page = Page((written / name).read_text())
    assert page.all("html")[0]["lang"] == "en"
    assert all(image["alt"] == 'Alt "text"' for image in page.all("img"))
    assert all("scope" in heading for heading in page.all("th"))
    assert len(page.all("h1")) == 1
    assert "viewport" in [meta.get("name") for meta in page.all("meta")]
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_text_is_escaped(written):
    for name in PAGES:
        text = (written / name).read_text()
        assert HOSTILE not in text
        assert html.escape(HOSTILE).replace("&quot;", "&#34;") in text
    assert "Study of assistive &lt;signals&gt;" in (written / STUDY).read_text()


def test_unverified_numbers_are_grey(written):
    assert '<td class="number muted">(0.6)</td>' in (written / STUDY).read_text()


def test_cells_keep_their_numbers(written):
    text = (written / STUDY).read_text()
    assert 'data-numbers="0.5 0.49 0.51 360 0.495 0.505">0.500 ± 0.010</td>' in text
    assert 'data-numbers="0.25 0.23 0.27 0 0.24 0.26"' in text
    assert 'data-numbers="0.7 -inf inf 360 -inf inf">0.700</td>' in text


def test_many_classes_and_none(written):
    text = (written / STUDY).read_text()
    assert text.count('<th scope="row">class ') == CLASSES - 2
    assert text.count("this table is empty") == 1


def test_contents_name_everything(written):
    page = Page((written / STUDY).read_text())
    links = [link["href"] for link in page.all("a") if "class" not in link]
    shown = ["section-summary", "section-tables", "table-grouped", "table-by-class", "table-wide", "table-empty",
             "section-claims", "table-claims", "section-figures", "section-figures2", "figure-plot",
             "section-origin"]  # fmt: skip
    assert [link for link in links if link.startswith("#")] == [f"#{name}" for name in shown]


def test_papers_are_links_and_figures_say_what_made_them(written):
    text = (written / STUDY).read_text()
    assert 'Someone 2015, <a href="https://arxiv.org/abs/1412.6572">arXiv:1412.6572</a>' in text
    assert "<code>dvc repro pipelines/assistive/dvc.yaml:plot@digits</code> from" in text
    assert "<code>pipelines/assistive/params.yaml</code>" in text


def test_what_is_copied_is_what_the_files_hold(written):
    text = (written / STUDY).read_text()
    for kind, suffix in (("Markdown", "md"), ("LaTeX", "tex")):
        (held,) = re.findall(rf'id="table-grouped".*?<template data-as="{kind}">(.*?)</template>', text, re.DOTALL)
        assert html.unescape(held) == (written / f"digits/assistive/tables/grouped.{suffix}").read_text()


def test_sections_are_named_apart():
    heads = [{"kind": "heading", "text": text} for text in ("Training", "Train", "Train", "猫", "?", "Train 2")]
    named = [section["id"] for section in sections(heads)]
    assert named == [f"section-{name}" for name in ("training", "train", "train2", "猫", "", "train-2")]


def test_the_top_page_is_put_together_from_what_is_there(reports):
    text = (reports / "index.html").read_text()
    page = Page(text)
    verdicts = [cell["data-verdict"] for cell in page.all("td") if "data-verdict" in cell]
    assert verdicts == ["reproduced", "contradicted", "inconclusive", "inconclusive", "cannot", "direction"]
    assert text.count("not run") == 1
    assert [image["src"] for image in page.all("img")] == [
        f"digits/{study}/figures/plot.svg" for study in ("assistive", "fgsm")
    ]
    (reports / "mnist" / "index.html").unlink()
    write_top_page(reports)
    assert "mnist" not in (reports / "index.html").read_text()


def test_a_verdict_has_its_estimates_beside_it(written):
    text = (written / "index.html").read_text()
    (link,) = re.findall(r'<a class="tipped" href="mnist/assistive/index.html#claim-1".*?</a>', text)
    (described,) = re.findall(r'aria-describedby="(.*?)"', link)
    (said,) = re.findall(rf'<span id="{described}" hidden>(.*?)</span>\s*</span>', text, re.DOTALL)
    assert "gain of B: <b>0.100 ± 0.020</b>; claimed: above 0; published: 0.150." in said


def test_an_open_verdict_has_what_would_decide_it(written):
    sentence = "gain of B: about 9 replicates would decide it."
    page = (written / STUDY).read_text()
    first, second = (page.index(f'<li id="claim-{number}">') for number in (1, 2))
    assert sentence not in page[first:second]
    assert f'<p class="soft">{sentence}</p>' in page[second:]
    assert f"<span>{sentence}</span>" in (written / "index.html").read_text()


def test_the_top_page_says_what_was_run(written):
    text = (written / "index.html").read_text()
    assert "<code>friendfoe repro assistive mnist</code>" in text
    assert "Mean of 2 replicates." in text
    assert "Trained in 23 seconds of CPU time." in text
    assert "AMD &lt;EPYC&gt;, 2 cores" in text


def test_claims_for_machines(written):
    with (written / "claims.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["data"], row["study"], row["claim"], row["verdict"]) for row in rows] == [
        ("digits", "assistive", "1", "reproduced"),
        ("digits", "assistive", "2", "inconclusive"),
        ("digits", "fgsm", "1", "cannot be tested here"),
        ("digits", "fgsm", "2", "direction reproduced, smaller than published"),
        ("mnist", "assistive", "1", "contradicted"),
        ("mnist", "assistive", "2", "inconclusive"),
    ]
    assert rows[4]["page"] == "mnist/assistive/index.html#claim-1"
    assert rows[0]["text"] == f"It is number 1 {HOSTILE}"
    records = json.loads((written / "claims.json").read_text())
    assert [record["text"] for record in records] == [row["text"] for row in rows]
    assert (records[0]["claim"], records[0]["mean"], records[0]["below"]) == (1, 0.1, None)


def test_a_study_that_is_being_drawn_anew_is_left_out(reports):
    (reports / "digits" / "assistive" / "tables" / "claims.csv").unlink()
    write_top_page(reports)
    claims = pd.read_csv(reports / "claims.csv")
    assert set(claims["study"] + "@" + claims["data"]) == {"fgsm@digits", "assistive@mnist"}


def test_what_another_stage_is_drawing_is_left_out(reports, monkeypatch):
    """Stages that run side by side write the pages above while others fill and swap their folders."""
    half = reports / "digits" / "fgsm.partial"
    half.mkdir()
    (half / "study.json").write_text("{")
    write_top_page(reports)
    gone = reports / "digits" / "assistive" / "study.json"
    listed = [gone, *reports.glob("digits/*/study.json")]
    gone.unlink()
    monkeypatch.setattr(Path, "glob", lambda self, pattern: iter(listed if "study.json" in pattern else ()))
    assert [study["study"] for study in studies(reports / "digits")] == ["fgsm"]


def test_the_pages_above_are_written_one_process_at_a_time(reports, monkeypatch):
    monkeypatch.chdir(reports.parent)
    held = locks.take("pages")
    writer = threading.Thread(target=write_pages_above, args=("digits",))
    before = (reports / "index.html").stat().st_mtime_ns
    writer.start()
    writer.join(0.3)
    assert writer.is_alive()
    assert (reports / "index.html").stat().st_mtime_ns == before
    locks.release(held)
    writer.join()
    assert (reports / "index.html").stat().st_mtime_ns > before


def test_claims_of_no_study_are_an_empty_table(tmp_path):
    write_top_page(tmp_path)
    assert pd.read_csv(tmp_path / "claims.csv").empty
    assert json.loads((tmp_path / "claims.json").read_text()) == []


def test_the_top_page_says_which_verdicts_are_of_an_earlier_rule(reports):
    assert "Judged by an earlier version" not in (reports / "index.html").read_text()
    path = reports / "mnist" / "assistive" / "study.json"
    study = json.loads(path.read_text())
    for later in ("judged", "headline", "figure", "provenance"):
        study.pop(later)
    path.write_text(json.dumps(study))
    write_study_page(path.parent)
    write_data_page("mnist", reports)
    write_top_page(reports)
    assert (reports / "index.html").read_text().count("Judged by an earlier version") == 1


def test_rewriting_gives_the_same_bytes(reports):
    before = (reports / STUDY).read_bytes()
    write_study_page(reports / "digits" / "assistive")
    assert (reports / STUDY).read_bytes() == before


def test_a_page_that_is_passed_on_alone_holds_its_figures(reports):
    write_study_page(reports / "digits" / "assistive", template="diagnosis.html", alone=True)
    page = Page((reports / STUDY).read_text())
    assert all(image["src"].startswith("data:image/svg+xml;base64,") for image in page.all("img"))
    assert not [link for link in page.all("a") if link["href"].startswith("..")]


def test_a_data_set_without_studies_is_one_line(tmp_path):
    with pytest.raises(UserError, match="holds no study"):
        write_data_page("digits", tmp_path)


def test_a_damaged_study_is_one_line(reports):
    path = reports / "digits" / "assistive" / "study.json"
    path.write_text(path.read_text()[:100])
    with pytest.raises(UserError, match=r"study\.json is damaged"):
        write_data_page("digits", reports)


def rewrite(reports):
    write_study_page(reports / "digits" / "assistive")
    write_top_page(reports)


@pytest.mark.parametrize(
    ("file", "left"), [("figures/plot.svg", 0), ("figures/plot.svg", 900), ("tables/claims.csv", 0)]
)
def test_a_file_that_is_cut_short_is_one_line(file, left, reports):
    path = reports / "digits" / "assistive" / file
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(UserError, match=rf"{re.escape(file)} is damaged"):
        rewrite(reports)


@pytest.mark.parametrize("file", ["figures/plot.svg", "tables/grouped.tex"])
def test_a_missing_file_is_one_line(file, reports):
    (reports / "digits" / "assistive" / file).unlink()
    with pytest.raises(UserError, match=rf"{re.escape(file)} is missing"):
        rewrite(reports)


def test_headline_numbers_bear_the_name_of_the_data_set(written):
    """`dvc exp show` gives a number a short name where no other file has the same."""
    metrics = [json.loads(path.read_text()) for path in sorted(written.rglob("assistive/metrics.json"))]
    assert metrics == [{"digits": {"its_gain": 0.1235}}, {"mnist": {"its_gain": 0.1235}}]
    assert re.search(r"<dt>its gain</dt><dd>0\.123</dd>", (written / STUDY).read_text())


def test_a_figure_is_one_file(written):
    folder = written / "digits" / "assistive"
    assert [path.name for path in folder.rglob("plot*")] == ["plot.svg"]


def test_study_json_says_what_the_page_shows(written):
    study = json.loads((written / "digits" / "assistive" / "study.json").read_text())
    kinds = ["text", "heading", "text", *["table"] * 4, "heading", "claims", "heading", "heading", "figure"]
    assert [block["kind"] for block in study["blocks"]] == kinds


def test_the_page_says_where_its_numbers_come_from(written):
    text = (written / STUDY).read_text()
    assert "commit 0123456789 of friendfoe with changes" in text
    assert "Python 3.11.7, torch 2.14.1, torchvision 0.29.1, numpy 2.4.6, matplotlib 3.11.2" in text
    assert "AMD &lt;EPYC&gt;, 2 cores" in text
    assert "Drawn 2026-11-26" in text
    assert re.findall(r"(\d+\.\d)</td>", text)[-2:] == ["12.3", "23.4"]  # wall and CPU seconds
    assert '"eps": 0.25' in text
    study = json.loads((written / "digits" / "assistive" / "study.json").read_text())
    assert study["provenance"]["drawn"] == ORIGIN
    assert study["provenance"]["plan"] == {"clean": {"eps": 0.25}}
