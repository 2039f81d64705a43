import os
import socket
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image, ImageCms, ImageOps

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


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp", "avif"])
def test_images_are_turned_upright(preparation: Any, orientation: int, suffix: str) -> None:
    corners = np.zeros((24, 16), np.uint8)
    corners[:12, :8], corners[12:, :8] = 255, 120
    for file in ("train/a/1", "test/a/1", "train/b/1", "test/b/1"):
        path = preparation.root / "phone" / f"{file}.{suffix}"
        path.parent.mkdir(parents=True)
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        Image.fromarray(corners).save(path, exif=exif)
    train, _ = preparation(kind="folder", path="phone")
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    assert np.array_equal(
        np.broadcast_to(train.images[0].numpy(), (3, *expected.shape[:2])), expected.transpose(2, 0, 1)
    )


def test_exif_data_that_is_damaged_and_that_stands_behind_the_pixels(preparation: Any) -> None:
    for file in ("train/a/1.png", "test/a/1.png", "train/b/1.jpg", "test/b/1.png"):
        save(preparation.root / "pets" / file, np.zeros((4, 6), np.uint8))
    path = preparation.root / "pets/train/b/1.jpg"
    Image.open(path).save(path, exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    train, _ = preparation(kind="folder", path="pets")
    assert train.shape == (1, 4, 6)
    path = preparation.root / "pets/test/b/1.png"
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    data = exif.tobytes().removeprefix(b"Exif\0\0")
    chunk = struct.pack(">I", len(data)) + b"eXIf" + data + struct.pack(">I", zlib.crc32(b"eXIf" + data))
    path.write_bytes(path.read_bytes()[:-12] + chunk + path.read_bytes()[-12:])
    with pytest.raises(UserError, match=r"test/b/1\.png is of another size once it is upright; set `resize`"):
        preparation(kind="folder", path="pets")


@pytest.mark.parametrize("suffix", ["jfif", "avif", "jp2", "tga", "pnm", "JPE", ""])
def test_other_suffixes_and_folders_below(preparation: Any, grey: dict[str, np.ndarray], suffix: str) -> None:
    folder = preparation.root / "pets" / "train" / "dog" / "more" / "x.png"
    folder.mkdir(parents=True)
    kind = {"jfif": "JPEG", "avif": "AVIF", "jp2": "JPEG2000", "tga": "TGA", "pnm": "PPM", "JPE": "JPEG", "": "PNG"}
    Image.fromarray(np.full((6, 4), 200, np.uint8)).save(folder / f"b.{suffix}".rstrip("."), kind[suffix])
    train, _ = preparation(kind="folder", path="pets")
    assert train.labels.tolist() == [0, 0, 1, 1]
    assert np.abs(train.images[-1].numpy().astype(int) - 200).max() < 3


def test_what_is_left_out_is_told(preparation: Any, grey: dict[str, np.ndarray], capsys: Any) -> None:
    pets = preparation.root / "pets"
    (pets / "val").mkdir()
    for name in ("cat/.DS_Store", "cat/Thumbs.db", "cat/._1.png", "desktop.ini", ".hidden"):
        (pets / "train" / name).write_text("litter")
    for name in ("cat/a.heic", "cat/b.HEIC", "dog/notes.txt", "dog/README", "labels.csv"):
        (pets / "train" / name).write_text("no image")
    os.mkfifo(pets / "train/cat/0.png")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(pets / "train/cat/1b.png"))
    (pets / "train/cat/2b.png").symlink_to("nowhere.png")
    (pets / "train/cat/3b.png").symlink_to("3b.png")
    (pets / "train/cat/4b.png").symlink_to("/dev/zero")
    (pets / "train/cat/loop").symlink_to("..")
    (pets / "train/cat/5b.png").mkdir()
    (pets / "train/dog/z.png").symlink_to("../cat/1.png")  # an image like any other
    train, _ = preparation(kind="folder", path="pets")
    assert train.labels.tolist() == [0, 0, 1, 1]
    assert capsys.readouterr().err.splitlines() == [
        f"note: {pets}/train: left out 1 x .csv beside the class folders, 2 x .heic, 1 x .txt, 2 x broken link, "
        "1 x file without suffix, 1 x link to a folder, 3 x special file",
        f"note: {pets}: left out val",
    ]


def test_a_class_of_nothing_that_can_be_read(preparation: Any, grey: dict[str, np.ndarray]) -> None:
    for file in (preparation.root / "pets" / "train" / "cat").iterdir():
        file.rename(file.with_suffix(".heic"))
    with pytest.raises(UserError, match=r"train/cat has no images that can be read \(left out: 2 x \.heic\); add some"):
        preparation(kind="folder", path="pets")


