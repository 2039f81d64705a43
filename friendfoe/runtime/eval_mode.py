"""A model in eval mode for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def in_eval_mode(model: object) -> Iterator[None]:
    """Every module in eval mode, afterwards in the mode in which it was found; what is no module stays as it is."""
    modules = model.modules() if isinstance(model, nn.Module) else ()
    modes = [(module, module.training) for module in modules if hasattr(module, "training")]  # frozen scripts have none
    try:
        for module, _ in modes:
            module.training = False
        yield
    finally:
        for module, training in modes:
            module.training = training
