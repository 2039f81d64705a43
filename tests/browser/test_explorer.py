"""The explorer as people use it: by keyboard alone, by taps, on a phone, in the dark, and without script."""

import numpy as np
import pytest

from friendfoe.report.explorer import magnified
from tests.report.explored import CLASSES, MODELS, arrays, made, write_page

READY = "section.explorer .live:not([hidden]) table.pictures canvas"


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return write_page(tmp_path_factory.mktemp("explorer") / "study", made())


@pytest.fixture
def page(visit, file):
    page = visit(file)
    page.wait_for_selector(READY)
    return page


def choose(page, **choices):
    for name, title in choices.items():
        page.locator(f".explorer select[name={name}]").select_option(label=title)


def column(page, number):
    """The texts of a column of the pictures' table: what is added, image, answer, then probabilities."""
    return page.locator(f".pictures tbody tr > :nth-child({number})").all_inner_texts()


def pixels(page, row, number):
    """A picture as it is painted, uint8 [H, W, 3]."""
    canvas = page.locator(f".pictures tbody tr:nth-child({row}) > :nth-child({number}) canvas")
    values = canvas.evaluate(
        "one => [one.height, one.width, ...one.getContext('2d').getImageData(0, 0, one.width, one.height).data]"
    )
    return np.array(values[2:], dtype=np.uint8).reshape(*values[:2], 4)[..., :3]


