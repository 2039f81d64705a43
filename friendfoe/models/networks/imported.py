"""A network that the user's own Python makes."""

import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator
from torch import nn

from friendfoe.models.config import LARGE, NetworkConfig, Shape
from friendfoe.runtime import paths
from friendfoe.runtime.errors import UserError, first_line
from friendfoe.runtime.strict import nearest


class ImportedConfig(NetworkConfig):
    """What a function or class of yours makes: of a file, or of a package that is installed."""

    kind: Literal["import"]
    label = "{object}"
    foreign = True
    object: str = Field(description="my_package.nets:make, or nets.py:make for a file in the project")
    arguments: dict[str, Any] = Field(default={}, description="that it is called with")

    @property
    def seconds(self) -> float:
        """As of a ResNet-18: nobody knows."""
        return LARGE

    @property
    def files(self) -> list[Path]:
        """The file, and what it may import: the Python beside it."""
        place = self.object.rpartition(":")[0]
        return sorted(paths.own(place).parent.glob("*.py")) if place.endswith(".py") else []

    @field_validator("object")
    @classmethod
    def _names_both(cls, value: str) -> str:
        module, colon, name = value.rpartition(":")
        if not (colon and module and name.isidentifier()):
            raise ValueError("must be MODULE:NAME or FILE.py:NAME, such as nets.py:make")
        return value

    def build(self, shape: Shape, classes: int) -> nn.Module:
        """The network, as `object(**arguments)` gives it.

        Raises:
            UserError: there is no such file, module or name; or it fails, or makes no torch module.
        """
        place, _, name = self.object.rpartition(":")
        module = _from_file(place) if place.endswith(".py") else _from_package(place)
        if not hasattr(module, name):
            known = [one for one in vars(module) if not one.startswith("_")]
            raise UserError(f"{place} has no '{name}'; {nearest(name, known)}")
        try:
            network = getattr(module, name)(**self.arguments)
        except Exception as error:
            raise UserError(f"{self.object} fails: {type(error).__name__}: {first_line(error)}") from error
        if not isinstance(network, nn.Module):
            raise UserError(f"{self.object} gives {type(network).__name__}; it has to give a torch.nn.Module")
        return network


def _from_file(place: str) -> Any:
    path = paths.own(place)
    if not path.is_file():
        raise UserError(f"{place} is missing; networks of your own stand in a file of this name")
    name = f"friendfoe_user_{path.stem}"
    spec = spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickles look for it there
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)  # it may import what stands beside it
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UserError(f"{place} cannot be imported: {type(error).__name__}: {first_line(error)}") from error
    finally:
        sys.path.remove(folder)
    return module


def _from_package(place: str) -> Any:
    try:
        return import_module(place)
    except Exception as error:
        raise UserError(f"{place} cannot be imported: {type(error).__name__}: {first_line(error)}") from error
