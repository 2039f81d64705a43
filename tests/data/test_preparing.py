import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from friendfoe.data.sources.config import SourceConfig
from friendfoe.data.store import load_split
from friendfoe.data.stratified import stratified
from friendfoe.runtime.errors import UserError

DIGITS_SHA256 = {
    "train": "f6d9610fb9a91dc7539e457b37f79de435d1dda27e7b7d88e35b30bbb3e69f0a",
    "test": "2083e70ac3634928aaaafec5e662c36a15523bef489715b227558c01a0a20d4d",
}


def test_digits_are_the_same_everywhere(preparation: Any) -> None:
    for name, split in zip(("train", "test"), preparation("digits", kind="digits"), strict=True):
        assert split.sha256 == DIGITS_SHA256[name]
        assert split.shape == (1, 8, 8)
        assert split.classes == list("0123456789")
    assert len(split) == 359
    assert set(np.bincount(split.labels.numpy()).tolist()) <= {35, 36, 37}  # a fifth of 174 to 183


def test_digits_need_no_torch(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from friendfoe.data.prepare import prepare; "
        "from friendfoe.data.sources.config import SourceConfig; "
        f"prepare(SourceConfig.model_validate({{'kind': 'digits'}}), Path('none'), Path({str(tmp_path / 'digits')!r}), 'digits'); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_two_runs_make_the_same_files(preparation: Any) -> None:
    files = [preparation.prepared / "digits" / f"{split}.safetensors" for split in ("train", "test")]
    preparation("digits", kind="digits")
    first = [file.read_bytes() for file in files]
    preparation("digits", kind="digits")
    assert [file.read_bytes() for file in files] == first


def test_limit_keeps_the_classes_in_proportion(preparation: Any) -> None:
    whole, _ = preparation("digits", kind="digits")
    train, test = preparation("few", kind="digits", limit=100)
    assert (len(train), len(test)) == (100, 100)
    assert set(torch.bincount(train.labels).tolist()) <= {9, 10, 11}
    rows = [int((whole.images[:] == image).flatten(1).all(1).nonzero()[0]) for image in train.images[:]]
    assert torch.equal(whole.labels[rows], train.labels)
    assert rows == sorted(rows)
    assert len(preparation("all", kind="digits", limit=1000)[1]) == 359


def test_a_limit_below_the_number_of_classes(preparation: Any) -> None:
    with pytest.raises(UserError, match=r"data\.few\.source\.limit is 9, fewer than the 10 classes; raise it"):
        preparation("few", kind="digits", limit=9)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), st.integers(1, 70), st.integers(0, 3))
def test_stratified_rows(labels: list[int], count: int, seed: int) -> None:
    array = np.array(labels)
    rows = stratified(array, count, seed)
    assert rows.tolist() == sorted(set(rows.tolist()))
    assert len(rows) == min(count, len(labels))
    for label in set(labels):
        share = len(rows) * (array == label).sum() / len(labels)
        assert abs((array[rows] == label).sum() - share) < len(set(labels))
        assert count < len(set(labels)) or label in array[rows]


def test_a_failure_leaves_the_earlier_set(preparation: Any, rng: np.random.Generator) -> None:
    before, _ = preparation("toy", kind="digits")
    with pytest.raises(UserError):
        preparation("toy", kind="npz", path="missing.npz")
    assert load_split(preparation.prepared / "toy", "train", verify=True).sha256 == before.sha256
    assert os.listdir(preparation.prepared) == ["toy"]


def test_too_little_memory_is_one_line(preparation: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def allocate(*args: Any) -> None:
        raise MemoryError

    monkeypatch.setattr("friendfoe.data.writer.ShardWriter.add", allocate)
    with pytest.raises(UserError, match="data set toy does not fit into memory; set `limit` of its source, or make"):
        preparation("toy", kind="digits")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"kind": "mnits"}, "mnits"),
        ({"kind": "digits", "limt": 5}, "did you mean 'limit'"),
        ({"kind": "digits", "limit": 0}, "greater than 0"),
        ({"kind": "folder"}, "path"),
        ({"kind": "folder", "path": "x", "size": 224}, "unknown key 'size'"),
        ({"path": "x"}, "kind"),
    ],
)
def test_a_wrong_source_is_refused(source: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SourceConfig.model_validate(source)
