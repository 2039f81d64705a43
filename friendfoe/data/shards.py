"""Images too many for memory, mapped from several files and read when they are indexed."""

import torch


class ShardedImages:
    """uint8 images [N, C, H, W] in memory-mapped shards: indexing reads the chosen rows and nothing else."""

    def __init__(self, shards: list[torch.Tensor]) -> None:
        self._shards = shards
        # first row of each shard, and the end
        self._starts = torch.tensor([0, *(len(shard) for shard in shards)]).cumsum(0)

    @property
    def shape(self) -> torch.Size:
        """N, C, H, W."""
        return torch.Size((len(self), *self._shards[0].shape[1:]))

    @property
    def dtype(self) -> torch.dtype:
        """Of the pixels: torch.uint8."""
        return self._shards[0].dtype

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, rows: torch.Tensor | slice) -> torch.Tensor:
        """Give the images of an index tensor int64 [n], of a mask bool [N] or of a slice, as uint8 [n, C, H, W].

        Raises:
            IndexError: a row outside 0..N-1 (negative rows count from the end).
        """
        if isinstance(rows, slice):
            rows = torch.arange(len(self))[rows]
        rows = rows.cpu()
        if rows.dtype == torch.bool:
            if rows.shape != (len(self),):
                raise IndexError(f"a mask of shape {tuple(rows.shape)} for {len(self)} images")
            rows = rows.nonzero().flatten()
        rows = torch.where(rows < 0, rows + len(self), rows)
        if len(rows) and not 0 <= int(rows.min()) <= int(rows.max()) < len(self):
            raise IndexError(f"rows {int(rows.min())}..{int(rows.max())} of {len(self)} images")
        images = torch.empty((len(rows), *self.shape[1:]), dtype=self.dtype)
        shard_of = torch.bucketize(rows, self._starts, right=True) - 1
        for number in sorted(set(shard_of.tolist())):
            here = shard_of == number
            images[here] = self._shards[number][rows[here] - self._starts[number]]
        return images
