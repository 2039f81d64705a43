"""scikit-learn's handwritten digits: 1 797 images of 8x8 pixels that come with the library."""

import os
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from friendfoe.data.sources.config import Raw, RawSplit, SourceConfig
from friendfoe.data.stratified import stratified

_TEST_SHARE = 0.2  # the set has no test images of its own


class DigitsConfig(SourceConfig):
    """scikit-learn's 1 797 handwritten digits of 8x8 pixels; they come with the library."""

    kind: Literal["digits"]
    known: ClassVar[tuple[int, int, int]] = (1438, 359, 10)

    def read(self, data_root: Path) -> Raw:
        """Give the digits in 0..255 (they come in 0..16), a fixed fifth of each class as test images."""
        os.environ.setdefault("JOBLIB_MULTIPROCESSING", "0")  # else it warns where /dev/shm cannot be written
        from sklearn.datasets import load_digits

        bunch = load_digits()
        images = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[:, None]
        labels = bunch.target.astype(np.int64)
        test = np.zeros(len(labels), dtype=bool)
        test[stratified(labels, round(_TEST_SHARE * len(labels)), seed=0)] = True
        return Raw(
            classes=[str(name) for name in bunch.target_names],
            train=RawSplit.in_memory(images[~test], labels[~test]),
            test=RawSplit.in_memory(images[test], labels[test]),
        )
