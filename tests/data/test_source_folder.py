from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from friendfoe.runtime.errors import UserError


def save(path: Path, pixels: np.ndarray, mode: str | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path)


@pytest.fixture
def grey(preparation: Any, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Two classes of grey images of 6 rows and 4 columns, three in each split."""
    files = (
        "train/cat/1.png",
        "train/cat/2.PNG",
        "train/dog/a.bmp",
        "test/cat/1.png",
        "test/dog/b.png",
        "test/dog/c.png",
    )
    pixels = {file: rng.integers(0, 256, (6, 4), dtype=np.uint8) for file in files}
    for file, array in pixels.items():
        save(preparation.root / "pets" / file, array)
    return pixels


def test_grey_images_keep_one_channel(preparation: Any, grey: dict[str, np.ndarray]) -> None:
    (preparation.root / "pets" / "train" / "cat" / "Thumbs.db").write_text("no image")
    (preparation.root / "pets" / "train" / ".hidden").mkdir()
    train, test = preparation(kind="folder", path="pets")
    assert train.classes == test.classes == ["cat", "dog"]
    assert (train.labels.tolist(), test.labels.tolist()) == ([0, 0, 1], [0, 1, 1])
    pixels = torch.from_numpy(np.stack(list(grey.values())))[:, None]
    assert torch.equal(torch.cat([train.images[:], test.images[:]]), pixels)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "CMYK"])
def test_one_colour_image_makes_all_of_them_rgb(preparation: Any, grey: dict[str, np.ndarray], mode: str) -> None:
    suffix = "jpg" if mode == "CMYK" else "png"
    save(preparation.root / "pets" / "test" / "dog" / f"d.{suffix}", np.full((6, 4, 3), 255, np.uint8), mode)
    train, test = preparation(kind="folder", path="pets")
    assert train.shape == test.shape == (3, 6, 4)
    assert torch.equal(train.images[0, 0], torch.from_numpy(grey["train/cat/1.png"]))
    assert torch.equal(train.images[0, 0], train.images[0, 2])
    assert (test.images[-1] == 255).all()


def test_resize_cuts_the_centre(preparation: Any) -> None:
    wide = np.zeros((8, 24), dtype=np.uint8)
    wide[:, 4:20] = 200  # the middle third, 8 to 16, and what bicubic interpolation looks at beside it
    for split in ("train", "test"):
        save(preparation.root / "wide" / split / "a" / "1.png", wide)
        save(preparation.root / "wide" / split / "a" / "2.png", wide.T.copy())
        save(preparation.root / "wide" / split / "b" / "3.png", np.full((4, 4), 200, np.uint8))
    train, test = preparation(kind="folder", path="wide", resize=4)
    for split in (train, test):
        assert split.images.shape == (3, 1, 4, 4)
        assert (split.images[:] == 200).all()


def test_missing_folders(preparation: Any, grey: dict[str, np.ndarray]) -> None:
    with pytest.raises(UserError, match=r"there is no folder .*raw/birds; put it there, or set FRIENDFOE_DATA"):
        preparation(kind="folder", path="birds")
    (preparation.root / "pets" / "test").rename(preparation.root / "pets" / "val")
    with pytest.raises(UserError, match=r"no folder .*pets/test; an image folder holds train/CLASS/\*\.png and test"):
        preparation(kind="folder", path="pets")
    (preparation.root / "pets" / "test").mkdir()
    with pytest.raises(UserError, match=r"pets/test has no class folders; put the images in .*pets/test/CLASS"):
        preparation(kind="folder", path="pets")


def test_an_empty_class(preparation: Any, grey: dict[str, np.ndarray]) -> None:
    (preparation.root / "pets" / "train" / "cow").mkdir()
    with pytest.raises(UserError, match=r"class folder .*pets/train/cow has no images; add some .* or remove it"):
        preparation(kind="folder", path="pets")


@pytest.mark.parametrize(("there", "missing"), [("train", "test"), ("test", "train")])
def test_classes_that_differ(preparation: Any, grey: dict[str, np.ndarray], there: str, missing: str) -> None:
    save(preparation.root / "pets" / there / "cow" / "1.png", grey["train/cat/1.png"])
    with pytest.raises(UserError, match=rf"class 'cow' is in {there} but not in {missing}; both need the same"):
        preparation(kind="folder", path="pets")


@pytest.mark.parametrize("content", [b"", b"no image", None])
def test_an_unreadable_image_is_named(preparation: Any, grey: dict[str, np.ndarray], content: bytes | None) -> None:
    bad = preparation.root / "pets" / "train" / "dog" / "b.png"
    save(bad, grey["train/cat/1.png"])
    bad.write_bytes(bad.read_bytes()[:50] if content is None else content)
    with pytest.raises(UserError, match=r"the image .*train/dog/b\.png cannot be read \(.*\); replace or remove it"):
        preparation(kind="folder", path="pets")
    assert not preparation.prepared.exists() or not list(preparation.prepared.iterdir())


def test_images_of_different_sizes_name_two(preparation: Any, grey: dict[str, np.ndarray]) -> None:
    save(preparation.root / "pets" / "test" / "dog" / "d.png", np.zeros((4, 6), np.uint8))
    message = r"test/dog/d\.png has 6x4 pixels but .*train/cat/1\.png has 4x6 pixels; make all images one size, or set"
    with pytest.raises(UserError, match=message):
        preparation(kind="folder", path="pets")


def test_sixteen_bits_are_refused(preparation: Any, grey: dict[str, np.ndarray]) -> None:
    save(preparation.root / "pets" / "test" / "dog" / "d.png", np.full((6, 4), 1000, np.uint16))
    with pytest.raises(UserError, match=r"d\.png has pixels of mode I;16; convert it to 8-bit grey or RGB"):
        preparation(kind="folder", path="pets")
