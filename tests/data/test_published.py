"""Published test sets: read as their authors lay them out, and refused in one line where they are not whole."""

import os

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image

from friendfoe.data import published
from friendfoe.data.corruptions import CORRUPTIONS
from friendfoe.data.published.readers import MNIST_C_FOLDERS
from friendfoe.runtime.errors import UserError

EACH = 6  # images per severity
TEN = [str(number) for number in range(10)]
WORDNET = [f"n{number:08d}" for number in range(1000)]


@pytest.fixture
def cifar(tmp_path):
    """A folder like CIFAR-10-C: severity s of the c-th corruption has the value 10 c + s everywhere."""
    folder = tmp_path / "CIFAR-10-C"
    folder.mkdir()
    np.save(folder / "labels.npy", np.tile(np.arange(EACH) % 10, 5).astype(np.uint8))
    for number, corruption in enumerate(CORRUPTIONS):
        images = np.repeat(np.arange(1, 6) + 10 * number, EACH).astype(np.uint8).reshape(-1, 1, 1, 1)
        np.save(folder / f"{corruption}.npy", np.broadcast_to(images, (5 * EACH, 32, 32, 3)))
    return tmp_path


def picture(path, value, side=10):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (side, side + 2), (value, value, value)).save(path)


@pytest.fixture
def imagenet_a(tmp_path):
    """A folder like ImageNet-A's: every fifth class, an image each."""
    for number in range(0, 1000, 5):
        picture(tmp_path / "imagenet-a" / WORDNET[number] / "0.jpg", number // 5)
    (tmp_path / "imagenet-a" / "README.txt").write_text("the list of classes")
    return tmp_path


def test_cifar_10_c_is_read_by_corruption_and_severity(cifar):
    batches = list(published.read("cifar10-c", cifar, TEN, (3, 32, 32), at_once=4))
    assert len(batches) == 15 * 5 * 2
    for number, corruption in enumerate(CORRUPTIONS):
        for severity in range(1, 6):
            part = [b for b in batches if (b.corruption, b.severity) == (corruption, severity)]
            images = torch.cat([b.images for b in part])
            assert images.shape == (EACH, 3, 32, 32)
            assert images.dtype == torch.uint8
            assert (images == 10 * number + severity).all()
            assert torch.cat([b.labels for b in part]).tolist() == list(range(EACH))
    assert all(batch.allowed is None and batch.benchmark == "cifar10-c" for batch in batches)


def test_special_files_and_headers_that_are_not_true(cifar):
    folder = cifar / "CIFAR-10-C"
    with (folder / "fog.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|u1", "fortran_order": False, "shape": (10**15, 32, 32, 3)}
        )
    with pytest.raises(UserError, match=r"fog\.npy is no whole NumPy array \(.*\); unpack the published file again"):
        next(published.read("cifar10-c", cifar, TEN, (3, 32, 32)))
    (folder / "labels.npy").unlink()
    os.mkfifo(folder / "labels.npy")
    with pytest.raises(UserError, match=r"there is no file .*labels\.npy; unpack the whole benchmark"):
        next(published.read("cifar10-c", cifar, TEN, (3, 32, 32)))


def test_images_are_taken_as_their_authors_take_them(imagenet_a):
    path = imagenet_a / "imagenet-a" / WORDNET[0] / "0.jpg"
    image, exif = Image.new("RGB", (20, 20)), Image.Exif()
    image.paste((255, 255, 255), (0, 0, 20, 10))
    exif[ExifTags.Base.Orientation] = 3
    image.save(path, exif=exif)
    batch = next(published.read("imagenet-a", imagenet_a, WORDNET, (3, 10, 10)))
    assert (batch.images[0, :, :3] > 200).all()


def test_mnist_c_is_read(tmp_path):
    for number, corruption in enumerate(MNIST_C_FOLDERS):
        (tmp_path / "mnist_c" / corruption).mkdir(parents=True)
        np.save(tmp_path / "mnist_c" / corruption / "test_images.npy", np.full((3, 28, 28, 1), number, np.uint8))
        np.save(tmp_path / "mnist_c" / corruption / "test_labels.npy", np.arange(3))
    batches = list(published.read("mnist-c", tmp_path, TEN, (1, 28, 28)))
    assert [(batch.corruption, batch.severity) for batch in batches] == [
        (corruption, 0) for corruption in MNIST_C_FOLDERS
    ]
    assert all((batch.images == number).all() for number, batch in enumerate(batches))
    assert batches[0].images.shape == (3, 1, 28, 28)


def test_imagenet_c_is_read(tmp_path):
    for corruption in CORRUPTIONS:
        for severity in range(1, 6):
            for number in (3, 7):
                picture(tmp_path / "ImageNet-C" / corruption / str(severity) / WORDNET[number] / "a.JPEG", 20 * number)
    batches = list(published.read("imagenet-c", tmp_path, WORDNET, (3, 8, 8)))
    assert len(batches) == 15 * 5
    assert {(batch.corruption, batch.severity) for batch in batches} == {
        (c, s) for c in CORRUPTIONS for s in range(1, 6)
    }
    assert batches[0].labels.tolist() == [3, 7]
    assert batches[0].images.shape == (2, 3, 8, 8)
    assert batches[0].images.float().mean((1, 2, 3)).round().tolist() == [60, 140]


