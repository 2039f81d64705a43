"""Pages as people use them: by keyboard, on a phone, in the dark, on paper."""

import shutil
import subprocess
from io import BytesIO
from pathlib import Path

import pytest
from jinja2 import UndefinedError
from PIL import Image

from friendfoe.report.page import write_study_page
from tests.browser.every_page import PAGES

ROOT = Path(__file__).parents[2]
TOP, STUDY = PAGES["top"], PAGES["study"]
A4 = 703  # CSS pixels between the margins


OFTEN = ("top", "study", "compare")  # the others, which are laid out like these, are looked at with the slow tests


@pytest.fixture(params=[pytest.param(name, marks=() if name in OFTEN else pytest.mark.slow) for name in PAGES])
def page_file(request, reports):
    return reports / PAGES[request.param]


def wider_than_the_screen(page):
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def column(page, table, number):
    return page.locator(f"{table} tbody tr > :nth-child({number})").all_inner_texts()


def test_a_page_asks_for_its_figures_alone(visit, reports):
    page = visit(reports / STUDY)
    page.wait_for_load_state("networkidle")
    figure = reports / "digits/assistive/figures/plot.svg"
    assert visit.requests == [(reports / STUDY).as_uri(), figure.as_uri()]
    assert page.evaluate("document.images[0].naturalWidth") > 0


MODES = pytest.mark.parametrize(
    ("size", "scheme"),
    [
        ("phone", "light"),
        pytest.param("desktop", "dark", marks=pytest.mark.slow),
        pytest.param("desktop", "light", marks=pytest.mark.slow),
    ],
    ids=["phone", "dark", "light"],
)


def violations(page):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    page.evaluate("for (const closed of document.querySelectorAll('details')) closed.open = true")
    found = axe.Axe().run(page)
    return found.generate_report() if found.response["violations"] else ""


@MODES
def test_every_page_is_accessible_and_fits(visit, page_file, size, scheme):
    page = visit(page_file, size=size, color_scheme=scheme)
    page.wait_for_function("![...document.querySelectorAll('.live')].some((part) => part.hidden)")  # the explorer's
    assert wider_than_the_screen(page) <= 0
    assert not violations(page)


def test_tables_are_sorted_by_keyboard(visit, reports):
    page = visit(reports / STUDY)
    table = "#table-grouped"
    heading = page.locator(f"{table} thead tr:last-child th").first
    before = column(page, table, 2)
    heading.get_by_role("button").focus()
    for order, expected in {
        "ascending": ["0.250 ± 0.020", "0.500 ± 0.010", "1.500 ± 0.020"],
        "descending": ["1.500 ± 0.020", "0.500 ± 0.010", "0.250 ± 0.020"],
        None: before,
    }.items():
        page.keyboard.press("Enter")
        assert column(page, table, 2) == expected
        assert heading.get_attribute("aria-sort") == order
    for _ in range(2):  # what is no number stands last, whatever the order
        page.locator(f"{table} thead tr:last-child th").nth(2).get_by_role("button").press("Enter")
        assert column(page, table, 4)[-1] == "–"


def test_rows_are_sorted_by_their_names(visit, reports):
    page = visit(reports / STUDY)
    page.locator("#table-by-class thead th").first.get_by_role("button").press("Enter")
    names = column(page, "#table-by-class", 1)
    assert names[1:4] == ["class 2", "class 3", "class 4"]
    assert names[-1] == "w" * 60


def test_the_head_and_the_first_column_stay(visit, reports):
    page = visit(reports / STUDY, "#table-by-class", size="phone")
    scroll = page.locator("#table-by-class .scroll")
    head, first = scroll.locator("thead"), scroll.locator("tbody tr:nth-child(90) th")
    page.wait_for_timeout(50)  # after this, the browser has scrolled to the anchor
    scroll.evaluate("box => box.scrollTo(200, 2000)")
    at, top, left = (part.bounding_box() for part in (scroll, head, first))
    assert abs(top["y"] - at["y"]) < 2
    assert abs(left["x"] - at["x"]) < 2


def test_numbers_behind_a_cell_are_shown_to_the_keyboard(visit, reports):
    page = visit(reports / STUDY)
    tip = page.get_by_role("tooltip")
    page.locator("#table-grouped td[tabindex='0']").focus()
    said = ["mean 0.5", "95 % interval 0.49 to 0.51", "n = 360", "2 replicates: 0.495, 0.505"]
    assert tip.inner_text().splitlines() == said
    page.keyboard.press("ArrowDown")
    assert tip.inner_text().splitlines()[:2] == ["mean 0.25", "95 % interval 0.23 to 0.27"]
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowRight")
    assert tip.inner_text().splitlines()[:2] == ["mean 0.7", "no interval"]
    assert page.locator("td:focus").get_attribute("aria-describedby") == "tip"
    page.locator("#table-wide td").first.focus()
    for _ in range(12):
        page.keyboard.press("ArrowRight")  # beyond what is seen: the table is moved, and the tip with it
    cell, beside = page.locator("td:focus").bounding_box(), tip.bounding_box()
    assert abs(beside["y"] - (cell["y"] + cell["height"])) < 2
    assert beside["x"] + beside["width"] <= page.viewport_size["width"]
    page.keyboard.press("Escape")
    assert not tip.is_visible()