def painted(image):
    return np.moveaxis(np.repeat(image, 3 // len(image), axis=0), 0, -1)


def shown(page):
    return page.locator(".explorer [role=status]").inner_text()


def current(page, name):
    return page.locator(f".explorer select[name={name}]").evaluate("one => one.selectedOptions[0].label")


@pytest.mark.parametrize("shape", [(1, 4, 5), (3, 6, 4)], ids=["grey", "colour"])
def test_it_paints_the_pictures_and_writes_the_answers(visit, tmp_path, shape):
    known = arrays(shape)
    page = visit(write_page(tmp_path / "study", made(shape=shape)))
    page.wait_for_selector(READY)
    choose(page, **{"class": "plain", "image": "2", "model": MODELS["b"]})
    page.locator(".explorer input").fill("0")
    image, number = known["images"][3], 3
    np.testing.assert_array_equal(pixels(page, 2, 2), painted(image))
    for place, goal in enumerate(("friend", "foe"), 3):
        picture = known[f"step/{goal}/images"][1, 0, number]
        np.testing.assert_array_equal(pixels(page, 2, place), painted(picture))
        np.testing.assert_array_equal(pixels(page, 1, place), painted(magnified(picture, image)[0]))
        probabilities = known[f"step/{goal}/probabilities"][1, 0, number]
        _, _, answer, *percents = column(page, place)
        assert percents == [f"{round(float(one) * 100)}" for one in probabilities]
        likeliest = int(probabilities.argmax())
        assert answer.startswith(f"{'✓' if likeliest == 1 else '✗'} {CLASSES[likeliest]}")
    assert column(page, 1)[3:] == CLASSES
    assert page.locator(".pictures caption").inner_text().startswith(f"One step, eps 0.1: {MODELS['b']}. ")


def test_a_corruption_stands_alone(page):
    choose(page, attack="Fog")
    assert page.locator(".pictures thead th").all_inner_texts() == ["clean", "perturbed"]
    assert page.locator(".explorer output").inner_text() == "severity 5"


def test_the_map_opens_a_class_by_keyboard(page):
    before = shown(page)
    page.locator(".map tbody a").first.focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowUp", "ArrowUp", "ArrowDown"):
        page.keyboard.press(key)  # beyond the edges nothing moves
    page.keyboard.press("Enter")
    assert (current(page, "class"), current(page, "attack")) == ("plain", "Fog")
    assert shown(page) != before
    focused = page.evaluate("document.activeElement.ariaLabel")
    assert focused.startswith("plain, fog: ")
    assert page.evaluate("document.activeElement.ariaCurrent") == "true"
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.ariaLabel") == focused  # the map is a single stop


def test_a_clean_cell_opens_its_class_alone(page):
    choose(page, attack="Fog")
    page.locator(".map tbody tr:nth-child(3) a").first.click()
    assert (current(page, "class"), current(page, "attack")) == (CLASSES[2], "Fog")


def test_all_is_chosen_by_keyboard(page):
    page.locator(".explorer select").first.focus()
    seen = {shown(page)}
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowLeft"):
        page.keyboard.press(key)
        seen.add(shown(page))
        page.keyboard.press("Tab")
    assert current(page, "class") == "plain"
    assert current(page, "model") == MODELS["b"]
    assert current(page, "attack") == "Fog"
    assert page.locator(".explorer output").inner_text() == "severity 3"
    assert len(seen) == 6


def test_the_map_is_that_of_the_model(page):
    data = made()["map"]["percent"]
    for number, title in enumerate(MODELS.values()):
        choose(page, model=title)
        texts = page.locator(".map tbody tr:nth-child(2) a").all_inner_texts()
        assert [text.split() for text in texts] == [
            ["–"] if value is None else [f"{value[0]}", f"{value[1]}–{value[2]}"] for value in data[number][1]
        ]
        assert page.locator(".map caption").inner_text() == f"Accuracy in percent and its 95 % interval: {title}"


def test_a_link_leads_to_its_class(visit, file):
    """From another page or in a new tab, and on: with script to the choice of it, without to its images."""
    page = visit(file, "#explorer-1")
    page.wait_for_selector(READY)
    assert current(page, "class") == "plain"
    page.locator(".map tbody tr:nth-child(3) a").nth(1).click()
    assert page.url.endswith("#explorer-2")
    page.evaluate("location.hash = '#explorer-0'")
    page.wait_for_function("document.querySelector('.explorer select').value === '0'")
    page.evaluate("location.hash = '#explorer-99'")  # a class that has no image
    assert current(page, "class") == CLASSES[0]
    page = visit(file, java_script_enabled=False)
    link = page.locator(".map tbody tr:nth-child(2) a").first
    assert link.get_attribute("href") == "#explorer-1"
    link.click()
    assert page.locator(":target").inner_text().split()[0] == "plain"


def test_a_class_with_fewer_images_has_no_second(page):
    choose(page, image="2")
    choose(page, **{"class": CLASSES[2]})
    assert page.locator(".explorer select[name=image] option").count() == 1
    assert shown(page).startswith(f"{CLASSES[2]}, clean: ")


def test_it_fits_on_a_phone_and_answers_to_taps(visit, file):
    page = visit(file, size="phone")
    page.wait_for_selector(READY)
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    page.locator(".map tbody tr:nth-child(2) a").nth(2).tap()
    assert current(page, "class") == "plain"
    assert page.locator(".explorer form").evaluate("one => one.getBoundingClientRect().top") >= 0  # it is seen


def test_what_is_read_without_script_is_accessible(visit, file):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    page = visit(file)
    page.wait_for_selector(READY)
    page.evaluate("for (const one of document.querySelectorAll('.live, .still')) one.hidden = !one.hidden")
    found = axe.Axe().run(page, context="section.explorer")
    assert not found.response["violations"], found.generate_report()


def test_without_script_the_same_is_read(visit, file):
    reads_the_same(visit(file, java_script_enabled=False))


def test_a_browser_that_cannot_unpack_says_the_same(chromium, file):
    context, errors = chromium.new_context(), []
    context.add_init_script("delete window.DecompressionStream")
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(file.as_uri())
    reads_the_same(page)
    context.close()
    assert not errors


def reads_the_same(page):
    assert page.locator(".still").is_visible()
    assert page.locator(".still img").count() == 3 * 5  # clean, and two of friend and foe
    assert page.locator(".still tbody th").all_inner_texts() == CLASSES[:3]
    assert page.locator(".map tbody td").count() == 3 * 4
    assert not page.locator(".explorer select").first.is_visible()