def test_what_a_file_has_beyond_its_pixels_is_told(
    preparation: Any, grey: dict[str, np.ndarray], capsys: Any, recwarn: Any
) -> None:
    dog = preparation.root / "pets" / "train" / "dog"
    frame = Image.fromarray(np.full((6, 4, 3), 9, np.uint8))
    frame.save(dog / "f.gif", save_all=True, append_images=[Image.new("RGB", (4, 6), "red")])
    frame.save(dog / "f.tif", save_all=True, append_images=[frame])
    frame.convert("RGBA").save(dog / "f.png")
    frame.convert("P").save(dog / "p.png", transparency=bytes([0, 1, 2]))
    frame.convert("CMYK").save(dog / "c.jpg")
    for name, profile in (("srgb", ImageCms.createProfile("sRGB")), ("lab", ImageCms.createProfile("LAB"))):
        frame.save(dog / f"{name}.jpg", icc_profile=ImageCms.ImageCmsProfile(profile).tobytes())
    (dog / "deep.ppm").write_bytes(b"P6 4 6 65535\n" + bytes(4 * 6 * 3 * 2))
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", 4, 6, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(bytes(6 * (1 + 4 * 3 * 2)))),
        (b"IEND", b""),
    )
    parts = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    ]
    (dog / "deep.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    preparation(kind="folder", path="pets")
    told = [line.split(": ", 2)[2] for line in capsys.readouterr().err.splitlines()]
    assert told == [
        "2 of 15 images have 16 bits; the upper 8 are taken",
        "1 of 15 images have CMYK colours; they are converted without a profile",
        "1 of 15 images have a colour profile other than sRGB; it is not applied",
        "2 of 15 images have several frames; the first is taken",
        "2 of 15 images have transparency; it is dropped",
    ]
    assert not recwarn.list


def test_other_formats_than_images_are_refused(preparation: Any, grey: dict[str, np.ndarray]) -> None:
    (preparation.root / "pets/train/dog/b.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 6\n")
    with pytest.raises(UserError, match=r"b\.png cannot be read \(no image format that is known\)"):
        preparation(kind="folder", path="pets")


def test_a_bomb(preparation: Any, grey: dict[str, np.ndarray]) -> None:
    (preparation.root / "pets/train/dog/b.pgm").write_bytes(b"P5 100000 100000 255\n" + bytes(100))
    with pytest.raises(UserError, match=r"b\.pgm cannot be read \(Image size .* exceeds limit"):
        preparation(kind="folder", path="pets")


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


def test_a_class_without_training_images(preparation: Any, grey: dict[str, np.ndarray]) -> None:
    save(preparation.root / "pets" / "test" / "cow" / "1.png", grey["train/cat/1.png"])
    with pytest.raises(UserError, match="class 'cow' is in test but not in train; add training images, or remove it"):
        preparation(kind="folder", path="pets")


def test_a_class_without_test_images(preparation: Any, grey: dict[str, np.ndarray], capsys: Any) -> None:
    save(preparation.root / "pets" / "train" / "cow" / "1.png", grey["train/cat/1.png"])
    train, test = preparation(kind="folder", path="pets")
    assert train.classes == test.classes == ["cat", "cow", "dog"]
    assert (train.labels.tolist(), test.labels.tolist()) == ([0, 0, 1, 2], [0, 2, 2])
    assert torch.equal(test.images[1, 0], torch.from_numpy(grey["test/dog/b.png"]))
    assert "no test images of cow" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", ["jp2", "j2k"])
def test_jpeg_2000_of_more_than_8_bits_is_told(
    preparation: Any, grey: dict[str, np.ndarray], capsys: Any, suffix: str
) -> None:
    shallow, deep = (preparation.root / "pets" / "train" / "dog" / f"{name}.{suffix}" for name in ("shallow", "deep"))
    Image.fromarray(np.full((6, 4, 3), 9, np.uint8)).save(shallow)
    content = bytearray(shallow.read_bytes())
    channels = content.index(b"\xff\x4f\xff\x51") + 42
    content[channels : channels + 9 : 3] = bytes([15, 15, 15])  # 16 bits
    deep.write_bytes(content)
    preparation(kind="folder", path="pets")
    assert "1 of 8 images have 16 bits; the upper 8 are taken" in capsys.readouterr().err


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
