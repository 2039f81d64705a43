"""What the explorer packs comes out again as it was, stays small, and is read without script."""

import base64
import io
import json
import re
import zlib
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from friendfoe.evaluation.outcomes import Outcomes
from friendfoe.evaluation.sample import Sample
from friendfoe.report.explorer import BARS, STILL_SIDE, Attack, explorer, magnified
from tests.report.explored import ATTACKS, CLASSES, CONDITIONS, MODELS, accuracies, arrays, made, write_page


def unpacked(text, kind=np.uint8):
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype=kind)


class Unpacked:
    """The packed data, read as the script reads it."""

    def __init__(self, explored):
        data = explored["data"]
        self.attacks, self.bars, self.count = data["attacks"], np.array(data["bars"]), len(data["labels"])
        self.tiles = unpacked(data["tiles"]).reshape(-1, *data["shape"])
        self.pictures, self.answers = (unpacked(data[name], "<u2") for name in ("pictures", "answers"))
        self.percent = unpacked(data["percent"]).reshape(len(self.pictures), -1)

    def number(self, first, model, sizes, size, image):
        return first + (model * sizes + size) * self.count + image

    def image(self, number, image):
        return self.tiles[self.pictures[number]] + self.tiles[image]  # uint8: modulo 256


@pytest.mark.parametrize("shape", [(1, 4, 5), (3, 7, 3)], ids=["grey", "colour"])
def test_every_picture_and_answer_comes_out_as_it_was(shape):
    known, data = arrays(shape), Unpacked(made(shape=shape))
    seen = 0
    groups = [("step/friend", 0, 0), ("step/foe", 0, 1), ("fog/neither", 1, 0)]
    for key, attack, goal in groups:
        first = data.attacks[attack]["goals"][goal][1]
        models, sizes, count = known[f"{key}/images"].shape[:3]
        for place in np.ndindex(models, sizes, count):
            number = data.number(first, place[0], sizes, place[1], place[2])
            np.testing.assert_array_equal(data.image(number, place[2]), known[f"{key}/images"][place])
            probabilities = known[f"{key}/probabilities"][place]
            assert data.answers[number] == probabilities.argmax()
            np.testing.assert_array_equal(data.percent[number], np.rint(probabilities * 100))
            seen += 1
    for model, image in np.ndindex(2, len(known["images"])):
        number = data.number(0, model, 1, 0, image)
        np.testing.assert_array_equal(data.image(number, image), known["images"][image])
        assert data.answers[number] == known["probabilities"][model, image].argmax()
        seen += 1
    assert seen == len(data.pictures)


def test_what_is_the_same_is_kept_once():
    known = arrays()
    alike = dict(known)
    alike["step/foe/images"] = known["step/friend/images"]
    whole, half = (Unpacked(explorer(one, MODELS, ATTACKS, {}, {})) for one in (known, alike))
    assert len(half.tiles) == len(whole.tiles) - known["step/foe/images"][..., 0, 0, 0].size


def test_of_many_classes_the_likeliest_are_shown():
    labels, classes = (0, 57, 99), [f"class {number}" for number in range(100)]
    known = arrays(classes=classes, labels=labels)
    data = Unpacked(explorer(known, MODELS, ATTACKS, {}, {}))
    assert data.bars.shape == (3, BARS)
    highest = np.concatenate([known[name].reshape(-1, 3, 100) for name in known if name.endswith("probabilities")]).max(
        0
    )
    for bars, label, likely in zip(data.bars, labels, highest, strict=True):
        others = set(bars) - {label}
        assert label in bars
        assert list(bars) == sorted(set(bars))
        assert min(likely[list(others)]) >= max(likely[[c for c in range(100) if c not in bars]])


