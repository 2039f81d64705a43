"""Weights files: safetensors, with a header that says which network they belong to and how they came about."""

from pathlib import Path
from typing import Any

import torch
from pydantic import SerializeAsAny, ValidationError
from torch import nn

from friendfoe.models.classifier import Classifier, build
from friendfoe.models.config import NetworkConfig, Shape
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.files import atomic_path
from friendfoe.runtime.strict import Strict


class Header(Strict):
    """What a weights file says of itself."""

    data: str  # SHA-256 of the clean training split
    shape: Shape
    classes: list[str]
    network: SerializeAsAny[NetworkConfig]
    seed: int
    job: dict[str, Any] = {}  # the training job, as the plan has it
    provenance: dict[str, Any] = {}  # commit, versions, hardware, times


def save(network: nn.Module, path: Path, header: Header) -> None:
    """Write the weights as safetensors, with the header as JSON in the file."""
    from safetensors.torch import save_file

    state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    with atomic_path(path) as partial:
        save_file(state, partial, metadata={"friendfoe": header.model_dump_json()})


def read_header(path: Path) -> Header:
    """What a weights file says of itself.

    Raises:
        UserError: the file is missing or damaged, was not written by `save`, or is of a network that is unknown here.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            return Header.model_validate_json((file.metadata() or {}).get("friendfoe", ""))
    except FileNotFoundError:
        raise UserError(f"{path} is missing; `dvc repro` of the stage that trains this model makes it") from None
    except (SafetensorError, OSError) as error:
        problem = f"is damaged ({error})"
    except ValidationError as error:
        unknown = [each["msg"] for each in error.errors() if each["type"] == "unknown_kind"]
        reason = f"its network: {unknown[0]}" if unknown else "its header is missing or damaged"
        problem = f"is no weights file of friendfoe ({reason})"
    raise UserError(f"{path} {problem}; delete it and run `dvc repro` again")


def load(path: Path) -> Classifier:
    """The network of a weights file, on the CPU and in evaluation mode.

    Raises:
        UserError: as `read_header`; or the weights are not those of the network that the header names.
    """
    from safetensors.torch import load_file

    header = read_header(path)
    network = build(header.network, header.shape, len(header.classes))
    try:
        network.load_state_dict(load_file(path))
    except RuntimeError as error:
        reason = str(error).splitlines()[:2][-1].strip()
        problem = f"does not fit its network ({header.network.kind}): {reason}"
        raise UserError(f"{path} {problem} Delete it and run `dvc repro` again") from None
    loaded: Classifier = network.to(memory_format=torch.channels_last).eval()
    return loaded
