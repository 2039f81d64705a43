"""What CUDA refuses, and what it does only after all that was asked of it before is done."""

import torch

from tests.pretended_card.tensor import CudaTensor, DeviceError

aten = torch.ops.aten

WAITS = {
    aten._local_scalar_dense.default: "item",
    aten.item.default: "item",
    aten.is_nonzero.default: "item",
    aten.equal.default: "equal",
    # the size of their results depends on values
    aten.nonzero.default: "nonzero",
    aten.masked_select.default: "masked_select",
    aten._unique2.default: "unique",
    aten.unique_dim.default: "unique",
    aten.bincount.default: "bincount",
    aten.repeat_interleave.Tensor: "repeat_interleave",
}
INDEXED = {
    aten.index.Tensor,
    aten.index_put.default,
    aten.index_put_.default,
    aten._index_put_impl_.default,
    aten._unsafe_index.Tensor,
    aten._unsafe_index_put.default,
}
# a number on the CPU is taken, though the operation is not pointwise
_TAKES_NUMBERS = {
    aten.where.self,
    aten.clamp.Tensor,
    aten.lerp_.Scalar,
    aten.masked_fill.Tensor,
    aten.masked_fill_.Tensor,
}


def check_devices(operation, on_card, on_cpu):
    """Tensors of an operation lie on one device, but for numbers."""
    for tensor in on_cpu:
        if tensor.dim() == 0 and (torch.Tag.pointwise in operation.tags or operation in _TAKES_NUMBERS):
            continue
        shapes = [("cuda", tuple(t.shape)) for t in on_card] + [("cpu", tuple(t.shape)) for t in on_cpu]
        raise DeviceError(
            "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu! "
            f"({operation}: {shapes})"
        )


def check_generator(operation, arguments):
    """Random numbers of the card come from a generator of the card."""
    for generator in arguments:
        if isinstance(generator, torch.Generator) and generator.device.type != "cuda":
            raise DeviceError(f"Expected a 'cuda' device type for generator but found 'cpu' ({operation})")


def waits_of_indexing(operation, indexed, indices, *values):
    """For what an operation with indices waits; an index may come from the CPU, but not the other way round."""
    if not isinstance(indexed, CudaTensor):
        raise DeviceError(
            f"indices should be either on cpu or on the same device as the indexed tensor (cpu) ({operation})"
        )
    if any(isinstance(value, torch.Tensor) and type(value) is not CudaTensor and value.dim() for value in values):
        raise DeviceError(f"Expected all tensors to be on the same device: the values of {operation}")
    for index in indices:
        if index is not None and not isinstance(index, CudaTensor):
            yield "index from the CPU"
        if index is not None and index.dtype in (torch.bool, torch.uint8):
            yield "index by a mask"
