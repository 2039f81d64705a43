"""A trained network as words name it: what it is, its weights, and how its images are normalised."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from torch import nn

from friendfoe.diagnosis.unfit import UnfitError
from friendfoe.models import weights as own
from friendfoe.models.classifier import build
from friendfoe.models.config import NetworkConfig, Shape
from friendfoe.models.foreign import fit, read_state
from friendfoe.models.networks.exported import ExportedConfig
from friendfoe.models.networks.imported import ImportedConfig
from friendfoe.models.normalisation import NONE, normalisation
from friendfoe.runtime.kinds import kinds
from friendfoe.runtime.strict import nearest
from friendfoe.runtime.yaml import describe

_BY_NAME = {"torchvision": "name", "timm": "name", "import": "object", "exported": "file"}


def network(
    word: str,
    weights: Path | None,
    shape: Shape,
    classes: Sequence[str],
    *,
    arguments: str = "",
    normalise: str = NONE,
    key: str | None = None,
) -> nn.Module:
    """The network with its weights, on the CPU and in eval mode.

    Args:
        word: `torchvision:NAME`, `timm:NAME`, `FILE.py:FUNCTION` or `PACKAGE.MODULE:FUNCTION`, `FILE.pt2`, or the
            settings of any network as JSON; empty for weights that friendfoe has trained.
        weights: safetensors, or a state dict in a .pt or .pth file; None where the network comes with its own.
        shape: channels, height and width of the images.
        classes: names of those that it has to tell apart.
        arguments: as JSON, that a function of yours, or timm, is called with.
        normalise: as `friendfoe.models.normalisation` has it.
        key: where a checkpoint holds several networks, the one to take.

    Raises:
        UserError: in one line, what is not known or does not fit.
    """
    if not word:
        if weights is None:
            raise UnfitError("--network is missing: torchvision:NAME, timm:NAME, FILE.py:FUNCTION or FILE.pt2")
        return _trained_here(weights, classes)
    config = settings(word, arguments)
    try:
        mean, std = normalisation(normalise) or (None, None)
    except ValueError as error:
        raise UnfitError(f"--normalise {normalise}: {error}") from None
    made = build(config, shape, len(classes), mean, std)
    if weights is not None:
        fit(made[1], read_state(weights, key), weights)
    elif not isinstance(config, ImportedConfig | ExportedConfig):
        raise UnfitError(f"--weights is missing: those of a fresh {config.describe()} are random")
    return made.eval()


def settings(word: str, arguments: str = "") -> NetworkConfig:
    """The settings of a network that a word names; a UserError where it names none."""
    section = _json(word, "--network") if word.startswith("{") else _section(word)
    if arguments:
        section["arguments"] = _json(arguments, "--arguments")
    try:
        return NetworkConfig.model_validate(section)
    except ValidationError as error:
        raise UnfitError(f"--network {word}: {describe(error, section)}") from None


def _section(word: str) -> dict[str, Any]:
    kind, colon, name = word.partition(":")
    if not colon and word.endswith(".pt2"):
        return {"kind": "exported", "file": word}
    if colon and kind in _BY_NAME:
        return {"kind": kind, _BY_NAME[kind]: name}
    if colon and ("." in kind or "/" in kind):
        return {"kind": "import", "object": word}
    known = kinds(NetworkConfig)
    if word in known:
        return {"kind": word}
    hint = nearest(kind, [*_BY_NAME]) if colon else "write torchvision:NAME, timm:NAME, FILE.py:FUNCTION or FILE.pt2"
    raise UnfitError(f"--network {word}: is no network; {hint}")


def _json(text: str, option: str) -> dict[str, Any]:
    try:
        section = json.loads(text)
    except ValueError as error:
        raise UnfitError(f"{option}: is no JSON ({error}); write it as '{{\"width\": 4}}'") from None
    if not isinstance(section, dict):
        raise UnfitError(f"{option}: must be a JSON object such as '{{\"width\": 4}}', got {text}")
    return section


def _trained_here(path: Path, classes: Sequence[str]) -> nn.Module:
    """A network of which the file of weights says all."""
    header = own.read_header(path)
    if len(header.classes) != len(classes):
        raise UnfitError(f"{path} tells {len(header.classes)} classes apart, and the data set has {len(classes)}")
    return own.load(path)
