"""Images too many for memory, mapped from several files and read when they are indexed."""

import numpy as np
import torch


class ShardedImages:
    """uint8 images [N, C, H, W] in memory-mapped shards: indexing reads the chosen rows and nothing else."""

    def __init__(self, shards: list[torch.Tensor]) -> None:
        self.shape = torch.Size((sum(map(len, shards)), *shards[0].shape[1:]))
        self.dtype = shards[0].dtype
        # NumPy copies a few rows in one thread: torch starts several for them, ten times slower on a busy machine
        self._shards = [shard.numpy() for shard in shards]
        self._starts = np.cumsum([0, *map(len, shards)])  # first row of each shard, and the end
        self._rows = np.arange(len(self))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: torch.Tensor | slice) -> torch.Tensor:
        """Give the images of an index tensor int64 [n], of a mask bool [N] or of a slice, as uint8 [n, C, H, W].

        Raises:
            IndexError: a row outside -N..N-1, or a mask of another length.
        """
        rows = self._rows[index if isinstance(index, slice) else index.cpu().numpy()]
        images = np.empty((len(rows), *self.shape[1:]), dtype=np.uint8)
        shard_of = np.searchsorted(self._starts, rows, side="right") - 1
        for number in np.unique(shard_of):
            here = np.flatnonzero(shard_of == number)
            images[here] = self._shards[number][rows[here] - self._starts[number]]
        return torch.from_numpy(images)
