"""Several processes that do one piece of work together: train one network, or each a part of the samples.

`FRIENDFOE_PROCESSES` has a stage start them; `torchrun` starts them around a stage. Everything that they draw comes of
the same seeds, so that each knows what the others know.
"""

import atexit
import inspect
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten, tree_map_only

from friendfoe import runtime
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.forks import Send, Workers, can_fork

_MEETING = "FRIENDFOE_MEETING"  # a file by which those that a stage has started find one another
T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """The processes that work together, as seen from one of them."""

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and shows progress."""
        return self.rank == 0

    @property
    def share(self) -> slice:
        """This process's part of every batch."""
        return slice(self.rank, None, self.world)

    def norms(self) -> Any:
        """While in this context, batch norms that are trained see the whole batch and not this process's part."""
        return _NormsOfAll() if self.world > 1 else nullcontext()

    def add_up(self, weights: Iterable[nn.Parameter]) -> None:
        """Make of the gradients of parts of a loss those of the loss.

        PyTorch's DistributedDataParallel does so while gradients are still computed; but it fails for networks that are
        asked twice before the backward pass, or that at times use only some of their weights, as those of AdvProp.
        """
        slopes = [weight.grad for weight in weights if weight.grad is not None]
        flat = torch.cat([slope.flatten() for slope in slopes])
        sums = torch.split(self.sum(flat), [slope.numel() for slope in slopes])
        for slope, total in zip(slopes, sums, strict=True):
            slope.copy_(total.view_as(slope))

    def sum(self, values: Tensor) -> Tensor:
        """The sum of `values` over the processes."""
        if self.world > 1:
            torch.distributed.all_reduce(values)
        return values

    def wait(self) -> None:
        """Wait until all processes are here: what the first has written can then be read by the others."""
        if self.world > 1:
            torch.distributed.barrier()

    def gather(self, parts: list[T], device: torch.device) -> list[T]:
        """The parts of all processes, in the order of their ranks; tensors on the device are on this process's own."""
        on_device = any(leaf.device.type != "cpu" for leaf in tree_flatten(parts)[0] if isinstance(leaf, Tensor))
        found: list[Any] = [None] * self.world
        sent = tree_map_only(Tensor, lambda tensor: tensor.detach().cpu(), parts)
        torch.distributed.all_gather_object(found, (sent, on_device))
        return [
            tree_map_only(Tensor, lambda tensor: tensor.to(device), part) if there else part
            for parts, there in found
            for part in parts
        ]


ONE = Processes()


def join(device: torch.device) -> Processes:
    """The processes that torchrun or `together` has started, joined by NCCL on GPUs and gloo on CPUs; else just one.

    They are joined at the first call and part when Python ends: a group that has parted cannot be joined again.
    """
    world = runtime.number("WORLD_SIZE", 1, least=1)
    if world == 1:
        return ONE
    if not torch.distributed.is_initialized():
        if device.type == "cuda":
            torch.cuda.set_device(device)
        backend, meeting = "nccl" if device.type == "cuda" else "gloo", os.environ.get(_MEETING)
        place = {"init_method": meeting, "rank": int(os.environ["RANK"]), "world_size": world} if meeting else {}
        torch.distributed.init_process_group(backend, **place)  # type: ignore[arg-type]
        atexit.register(torch.distributed.destroy_process_group)
    return Processes(torch.distributed.get_rank(), world)


def asked_for() -> int:
    """How many processes a stage is to start for one piece of work: `FRIENDFOE_PROCESSES`, else one.

    None more where this process is one of several already.

    Raises:
        UserError: it is no such number, or there are not so many GPUs, or this system cannot fork.
    """
    count = runtime.number("FRIENDFOE_PROCESSES", 1, least=1)
    if count == 1 or "WORLD_SIZE" in os.environ:
        return 1
    if not can_fork():
        raise UserError(f"FRIENDFOE_PROCESSES={count}: several processes need Linux, not {sys.platform}; leave it out")
    cards = torch.cuda.device_count()
    if runtime.device().type == "cuda" and cards < count:
        raise UserError(f"FRIENDFOE_PROCESSES={count}: each has a GPU of its own, and there are {cards}; ask for fewer")
    return count


