"""What params.yaml says of where a data set comes from."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from friendfoe.runtime.strict import Strict


class _Source(Strict):
    limit: PositiveInt | None = Field(
        default=None, description="use only so many images of each split, with the classes in proportion"
    )


class Digits(_Source):
    """scikit-learn's 1 797 handwritten digits of 8x8 pixels; they come with the library."""

    kind: Literal["digits"]


class Torchvision(_Source):
    """A public data set that torchvision knows; its raw files are found under the data root or downloaded there."""

    kind: Literal["mnist", "fashion_mnist", "cifar10", "cifar100", "svhn", "stl10"]


class Folder(_Source):
    """Image files as `train/CLASS/*` and `test/CLASS/*`."""

    kind: Literal["folder"]
    path: Path = Field(description="the folder; relative paths start at the data root")
    # not `size`: the run-cache of DVC ignores params of that name and would give stale results
    resize: PositiveInt | None = Field(
        default=None, description="side in pixels that every image is resized and centre-cropped to; null: as they are"
    )


class Npz(_Source):
    """One NumPy archive with images and labels of both splits."""

    kind: Literal["npz"]
    path: Path = Field(description="the file; relative paths start at the data root")


Source = Annotated[Digits | Torchvision | Folder | Npz, Field(discriminator="kind")]
