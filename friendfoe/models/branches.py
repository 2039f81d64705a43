"""Auxiliary batch norm: a batch norm per distribution of images, in any network (Xie et al. 2020, arXiv 1911.09665).

add_branches(network, ["adversarial"])           # in place; the network goes on as it was, through "main"
with branch(network, "adversarial"):
    network(images)                              # these statistics alone are used, and moved while training
plain(network)                                   # the main branch alone, as a network without branches
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

MAIN = "main"
M = TypeVar("M", bound=nn.Module)


class Branches(nn.Module):
    """A batch norm and copies of it by name, one of which is active.

    Args:
        main: the batch norm of the network; it becomes the branch `main`.
        names: of the copies, which begin with its weights and statistics as they are.
        shared_affine: the copies share its scale and shift, so that they differ in their statistics alone.
    """

    any_memory_format = True

    def __init__(self, main: _BatchNorm, names: Sequence[str], *, shared_affine: bool) -> None:
        super().__init__()
        self.norms = nn.ModuleDict({MAIN: main})
        self.active = MAIN
        for name in names:
            self.norms[name] = copy.deepcopy(main)
            if shared_affine:
                self.norms[name].weight, self.norms[name].bias = main.weight, main.bias

    def forward(self, x: Tensor) -> Tensor:
        """What the active batch norm makes of x."""
        y: Tensor = self.norms[self.active](x)
        return y


def add_branches(network: nn.Module, names: Sequence[str], *, shared_affine: bool = False) -> None:
    """Give every batch norm of a network further branches, in place; without names nothing changes.

    Raises:
        ValueError: the network has no batch norm, or branches already; a name is taken or cannot be one.
    """
    if not names:
        return
    for name in names:
        if name == MAIN or list(names).count(name) > 1:
            raise ValueError(f"branches: '{name}' stands there twice ('{MAIN}' is always there); leave one")
        if not name or "." in name or hasattr(nn.ModuleDict(), name):
            raise ValueError(f"branches: '{name}' cannot be the name of a branch; take another word")
    if _branches(network):
        raise ValueError("network: it has branches already; name all of them at once")
    if not _replace(network, _BatchNorm, lambda main: Branches(main, names, shared_affine=shared_affine)):
        raise ValueError("network: it has no batch norm, and auxiliary branches are batch norms; take one that has")


@contextmanager
def branch(network: nn.Module, name: str) -> Iterator[None]:
    """Let images pass through this branch alone, afterwards the one as before; a ValueError if there is none such."""
    parts = _branches(network)
    known = list(parts[0].norms) if parts else [MAIN]
    if name not in known:
        raise ValueError(f"branch: the network has no '{name}'; it has {', '.join(known)}")
    before = [part.active for part in parts]
    try:
        for part in parts:
            part.active = name
        yield
    finally:
        for part, active in zip(parts, before, strict=True):
            part.active = active


def plain(network: nn.Module, name: str = MAIN) -> nn.Module:
    """A copy of the network with one branch alone, as the network was built; without branches the network itself."""
    with branch(network, name):  # or the ValueError that there is no such branch
        if not _branches(network):
            return network
        alone = copy.deepcopy(network)
    _replace(alone, Branches, lambda branches: branches.norms[name])
    return alone


def _replace(network: nn.Module, kind: type[M], new: Callable[[M], nn.Module]) -> bool:
    """Put new modules in the place of all of a kind, one for each; say whether there is any."""
    places = [
        (parent, name, module)
        for parent in network.modules()
        for name, module in parent._modules.items()  # named_children leaves out what stands there twice
        if isinstance(module, kind)
    ]
    replacements = {module: new(module) for _, _, module in places}  # what stands in two places stays one
    for parent, name, module in places:
        setattr(parent, name, replacements[module])
    return bool(places)


def _branches(network: nn.Module) -> list[Branches]:
    return [module for module in network.modules() if isinstance(module, Branches)]
