"""Which test images are looked at, where attacks cost too much for all."""

import torch
from torch import Tensor

from friendfoe.data.store import Split
from friendfoe.data.stratified import stratified


def evaluated_rows(test: Split, count: int | None) -> Tensor | None:
    """`count` of the test images, int64 in ascending order, the classes in proportion; None: all of them."""
    if count is None or count >= len(test):
        return None
    return torch.from_numpy(stratified(test.labels.numpy(), count, seed=0))