def test_imagenet_a_restricts_the_predictions(imagenet_a):
    batches = list(published.read("imagenet-a", imagenet_a, WORDNET, (3, 8, 8), at_once=150))
    assert [len(batch.labels) for batch in batches] == [150, 50]
    assert torch.cat([batch.labels for batch in batches]).tolist() == list(range(0, 1000, 5))
    batch = batches[0]
    assert batch.allowed.tolist() == list(range(0, 1000, 5))
    logits = torch.zeros(150, 1000)
    logits[torch.arange(150), batch.labels] = 1  # the right one is the best of those allowed
    logits[:, 1] = 2  # what is not allowed does not count
    logits[0, 5] = 3
    assert batch.correct(logits).tolist() == [False] + 149 * [True]


def test_stylized_imagenet_is_read(tmp_path):
    for number in (2, 9):
        picture(tmp_path / "Stylized-ImageNet" / "val" / WORDNET[number] / "a.png", number)
    (batch,) = published.read("stylized-imagenet", tmp_path, WORDNET, (1, 8, 8))
    assert (batch.corruption, batch.severity) == ("stylized", 0)
    assert batch.labels.tolist() == [2, 9]
    assert batch.images.shape == (2, 1, 8, 8)
    assert batch.correct(torch.eye(1000)[[2, 3]]).tolist() == [True, False]


def test_what_is_there_is_found(cifar):
    assert published.available(cifar) == ["cifar10-c"]
    assert published.available(cifar / "nowhere") == []


def refused(*args, **kwargs):
    with pytest.raises(UserError) as error:
        list(published.read(*args, **kwargs))
    assert "\n" not in str(error.value)
    return str(error.value)


def test_missing_and_damaged_arrays_are_refused(cifar, tmp_path):
    folder = cifar / "CIFAR-10-C"
    assert "no benchmark 'cifar'; did you mean 'cifar10-c'" in refused("cifar", cifar, TEN, (3, 32, 32))
    assert "unpack cifar100-c there" in refused("cifar100-c", cifar, TEN, (3, 32, 32))
    assert "cifar10-c has 10 classes, the model 2" in refused("cifar10-c", cifar, TEN[:2], (3, 32, 32))
    assert "3x32x32, the model takes 1x28x28" in refused("cifar10-c", cifar, TEN, (1, 28, 28))
    (folder / "fog.npy").write_bytes((folder / "fog.npy").read_bytes()[:1000])
    assert "fog.npy is no whole NumPy array" in refused("cifar10-c", cifar, TEN, (3, 32, 32))
    (folder / "fog.npy").unlink()
    assert "there is no " in (message := refused("cifar10-c", cifar, TEN, (3, 32, 32)))
    assert "fog.npy; unpack the whole benchmark" in message
    np.save(folder / "fog.npy", np.zeros((5 * EACH, 32, 32, 3)))
    assert "fog.npy holds float64 [30, 32, 32, 3], not uint8" in refused("cifar10-c", cifar, TEN, (3, 32, 32))
    np.save(folder / "labels.npy", np.arange(5) + 6)
    assert "label 10 of image 4 is outside 0..9" in refused("cifar10-c", cifar, TEN, (3, 32, 32))
    np.save(folder / "labels.npy", np.arange(7))
    assert "7 labels, which are not as many for each severity" in refused("cifar10-c", cifar, TEN, (3, 32, 32))


def test_unknown_and_missing_class_folders_are_refused(imagenet_a):
    message = refused("imagenet-a", imagenet_a, TEN, (3, 8, 8))
    assert "the model has no class n00000000 (200 of 200 folders are unknown)" in message
    message = refused("imagenet-a", imagenet_a, [wordnet for wordnet in WORDNET if wordnet != "n00000500"], (3, 8, 8))
    assert "no class n00000500 (1 of 200 folders are unknown)" in message
    (imagenet_a / "imagenet-a" / "n00000000" / "0.jpg").unlink()
    assert "n00000000 has no images" in refused("imagenet-a", imagenet_a, WORDNET, (3, 8, 8))
    (imagenet_a / "imagenet-a" / "n00000000").rmdir()
    assert "has 199 class folders, imagenet-a has 200" in refused("imagenet-a", imagenet_a, WORDNET, (3, 8, 8))
    assert "cut to squares" in refused("imagenet-a", make_whole(imagenet_a), WORDNET, (3, 8, 9))


def make_whole(root):
    picture(root / "imagenet-a" / "n00000000" / "0.jpg", 0)
    return root


def test_missing_folders_are_refused(tmp_path):
    (tmp_path / "ImageNet-C" / "fog").mkdir(parents=True)
    (tmp_path / "Stylized-ImageNet").mkdir()
    assert "gaussian_noise/1; unpack all of imagenet-c" in refused("imagenet-c", tmp_path, WORDNET, (3, 8, 8))
    assert "unpack the validation images" in refused("stylized-imagenet", tmp_path, WORDNET, (3, 8, 8))
