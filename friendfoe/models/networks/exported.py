"""A network that was exported by `torch.export`, with its weights."""

from pathlib import Path
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from friendfoe.models.config import LARGE, NetworkConfig, Shape
from friendfoe.runtime import paths
from friendfoe.runtime.errors import UserError, first_line


class ExportedConfig(NetworkConfig):
    """A program of torch.export (.pt2): layers and weights in one file, without the code that has made it.

    torch reads such files by pickle: take them only from whom you would take code.
    """

    kind: Literal["exported"]
    label = "{file}"
    foreign = True
    file: str = Field(description="that torch.export.save has written")

    @property
    def seconds(self) -> float:
        """As of a ResNet-18: nobody knows."""
        return LARGE

    @property
    def files(self) -> list[Path]:
        """The program."""
        return [paths.own(self.file)]

    def build(self, shape: Shape, classes: int) -> nn.Module:
        """The program as a module.

        Raises:
            UserError: the file is missing or damaged; or the program takes other images, takes batches of one size
                alone, or has lost its gradients.
        """
        path = paths.own(self.file)
        if not path.is_file():
            raise UserError(f"{self.file} is missing; name what torch.export.save has written")
        try:
            program = Exported(torch.export.load(path).module())
        except Exception as error:
            said = first_line(error)
            raise UserError(f"{self.file} is no exported program ({said}); write it by torch.export.save") from None
        _probe(program, shape, self.file)
        return program


class Exported(nn.Module):
    """An exported program, whose mode of training was fixed when it was exported."""

    def __init__(self, program: nn.Module) -> None:
        super().__init__()
        self.program = program

    def forward(self, images: Tensor) -> Tensor:
        """Logits [N, K]."""
        logits: Tensor = self.program(images)
        return logits

    def train(self, mode: bool = True) -> "Exported":
        """Leave the program as it is: it has no modes to choose from."""
        self.training = mode
        return self


def _probe(program: nn.Module, shape: Shape, file: str) -> None:
    """Two batches of other sizes must pass, forward and backward."""
    for count in (3, 5):
        images = torch.full((count, *shape), 0.5, requires_grad=True)
        try:
            logits = program(images)
        except Exception as error:
            said = first_line(error)
            if "size()[0]" in said:
                hint = "dynamic_shapes=({0: torch.export.Dim('batch')},)"
                raise UserError(f"{file} takes batches of one size alone; export it with {hint}") from None
            raise UserError(f"{file} does not take images of {'×'.join(map(str, shape))}: {said}") from None
        if not logits.requires_grad:
            raise UserError(
                f"{file} has no gradients; export it without torch.no_grad, or examine the network from its own code"
            )
