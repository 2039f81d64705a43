import numpy as np
import pytest

from friendfoe.evaluation.outcomes import Outcomes, aligned, read, write


def outcomes(values, samples=None, images="test"):
    table = np.asarray(values, dtype=np.float32)
    rows = np.arange(table.shape[1]) if samples is None else np.asarray(samples)
    return Outcomes(images, rows, rows % 3, table)


def same(one, other):
    arrays = ("samples", "labels", "values")
    return one.images == other.images and all(
        np.array_equal(getattr(one, name), getattr(other, name), equal_nan=name == "values") for name in arrays
    )


def test_files_hold_what_was_written(tmp_path):
    rng = np.random.default_rng(0)
    found = {
        ("accuracy", "a", "clean"): outcomes(rng.random((3, 37)) > 0.5),
        ("accuracy", "b", "clean"): outcomes(rng.random((3, 37)) > 0.5),
        ("accuracy", "b", "train"): outcomes(rng.random((3, 11)) > 0.5, images="train"),
        ("distance", "a", "cw"): outcomes(rng.random((3, 37))),
        ("fooled", "a", "part"): outcomes([[1, np.nan, 0]], samples=[4, 9, 30]),
    }
    write(tmp_path / "file.npz", found)
    again = read(tmp_path / "file.npz")
    assert again.keys() == found.keys()
    assert all(same(again[key], found[key]) for key in found)


def test_bits_are_stored_as_bits(tmp_path):
    rng = np.random.default_rng(0)
    found = {("accuracy", "a", str(number)): outcomes(rng.random((5, 8000)) > 0.5) for number in range(20)}
    write(tmp_path / "file.npz", found)
    assert (tmp_path / "file.npz").stat().st_size < 20 * 5 * 8000 / 8 * 1.2 + 20_000


def test_replicates_of_other_images_are_put_side_by_side():
    key = ("accuracy", "a", "own")
    parts = [{key: outcomes([[1, 0]], [5, 2])}, {key: outcomes([[1, 1]], [2, 9])}]
    one = aligned(parts)[key]
    assert one.samples.tolist() == [2, 5, 9]
    assert one.labels.tolist() == [2, 2, 0]
    assert np.array_equal(one.values, [[0, 1, np.nan], [1, np.nan, 1]], equal_nan=True)


def test_shapes_must_fit():
    with pytest.raises(ValueError, match="must be"):
        Outcomes("test", np.arange(3), np.arange(3), np.zeros((2, 4), dtype=np.float32))


def test_a_damaged_file_is_no_outcome(tmp_path):
    path = tmp_path / "file.npz"
    write(path, {("accuracy", "a", "clean"): outcomes(np.ones((2, 9)))})
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(Exception, match="zip"):
        read(path)