def together(work: Callable[[Send], T], count: int, listen: Callable[[Any], None]) -> T:
    """Do work in so many processes, of which each can `join` the others; what the first one returns.

    Args:
        work: is called with what to tell news with.
        count: of processes.
        listen: is told the news of the first one.
    """
    with tempfile.TemporaryDirectory() as folder:
        meeting = f"file://{Path(folder).absolute()}/meeting"
        tasks = ((rank, partial(_one_of, work, rank, count, meeting)) for rank in range(count))
        results = dict(Workers(count, lambda rank, news: listen(news)).run(tasks))
    result: T = results[0]
    return result


def _one_of(work: Callable[[Send], T], rank: int, count: int, meeting: str, send: Send) -> T | None:
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(count), _MEETING: meeting}
    result = work(send if rank == 0 else lambda news: None)
    if torch.distributed.is_initialized():
        torch.distributed.barrier()  # the first to end would break the connections of the others
    return result if rank == 0 else None


_SIGNATURE = inspect.signature(F.batch_norm)
_divided = ONE


@contextmanager
def divided(processes: Processes) -> Iterator[None]:
    """While in this context, `each_in_turn` has each process do its part; all of them have to be in it."""
    global _divided
    before, _divided = _divided, processes
    try:
        yield
    finally:
        _divided = before


def each_in_turn(pieces: list[Tensor], work: Callable[[Tensor], Iterator[T]], device: torch.device) -> Iterator[T]:
    """What the work gives for every piece, in order; each process does every so-many-th of them."""
    processes = _divided
    for start in range(0, len(pieces), processes.world):
        mine = pieces[start + processes.rank : start + processes.rank + 1]
        with divided(ONE):  # the others have other work
            done = [part for piece in mine for part in work(piece)]
        yield from processes.gather(done, device) if processes.world > 1 else done


def is_divided() -> bool:
    """Whether several processes do parts of the work on samples."""
    return _divided.world > 1


class _NormsOfAll(TorchFunctionMode):
    """Batch norm over the batches of all processes, which PyTorch has for GPUs alone (SyncBatchNorm)."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is F.batch_norm:  # as modules call it
            asked = _SIGNATURE.bind(*args, **kwargs)
            asked.apply_defaults()
            if asked.arguments.pop("training"):
                return _norm(*asked.arguments.values())
        return func(*args, **kwargs)


def _total(values: Tensor) -> Tensor:
    values = values.clone(memory_format=torch.contiguous_format)
    torch.distributed.all_reduce(values)
    return values


class _Total(torch.autograd.Function):
    """The sum over all processes, whose gradient is the sum of theirs."""

    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        return _total(values)

    @staticmethod
    def backward(context: Any, slope: Tensor) -> Tensor:
        return _total(slope)


def _norm(
    x: Tensor,
    running_mean: Tensor | None,
    running_variance: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    momentum: float,
    eps: float,
) -> Tensor:
    over, shape = [0, *range(2, x.dim())], [1, -1, *[1] * (x.dim() - 2)]
    count = x.new_tensor([x.numel() // x.shape[1]])
    total: Tensor = _Total.apply(torch.cat([x.sum(over), count]))
    count = total[-1].detach()
    mean = total[:-1] / count
    centred = x - mean.view(shape)
    variance: Tensor = _Total.apply((centred * centred).sum(over)) / count
    if running_mean is not None and running_variance is not None:
        with torch.no_grad():
            running_mean.lerp_(mean, momentum)
            running_variance.lerp_(variance * (count / (count - 1)), momentum)
    y: Tensor = centred * (variance + eps).rsqrt().view(shape)
    if weight is not None:
        y = y * weight.view(shape)
    return y if bias is None else y + bias.view(shape)
