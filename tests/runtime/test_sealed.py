"""A flipped bit in a folder of tables and arrays is found."""

import numpy as np
import pytest

from friendfoe.runtime.sealed import check, seal
from tests.damage import every_flip


def test_a_flipped_bit_is_found_in_every_kind_of_file(tmp_path):
    contents = {"table.csv": "a,b\n1,2\n", "facts.json": '{"eps": 0.1}\n'}
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
    np.savez(tmp_path / "arrays.npz", images=np.arange(9))
    check(tmp_path / "table.csv")  # not sealed: as it is
    seal(tmp_path)
    files = sorted(path for path in tmp_path.iterdir() if path.name != "checksums.json")
    assert len(files) == 3
    for path in files:
        check(path)
        for _ in every_flip(path):
            with pytest.raises(ValueError, match="its checksum is not that of its content"):
                check(path)
    for _ in every_flip(tmp_path / "checksums.json"):  # of one of them, and of its name, it is found
        assert sum(map(damaged, files)) >= 1
    (tmp_path / "later.csv").touch()
    assert damaged(tmp_path / "later.csv")
    with pytest.raises(FileNotFoundError):
        check(tmp_path / "none.csv")


def damaged(path):
    try:
        check(path)
    except ValueError:
        return True
    return False