def test_numbers_behind_a_cell_are_shown_to_a_mouse_and_a_finger(visit, reports):
    page = visit(reports / STUDY)
    page.locator("#table-grouped td[data-numbers]").first.hover()
    assert "mean 0.5" in page.get_by_role("tooltip").inner_text()
    page.locator("h1").hover()
    assert page.get_by_role("tooltip").count() == 0
    page = visit(reports / STUDY, size="phone")
    page.locator("#table-grouped td[data-numbers]").first.tap()
    assert "mean 0.5" in page.get_by_role("tooltip").inner_text()


def test_a_verdict_is_a_tip_first_and_then_a_link(visit, reports):
    page = visit(reports / TOP, size="phone")
    verdict = page.get_by_role("link", name="contradicted")
    verdict.tap()
    tip = page.get_by_role("tooltip")
    assert "gain of B: 0.100 ± 0.020; claimed: above 0; published: 0.150." in tip.inner_text()
    assert page.url == (reports / TOP).as_uri()
    tip.get_by_role("link", name="Evidence").tap()
    page.wait_for_url((reports / "mnist/assistive/index.html").as_uri() + "#claim-1")


def test_claims_are_filtered_by_keyboard(visit, reports):
    page = visit(reports / TOP)
    said = page.locator(".filter output")
    assert said.inner_text() == "4 claims"
    page.get_by_role("combobox", name="Verdict").focus()
    page.keyboard.type("contradicted")
    assert said.inner_text() == "1 claim"
    assert page.locator(".matrix tbody th[scope=row]:visible").count() == 1
    page.get_by_role("combobox", name="Data set").focus()
    page.keyboard.type("digits")
    assert said.inner_text() == "0 claims"  # none is contradicted there
    assert page.locator(".matrix thead th:visible").all_inner_texts() == ["claim", "digits"]
    page.get_by_role("button", name="Show all").press("Enter")
    page.wait_for_function("document.querySelector('.filter output').textContent === '4 claims'")
    page.get_by_role("combobox", name="Study").focus()
    page.keyboard.type("Study of fgsm")
    assert said.inner_text() == "2 claims"


def test_contents_lead_everywhere_and_stay_in_view(visit, reports):
    page = visit(reports / STUDY)
    contents = page.locator(".contents")
    page.get_by_role("link", name="Skip to the content").focus()
    contents.get_by_role("link", name="Claims", exact=True).press("Enter")
    assert page.url.endswith("#section-claims")
    page.wait_for_function("document.querySelector('[aria-current]')?.textContent === 'Claims'")
    assert contents.get_by_role("link", name="Where it comes from").is_visible()
    box = contents.bounding_box()
    assert 0 <= box["y"] < 100


def test_contents_on_a_phone_are_closed_until_asked_for(visit, reports):
    page = visit(reports / STUDY, size="phone")
    link = page.get_by_role("link", name="Where it comes from", exact=True)
    assert not link.is_visible()
    page.locator(".contents > summary").press("Enter")
    link.press("Enter")
    assert page.url.endswith("#section-origin")
    assert not link.is_visible()
    assert page.locator(".contents > summary").bounding_box()["y"] < 20


def test_what_is_copied(visit, reports):
    page = visit(reports / STUDY, permissions=["clipboard-read", "clipboard-write"])
    block = page.locator("#table-grouped")

    def copied(name):
        block.get_by_role("button", name=f"Copy {name}").press("Enter")
        page.wait_for_function(
            "(name) => document.querySelector('[role=status]').textContent === name", arg=f"{name} copied"
        )
        return page.evaluate("navigator.clipboard.readText()")

    tables = reports / "digits/assistive/tables"
    assert copied("Markdown") == (tables / "grouped.md").read_text()
    assert copied("LaTeX") == (tables / "grouped.tex").read_text()
    assert copied("link") == (reports / STUDY).as_uri() + "#table-grouped"
    assert copied("CSV").splitlines() == [
        "images,A,A,B",
        ",ours,published,ours",
        "clean,0.500 ± 0.010,(0.6),0.700",
        '"<b>&""x""</b>",0.250 ± 0.020,–,–',
        '"noise, 2",1.500 ± 0.020,0.4,0.100 ± 0.020',
    ]


