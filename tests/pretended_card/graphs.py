"""CUDA graphs of the card: what was taken down is done again, on the same memory, with the Python values of then."""

from contextlib import contextmanager

import torch
from torch.utils._pytree import tree_map_only

from tests.pretended_card.tensor import CudaTensor


class Graph:
    """In place of `torch.cuda.CUDAGraph`: each replay is one launch."""

    def __init__(self, keep_graph=False):
        self._done = []
        self._before = []

    def keep(self, operation, args, kwargs):
        """Before an operation is captured: what it is about to overwrite."""
        for tensor in _written(operation, args, kwargs):
            self._before.append((tensor.detach(), tensor.clone()))

    def take_down(self, operation, kernel, args, kwargs, result):
        """An operation that was captured, what computes it, and the memory that its results are to lie in."""
        if torch.Tag.inplace_view not in operation.tags:  # which changes a shape, and no memory
            # by names of their own, for their shapes may be changed later
            self._done.append(tree_map_only(torch.Tensor, torch.Tensor.detach, (kernel, args, kwargs, result)))

    def restore(self):
        """Undo what the capture has done to memory that was there before."""
        for tensor, values in reversed(self._before):
            tensor.copy_(values)
        self._before.clear()

    def replay(self):
        """Do it all again."""
        CudaTensor.card.launches["graph"] += 1
        for kernel, args, kwargs, result in self._done:
            again = kernel(*args, **kwargs)
            for old, new in zip(_tensors(result), _tensors(again), strict=True):
                if old.data_ptr() != new.data_ptr():  # neither in place nor a view
                    old.copy_(new)

    def reset(self):
        """Forget it."""
        self._done.clear()


@contextmanager
def capturing(graph, pool=None, stream=None, capture_error_mode="global"):
    """In place of `torch.cuda.graph`: what is done inside is taken down.

    A real card does nothing then; this one does it, and undoes what it has done.
    """
    card, launches, numbers = CudaTensor.card, CudaTensor.card.launches.copy(), torch.get_rng_state()
    card.tape = graph
    try:
        yield
    finally:
        card.tape, card.launches = None, launches
        graph.restore()
        torch.set_rng_state(numbers)


def _written(operation, args, kwargs):
    """The tensors that an operation writes into."""
    if operation is torch.ops.aten.native_batch_norm.default:  # which does not say so
        yield from _tensors(args[3:5])
    for place, argument in enumerate(operation._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            yield from _tensors(args[place] if place < len(args) else kwargs.get(argument.name))


def _tensors(values):
    values = values if isinstance(values, list | tuple) else [values]
    return [each for each in values if isinstance(each, torch.Tensor)]
