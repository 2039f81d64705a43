"""Weights files: safetensors, with a header that says which network they belong to and how they came about."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field, SerializeAsAny, ValidationError
from torch import Tensor, nn
from torch.nn.modules import module as hooks

from friendfoe.models.classifier import Classifier, build
from friendfoe.models.config import NetworkConfig
from friendfoe.runtime import tensors
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.files import atomic_path
from friendfoe.runtime.memory_format import to_fast_format
from friendfoe.runtime.recorded import remedy
from friendfoe.runtime.strict import Strict

Side = Annotated[int, Field(ge=1, le=1 << 20)]


class Header(Strict, strict=False):
    """What a weights file says of itself."""

    data: str  # SHA-256 of the clean training split
    shape: tuple[Side, Side, Side]
    classes: Annotated[list[str], Field(min_length=1)]
    network: SerializeAsAny[NetworkConfig]
    seed: int
    job: dict[str, Any] = {}  # the training job, as the plan has it
    provenance: dict[str, Any] = {}  # commit, versions, hardware, times


def save(network: nn.Module, path: Path, header: Header) -> None:
    """Write the weights as safetensors, with the header as JSON in the file."""
    from safetensors.torch import save_file

    # copies, for layers may share their weights, and tensors of a file may not
    state = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in network.state_dict().items()}
    with atomic_path(path) as partial:
        tensors.write(save_file, state, partial, header.model_dump_json())


def read_header(path: Path) -> Header:
    """What a weights file says of itself.

    Raises:
        UserError: the file is missing or damaged, was not written by `save`, or is of a network that is unknown here.
    """
    from safetensors import SafetensorError, safe_open

    again, ours = "take another copy of it", True
    try:
        tensors.check(path)
        with safe_open(path, "pt") as file:
            return Header.model_validate_json(tensors.header(file.metadata()))
    except FileNotFoundError:
        raise UserError(f"{path} is missing; `dvc repro` of the stage that trains this model makes it") from None
    except ValidationError as error:
        first = error.errors()[0]
        problem = f"is of a network or a header that this version does not know ({first['msg']})"
    except tensors.ForeignError as error:
        ours, again = (
            False,
            "load it by what has made it (attacks take any torch module); `load` reads what `save` has written",
        )
        problem = f"is no weights file of friendfoe but {error}"
    except (tensors.DamageError, SafetensorError, OSError) as error:
        problem = f"is damaged ({error})"
    raise UserError(f"{path} {problem}; {remedy(path, ours=ours) or again}") from None


def load(path: Path) -> Classifier:
    """The network of a weights file, on the CPU and in evaluation mode.

    Raises:
        UserError: as `read_header`; or the weights are not those of the network that the header names, or not finite.
    """
    from safetensors.torch import load_file

    header, weights = read_header(path), load_file(path)
    try:
        with _no_more_parts_than(weights):
            _check_shapes(header, weights)
            network = _built(header, weights)
        network.load_state_dict(weights)
    except (RuntimeError, ValueError, TypeError, UserError) as error:
        reason = str(error).splitlines()[:2][-1].strip()
        problem = f"does not fit its network ({header.network.kind}): {reason}"
    else:
        spoilt = next((name for name, tensor in weights.items() if not torch.isfinite(tensor).all()), None)
        if spoilt is None:
            to_fast_format(network)
            return network.eval()
        problem = f"holds numbers that are not finite ({spoilt})"
    raise UserError(f"{path} {problem}; {remedy(path) or 'train the network again, and save it'}") from None


def _built(header: Header, weights: dict[str, Tensor]) -> Classifier:
    """The network of a header, whose normalisation may make colour images of grey ones."""
    mean = weights.get("0.mean", torch.zeros(header.shape[0])).flatten().tolist()
    return build(header.network, header.shape, len(header.classes), mean, [1.0] * len(mean))


def _check_shapes(header: Header, weights: dict[str, Tensor]) -> None:
    """Build the network without memory, so that the header may speak of 1e9 channels, and compare the weights' shapes.

    Raises:
        RuntimeError: they differ.
    """
    if header.network.foreign:
        return
    try:
        with torch.device("meta"):
            network = _built(header, weights)
    except (RuntimeError, UserError) as error:
        if "meta tensor" in str(error):  # it is made by numbers that it computes from tensors
            return
        raise
    network.load_state_dict(weights, assign=True)


@contextmanager
def _no_more_parts_than(weights: dict[str, Tensor]) -> Iterator[None]:
    """Stop the building of a network that has many more modules and parameters than there are weights for it.

    Raises:
        ValueError: it has: a header may speak of 1e9 members.
    """
    left = 1000 + 20 * len(weights)

    def count(module: nn.Module, name: str, part: nn.Module | nn.Parameter | None) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise ValueError("it would have more parameters than there are weights")

    handles = [hooks.register_module_parameter_registration_hook(count)]
    handles.append(hooks.register_module_module_registration_hook(count))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
