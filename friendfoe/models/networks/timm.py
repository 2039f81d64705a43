"""Any classifier of timm, which is installed apart (`pip install timm`)."""

from difflib import get_close_matches
from typing import Any, Literal

from pydantic import Field
from torch import nn

from friendfoe.models.config import LARGE, NetworkConfig, Shape
from friendfoe.runtime.errors import UserError, first_line


class TimmConfig(NetworkConfig):
    """Any classifier of timm, with fresh weights."""

    kind: Literal["timm"]
    label = "{name} of timm"
    name: str = Field(description="a name that timm.create_model knows, such as vit_tiny_patch16_224")
    arguments: dict[str, Any] = Field(default={}, description="of timm.create_model, besides classes and channels")

    @property
    def seconds(self) -> float:
        """As of a ResNet-18, whichever it is."""
        return LARGE

    def build(self, shape: Shape, classes: int) -> nn.Module:
        """The network for images of this size; a UserError where timm is missing, or has no such network."""
        try:
            import timm
        except ImportError:
            raise UserError(f"network '{self.name}' is one of timm, which is not installed; pip install timm") from None
        if not timm.is_model(self.name):
            near = get_close_matches(self.name, timm.list_models(), n=3, cutoff=0.0)
            raise UserError(f"timm has no network '{self.name}'; the nearest are {', '.join(near)}")
        options = {"num_classes": classes, "in_chans": shape[0], **self.arguments}
        try:
            if "img_size" not in options:
                try:  # transformers are made for one size
                    return timm.create_model(self.name, img_size=shape[1:], **options)
                except TypeError as error:
                    if "img_size" not in str(error):
                        raise
            return timm.create_model(self.name, **options)
        except (AssertionError, RuntimeError, TypeError, ValueError) as error:
            said = first_line(error)
            raise UserError(f"network '{self.name}' of timm cannot be made for these images: {said}") from None
