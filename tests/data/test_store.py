import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from friendfoe.data.store import ShardedImages, Split, load_images, load_split, write_images
from friendfoe.data.writer import Statistics, write_split
from friendfoe.runtime import tensors as files
from friendfoe.runtime.errors import UserError
from tests.damage import every_flip

CLASSES = ["cat", "dog", 'naïve, "quoted"']
IMAGE_BYTES = 3 * 4 * 5


@pytest.fixture
def images(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (10, 3, 4, 5), dtype=np.uint8)


LABELS = np.array([0, 1, 2, 0, 1, 2, 0, 1, 2, 0])


def write(
    folder: Path, images: np.ndarray, labels: np.ndarray = LABELS, chunk: int = 10, shard_bytes: int = 1 << 30
) -> Split:
    folder.mkdir(parents=True, exist_ok=True)
    chunks = ((images[i : i + chunk], labels[i : i + chunk]) for i in range(0, len(images), chunk))
    write_split(folder, "train", chunks, name="toy", classes=CLASSES, shard_bytes=shard_bytes)
    return load_split(folder, "train", verify=True)


def test_what_is_written_is_read(tmp_path: Path, images: np.ndarray) -> None:
    split = write(tmp_path, images)
    assert isinstance(split.images, torch.Tensor)
    assert torch.equal(split.images, torch.from_numpy(images))
    assert torch.equal(split.labels, torch.from_numpy(LABELS))
    assert (split.name, split.classes, split.shape, len(split)) == ("toy", CLASSES, (3, 4, 5), 10)
    pixels = images.transpose(1, 0, 2, 3).reshape(3, -1) / 255
    assert split.mean == pytest.approx(pixels.mean(axis=1), abs=1e-12)
    assert split.std == pytest.approx(pixels.std(axis=1), abs=1e-12)


def test_the_sha256_is_that_of_the_content(tmp_path: Path, images: np.ndarray) -> None:
    content = images.tobytes() + LABELS.astype("<i8").tobytes() + b"10x3x4x5"
    assert write(tmp_path, images).sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("rows_per_shard", [1, 3, 5, 9, 10])
