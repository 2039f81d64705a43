"""What the analysis of a study works from: images, perturbed sets and models, by name."""

from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

from torch import nn

from friendfoe import runtime
from friendfoe.data.store import Images, Split, load_images, load_split
from friendfoe.models.registry import Header, load, read_header
from friendfoe.params import Data, Params, Study
from friendfoe.runtime import paths

S = TypeVar("S", bound=Study)


@dataclass(frozen=True)
class Inputs(Generic[S]):
    """The inputs of one study on one data set.

    Attributes:
        name: of the study.
        data: the data set.
        settings: the study's own section of params.yaml.
        params: the sections that the study's `analyse.KEYS` ask for.
    """

    name: str
    data: str
    settings: S
    params: Params

    @property
    def of_data(self) -> Data:
        """The data set's section of params.yaml, cut down to what `analyse.KEYS` ask for."""
        return self.params.data[self.data]

    @property
    def replicates(self) -> range:
        """The numbers of the replicates."""
        return range(self.of_data.replicates)

    def seed(self, *words: str | int) -> int:
        """A seed of this data set and study for the purpose that `words` name."""
        return runtime.seed(self.of_data.seed, self.data, self.name, *words)

    @cached_property
    def test(self) -> Split:
        """The clean test images, on the CPU."""
        return load_split(paths.prepared(self.data), "test")

    def perturbed_test(self, name: str, replicate: int) -> Images:
        """A perturbed copy of the test images, uint8 [N, C, H, W]."""
        return load_images(paths.replicate(paths.perturbed(self.data, name), replicate), like=self.test)

    def network(self, model: str, replicate: int) -> nn.Module:
        """A replicate of a model, on the device and in evaluation mode."""
        return load(paths.replicate(paths.model(self.data, model), replicate)).to(runtime.device())

    def header(self, model: str) -> Header:
        """What the weights file of a model's first replicate says of itself."""
        return read_header(paths.replicate(paths.model(self.data, model), 0))