@pytest.mark.parametrize(
    ("scheme", "media", "bright"), [("light", "screen", True), ("dark", "screen", False), ("dark", "print", True)]
)
def test_figures_suit_the_page(visit, reports, scheme, media, bright):
    page = visit(reports / STUDY, color_scheme=scheme)
    page.emulate_media(media=media)
    page.evaluate("document.images[0].decode()")
    around = page.evaluate("getComputedStyle(document.body).backgroundColor")
    pixel = first_pixel(page.locator("figure img").screenshot())
    assert around == f"rgb({pixel[0]}, {pixel[1]}, {pixel[2]})"
    assert (sum(pixel) > 3 * 128) == bright


def first_pixel(png):
    with Image.open(BytesIO(png)) as image:
        return image.convert("RGB").getpixel((3, 3))


def test_without_script_all_is_there(visit, reports):
    page = visit(reports / TOP, java_script_enabled=False)
    assert page.locator(".matrix tbody th[scope=row]:visible").count() == 4
    assert not page.locator(".filter").is_visible()
    page = visit(reports / STUDY, java_script_enabled=False)
    assert page.locator(".contents a:visible").count() == 12


@pytest.mark.parametrize("width", [375, 1000])
def test_without_script_contents_cover_nothing(visit, reports, width):
    page = visit(reports / STUDY, java_script_enabled=False)
    page.set_viewport_size({"width": width, "height": 800})
    page.locator("#section-origin").scroll_into_view_if_needed()
    nav = page.locator(".columns > nav").bounding_box()
    assert nav["y"] + nav["height"] <= 0


def test_nothing_is_cut_off_on_paper(visit, page_file):
    """Every cell lies between the margins, and the print itself has all pages that this takes."""
    page = visit(page_file, color_scheme="dark")
    page.emulate_media(media="print")
    page.set_viewport_size({"width": A4, "height": 1000})
    cut = page.evaluate(
        """(width) => [...document.querySelectorAll("th, td, img")]
            .map((cell) => [cell.textContent, cell.getBoundingClientRect()])
            .filter(([text, box]) => box.width && (box.right > width + 1 || box.left < -1))
            .map(([text]) => text)""",
        A4,
    )
    assert not cut
    boxes = page.evaluate("[...document.querySelectorAll('.scroll')].map((box) => box.scrollHeight - box.clientHeight)")
    assert max(boxes, default=0) <= 1
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    everything_is_printed(page)


def everything_is_printed(page):
    """Headings and cells of tables stand in the text of the print as often as on the page."""
    reader = shutil.which("pdftotext")
    if reader is None:
        pytest.skip("there is no pdftotext: apt-get install poppler-utils")
    page.evaluate("for (const one of document.querySelectorAll('.unseen, [role=status]')) one.remove()")
    page.emulate_media(media="screen")
    cells = {squeezed(text) for text in page.locator("th:visible, td:visible").all_inner_texts()} - {""}
    assert cells or not page.locator("table").count()
    page.emulate_media(media="print")
    said = squeezed(page.evaluate("document.body.innerText"))
    pdf = page.pdf(format="A4")
    done = subprocess.run((reader, "-raw", "-", "-"), input=pdf, capture_output=True, check=True)
    printed = squeezed(done.stdout.decode())
    missing = [cell for cell in cells if printed.count(cell) < max(1, said.count(cell))]
    assert not missing


def squeezed(text):
    """A text without its spaces and the ends of its lines."""
    return "".join(text.split())


MORE = [pytest.param(study, marks=pytest.mark.slow) for study in ("assistive", "fgsm", "distillation")]


@pytest.fixture(scope="package", params=["classwise", "advprop", *MORE])  # those of the most tables and figures first
def digits(request, tmp_path_factory):
    """The committed report of a study on digits, with the page as it is written now."""
    folder = tmp_path_factory.mktemp("digits") / request.param
    shutil.copytree(ROOT / "reports" / "digits" / request.param, folder)
    try:
        write_study_page(folder)
    except UndefinedError as error:
        pytest.skip(f"the committed report is of an earlier version: {error}")
    return folder / "index.html"


def test_real_pages_fit(visit, digits):
    page = visit(digits, size="phone")
    assert wider_than_the_screen(page) <= 0
    page.emulate_media(media="print")
    page.set_viewport_size({"width": A4, "height": 1000})
    assert wider_than_the_screen(page) <= 0
    assert digits.stat().st_size < 2_500_000


@pytest.mark.slow
@MODES
def test_real_pages_are_accessible(visit, digits, size, scheme):
    assert not violations(visit(digits, size=size, color_scheme=scheme))
