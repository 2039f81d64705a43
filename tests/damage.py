"""Files that were damaged after they were written."""

import random
from collections.abc import Iterator
from pathlib import Path

COUNT = 100


def every_flip(path: Path) -> Iterator[int]:
    """The file with one bit flipped, at each of up to 100 places drawn from a seed, its first bytes among them.

    At the end it is as it was.
    """
    whole = path.read_bytes()
    places = {*range(min(len(whole), 50)), *random.Random(0).sample(range(len(whole)), min(len(whole), COUNT - 50))}
    try:
        for place in sorted(places):
            content = bytearray(whole)
            content[place] ^= 1 << place % 8
            path.write_bytes(content)
            yield place
    finally:
        path.write_bytes(whole)
