"""Training in several processes: started by `torchrun`, joined by PyTorch's DistributedDataParallel."""

import atexit
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from friendfoe import runtime


@dataclass(frozen=True)
class Processes:
    """The processes that train one network together, as seen from one of them."""

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

    def wrap(self, network: nn.Module) -> nn.Module:
        """The network, with gradients averaged over the processes; batch-norm statistics are those of the first."""
        if self.world == 1:
            return network
        return nn.parallel.DistributedDataParallel(network)

    def sum(self, values: Tensor) -> Tensor:
        """The sum of `values` over the processes."""
        if self.world > 1:
            torch.distributed.all_reduce(values)
        return values

    def wait(self) -> None:
        """Wait until all processes are here: what the first has written can then be read by the others."""
        if self.world > 1:
            torch.distributed.barrier()


ONE = Processes()


def join(device: torch.device) -> Processes:
    """The processes that torchrun has started, joined by NCCL on GPUs and gloo on CPUs; without torchrun, just one.

    They are joined at the first call and part when Python ends: a group that has parted cannot be joined again.
    """
    world = runtime.number("WORLD_SIZE", 1, least=1)
    if world == 1:
        return ONE
    if not torch.distributed.is_initialized():
        if device.type == "cuda":
            torch.cuda.set_device(device)
        torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
        atexit.register(torch.distributed.destroy_process_group)
    return Processes(torch.distributed.get_rank(), world)