def test_the_map_has_accuracies_by_class_and_what_they_open():
    known = accuracies()
    explored = made()
    assert [column["title"] for column in explored["map"]["columns"]] == ["clean", "assisted", "attacked", "fog"]
    assert [column["attack"] for column in explored["map"]["columns"]] == [None, 0, 0, 1]
    one = known["a", "attacked"]
    own = Sample.of(one, one.labels == 1).estimate()
    assert explored["map"]["percent"][0][1][2] == [round(100 * value) for value in (own.mean, own.low, own.high)]
    assert own.mean == pytest.approx(one.values[:, one.labels == 1].mean())
    assert 0 < own.low < own.mean < own.high < 1
    assert explored["map"]["percent"][1][1][3] is None  # the model was not asked
    holes = Outcomes("test", np.arange(3), np.array([0, 0, 1]), np.array([[1, np.nan, np.nan], [0, 0, np.nan]]))
    percent = explorer(arrays(), MODELS, ATTACKS, {("a", "clean"): holes}, CONDITIONS)["map"]["percent"]
    assert [[[value and value[0] for value in row] for row in rows] for rows in percent] == [
        [[50], [None], [None]],
        [[None], [None], [None]],
    ]
    alone = Outcomes("test", np.arange(2), np.array([0, 0]), np.array([[1.0, 0.0]]))  # one replicate: no interval
    assert explorer(arrays(), MODELS, ATTACKS, {("a", "clean"): alone}, CONDITIONS)["map"]["percent"][0][0] == [[50]]


def test_what_was_not_computed_is_left_out():
    attacks = {"other": Attack("Another", "{:g}"), **ATTACKS}
    explored = explorer(arrays(models=("a", "own")), MODELS, attacks, accuracies(), CONDITIONS)
    assert explored["attacks"] == ["One step", "Fog"]
    assert explored["models"] == ["Model A", "own"]
    assert explored["data"]["attacks"][1]["sizes"] == ["severity 1", "severity 3", "severity 5"]


def test_what_is_added_is_magnified_around_grey():
    image = np.full((1, 2, 2), 100, dtype=np.uint8)
    change, times = magnified(np.array([[[100, 110], [90, 95]]], dtype=np.uint8), image)
    assert times == 12.75
    np.testing.assert_array_equal(change, [[[128, 255], [0, 64]]])
    assert (magnified(image, image)[0] == 128).all()


def test_without_script_the_first_image_of_each_class_is_shown():
    known, still = arrays(), made()["still"]
    assert [row["name"] for row in still["rows"]] == CLASSES[:3]
    for row, number in zip(still["rows"], (0, 2, 4), strict=True):
        clean, _, friend, added, foe = (np.array(Image.open(_content(cell["image"]))) for cell in row["cells"])
        for picture, image in {"step/friend/images": friend, "step/foe/images": foe}.items():
            np.testing.assert_array_equal(image[..., 0], known[picture][0, -1, number, 0])
        np.testing.assert_array_equal(clean[..., 0], known["images"][number, 0])
        np.testing.assert_array_equal(added[..., 0], magnified(foe[..., 0], clean[..., 0])[0])
        likeliest = int(known["step/foe/probabilities"][0, -1, number].argmax())
        assert row["cells"][4]["text"][:2] == ("✓ " if CLASSES[likeliest] == row["name"] else "✗ ")


def _content(url):
    return io.BytesIO(base64.b64decode(url.partition(",")[2]))


def test_large_images_stay_small():
    explored = made(shape=(3, 224, 224), labels=(0, 1), steps=(1.0,), models=("a",))
    still = explored["still"]["rows"]
    assert len(still) == 2
    assert max(Image.open(_content(still[0]["cells"][0]["image"])).size) == STILL_SIDE
    assert sum(len(cell["image"]) for row in still for cell in row["cells"]) < 400_000


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.open, self.words, self.attributes = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.attributes += [value for _, value in attributes]
        if tag not in ("meta", "img", "br", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data.strip())


def test_a_page_holds_it_whole_and_asks_for_nothing(tmp_path):
    explored = made()
    text = write_page(tmp_path / "study", explored).read_text()
    tags = Tags(text)
    assert not tags.open
    assert all(name in tags.words for name in CLASSES[:3])
    section = text[text.index('<section class="explorer') : text.index("<script>")]
    assert re.findall(r'src="(.{10})', section) == ["data:image"] * 15
    assert set(re.findall(r'href="(.*?)"', section)) == {f"#{name}" for name in re.findall(r'id="(.*?)"', section)}
    assert "<b>&" not in text
    packed = re.search(r'<script type="application/json">(.*?)</script>', text, re.DOTALL)
    assert json.loads(packed[1])["data"] == explored["data"]