@pytest.mark.parametrize("chunk", [1, 4, 10])
def test_shards_hold_the_same(tmp_path: Path, images: np.ndarray, rows_per_shard: int, chunk: int) -> None:
    whole = write(tmp_path / "whole", images)
    sharded = write(tmp_path / "sharded", images, chunk=chunk, shard_bytes=rows_per_shard * IMAGE_BYTES)
    assert isinstance(sharded.images, torch.Tensor) == (rows_per_shard == 10)
    assert torch.equal(sharded.images[:], whole.images[:])
    assert sharded.images.shape == whole.images.shape
    for field in ("name", "classes", "sha256", "mean", "std", "shape"):
        assert getattr(sharded, field) == getattr(whole, field)
    count = -(-10 // rows_per_shard)
    names = [f"train-{index:05d}-of-{count:05d}.safetensors" for index in range(count)] if count > 1 else []
    assert sorted(os.listdir(tmp_path / "sharded")) == [*names, "train.safetensors"]


@given(st.data())
def test_a_sharded_view_is_indexed_like_a_tensor(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    whole = torch.arange(sum(sizes) * 2, dtype=torch.uint8).view(-1, 1, 2, 1)
    view = ShardedImages(list(whole.split(sizes)))
    rows = torch.tensor(data.draw(st.lists(st.integers(-len(whole), len(whole) - 1))), dtype=torch.int64)
    mask = torch.tensor(data.draw(st.lists(st.booleans(), min_size=len(whole), max_size=len(whole))))
    limit = st.none() | st.integers(-20, 20)
    piece = slice(data.draw(limit), data.draw(limit), data.draw(st.none() | st.integers(1, 3)))
    assert (len(view), view.shape, view.dtype) == (len(whole), whole.shape, whole.dtype)
    assert torch.equal(view[rows], whole[rows])
    assert torch.equal(view[mask], whole[mask])
    assert torch.equal(view[piece], whole[piece])


@pytest.mark.parametrize("rows", [torch.tensor([3]), torch.tensor([-4]), torch.tensor([True, False])])
def test_a_sharded_view_refuses_rows_that_are_not_there(rows: torch.Tensor) -> None:
    view = ShardedImages([torch.zeros(2, 1, 1, 1, dtype=torch.uint8), torch.zeros(1, 1, 1, 1, dtype=torch.uint8)])
    with pytest.raises(IndexError):
        view[rows]


def test_the_test_split_carries_the_statistics_of_the_training_images(tmp_path: Path, images: np.ndarray) -> None:
    training = Statistics((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    write_split(tmp_path, "test", [(images, LABELS)], name="toy", classes=CLASSES, statistics=training)
    split = load_split(tmp_path, "test")
    assert (split.mean, split.std) == (training.mean, training.std)


def test_a_constant_channel_can_be_divided_by_its_deviation(tmp_path: Path) -> None:
    split = write(tmp_path, np.full((10, 1, 2, 2), 51, dtype=np.uint8))
    assert split.mean == pytest.approx((0.2,))
    assert split.std == (1.0,)


def test_what_happens_to_a_file_after_reading_does_not_matter(tmp_path: Path, images: np.ndarray) -> None:
    split = write(tmp_path, images)
    (tmp_path / "train.safetensors").write_bytes(b"")
    assert torch.equal(split.images[:], torch.from_numpy(images))


def damage(path: Path, where: int) -> None:
    content = bytearray(path.read_bytes())
    content[where] ^= 1
    path.write_bytes(content)


def test_a_file_of_others_is_no_split(tmp_path: Path) -> None:
    save_file(GOOD, tmp_path / "train.safetensors")
    with pytest.raises(
        UserError, match=r"is not of friendfoe but a safetensors file of others; move it away and .*`dvc re"
    ):
        load_split(tmp_path, "train")


def test_a_missing_split_names_its_stage(tmp_path: Path) -> None:
    with pytest.raises(
        UserError,
        match=r"there is no .*mnist/train\.safetensors; run `dvc repro pipelines/data/dvc.yaml:prepare@mnist`",
    ):
        load_split(tmp_path / "mnist", "train")


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_a_truncated_split_names_file_and_remedy(tmp_path: Path, images: np.ndarray, keep: int) -> None:
    write(tmp_path / "mnist", images)
    path = tmp_path / "mnist" / "train.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(
        UserError,
        match=r"mnist/train\.safetensors is .*; .*`dvc repro (-f -s )?pipelines/data/dvc.yaml:prepare@mnist`",
    ):
        load_split(tmp_path / "mnist", "train")


def test_a_flipped_bit_is_found_wherever_it_is(tmp_path: Path, images: np.ndarray) -> None:
    path = tmp_path / "train.safetensors"
    write(tmp_path, images)
    for _ in every_flip(path):
        with pytest.raises(UserError, match=r"is damaged|is not of friendfoe"):
            load_split(tmp_path, "train")
    write_images(path.with_stem("replicate-0"), torch.from_numpy(images))
    for _ in every_flip(path.with_stem("replicate-0")):
        with pytest.raises(UserError, match=r"is damaged|is not of friendfoe"):
            load_images(path.with_stem("replicate-0"))


def test_a_flipped_bit_in_a_shard_is_found_when_its_block_is_read(
    tmp_path: Path, images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("friendfoe.data.writer._BLOCK_BYTES", 2 * IMAGE_BYTES)
    whole = write(tmp_path, images, shard_bytes=4 * IMAGE_BYTES).images[:]
    for shard in sorted(tmp_path.glob("*-of-*")):
        for _ in every_flip(shard):
            with pytest.raises(UserError, match=f"{shard} is damaged"):
                load_split(tmp_path, "train").images[:]
    assert torch.equal(load_split(tmp_path, "train").images[:], whole)


def test_only_blocks_that_are_read_are_compared(
    tmp_path: Path, images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("friendfoe.data.writer._BLOCK_BYTES", 2 * IMAGE_BYTES)
    write(tmp_path, images, shard_bytes=4 * IMAGE_BYTES)
    damage(tmp_path / "train-00001-of-00003.safetensors", -1)  # of rows 4 to 7 the last
    split = load_split(tmp_path, "train")
    assert torch.equal(split.images[torch.tensor([0, 5, 9])], torch.from_numpy(images[[0, 5, 9]]))
    for rows in ([6], [0, 7]):
        with pytest.raises(UserError, match=r"train-00001-of-00003\.safetensors is damaged: .*; make it again: `dvc"):
            split.images[torch.tensor(rows)]


def test_files_that_have_changed_places_are_found(tmp_path: Path, images: np.ndarray) -> None:
    paths = [tmp_path / f"replicate-{number}.safetensors" for number in range(2)]
    for path in paths:
        write_images(path, torch.from_numpy(images))
    paths[0].rename(tmp_path / "copy.safetensors")
    load_images(tmp_path / "copy.safetensors")  # a name of one's own
    paths[1].rename(paths[0])
    with pytest.raises(UserError, match=r"replicate-0\.safetensors is damaged: it was written as replicate-1;"):
        load_images(paths[0])
    write(tmp_path, images, shard_bytes=4 * IMAGE_BYTES)
    shards = sorted(tmp_path.glob("*-of-*"))
    shards[0].rename(tmp_path / "swap")
    shards[1].rename(shards[0])
    (tmp_path / "swap").rename(shards[1])
    with pytest.raises(UserError, match=r"00000-of-00003\.safetensors is damaged"):
        load_split(tmp_path, "train").images[:]


@pytest.mark.parametrize("count", [-1, "x", 10**9, 4])
def test_a_number_of_shards_that_cannot_be(tmp_path: Path, images: np.ndarray, count: Any) -> None:
    write(tmp_path, images, shard_bytes=4 * IMAGE_BYTES)
    path = tmp_path / "train.safetensors"
    files.write(save_file, load_file(path), path, json.dumps({**HEADER, "shards": count}))
    with pytest.raises(UserError, match=r"is damaged"):
        load_split(tmp_path, "train")


def test_missing_and_truncated_shards_are_named(tmp_path: Path, images: np.ndarray) -> None:
    write(tmp_path, images, shard_bytes=4 * IMAGE_BYTES)
    shard = tmp_path / "train-00001-of-00003.safetensors"
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"train-00001-of-00003\.safetensors is damaged: .*; make it again"):
        load_split(tmp_path, "train")
    shard.unlink()
    with pytest.raises(UserError, match=r"train-00001-of-00003\.safetensors is damaged: No such file"):
        load_split(tmp_path, "train")


HEADER = {"name": "toy", "classes": CLASSES, "sha256": "", "mean": [0.5], "std": [0.5]}
GOOD = {"images": torch.zeros(2, 1, 2, 2, dtype=torch.uint8), "labels": torch.tensor([0, 2])}


@pytest.mark.parametrize(
    ("tensors", "header", "message"),
    [
        ({"images": GOOD["images"]}, HEADER, "it has no 'labels'"),
        ({"labels": GOOD["labels"]}, HEADER, "it has no 'images'"),
        (GOOD, {}, "its header: name: Field required"),
        (GOOD, {key: HEADER[key] for key in HEADER if key != "mean"}, "its header: mean: Field required"),
        (GOOD, {**HEADER, "classes": 3}, "its header: classes: "),
        (GOOD, {**HEADER, "shards": 10**9}, "it has no 'checksums'"),
        ({**GOOD, "images": torch.zeros(2, 1, 2, 2)}, HEADER, r"its images are 2x1x2x2 of torch\.float32"),
        ({**GOOD, "labels": torch.tensor([0])}, HEADER, r"it has 2 images but labels \[1\]"),
        ({**GOOD, "labels": torch.tensor([0, 3])}, HEADER, r"its labels are not all in 0\.\.2"),
        ({**GOOD, "labels": torch.tensor([-1, 0])}, HEADER, r"its labels are not all in 0\.\.2"),
    ],
)
def test_a_split_that_is_no_split(
    tmp_path: Path, tensors: dict[str, torch.Tensor], header: dict[str, Any], message: str
) -> None:
    files.write(save_file, tensors, tmp_path / "train.safetensors", json.dumps(header))
    with pytest.raises(UserError, match=message):
        load_split(tmp_path, "train")


@pytest.mark.parametrize("rows_per_shard", [4, 10])
def test_perturbed_images_are_read_as_written(tmp_path: Path, images: np.ndarray, rows_per_shard: int) -> None:
    split = write(tmp_path, images)
    path = tmp_path / "replicate-0.safetensors"
    perturbed = 255 - torch.from_numpy(images)
    write_images(path, perturbed.split(3), shard_bytes=rows_per_shard * IMAGE_BYTES)
    loaded = load_images(path, like=split)
    assert torch.equal(loaded[:], perturbed)
    write_images(path, perturbed)
    assert torch.equal(load_images(path)[:], perturbed)


def test_perturbed_images_that_do_not_fit_name_set_and_stage(tmp_path: Path, images: np.ndarray) -> None:
    split = write(tmp_path / "prepared", images)
    path = tmp_path / "perturbed" / "mnist" / "assistive" / "train" / "assist-train" / "replicate-0.safetensors"
    path.parent.mkdir(parents=True)
    with pytest.raises(
        UserError,
        match=r"there is no .*replicate-0.*; run `dvc repro pipelines/assistive/dvc.yaml:perturb-train@mnist-assist-train`",
    ):
        load_images(path, like=split)
    write_images(path, torch.from_numpy(images[:9]))
    with pytest.raises(
        UserError, match=r"it holds 9x3x4x5 for the 10x3x4x5 of toy; .*perturb-train@mnist-assist-train"
    ):
        load_images(path, like=split)
