"""Some rows of a data set, the classes in proportion."""

import numpy as np

from friendfoe.data.sources.config import Labels, Rows


def stratified(labels: Labels, count: int, seed: int) -> Rows:
    """Choose `count` rows of labels int64 [N] at random with the classes in proportion, in the order of the rows.

    Every class has at least one where `count` reaches the number of classes.
    """
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    sizes = np.bincount(labels)
    first = np.cumsum(sizes) - sizes
    # the i-th of n rows of a class comes at i/n: taking rows in that order keeps the classes in proportion all along
    share = (np.arange(len(labels)) - np.repeat(first, sizes)) / np.repeat(sizes, sizes)
    return np.sort(by_class[np.argsort(share, kind="stable")[:count]])
