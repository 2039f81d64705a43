"""What the analysis of a study works from: images, perturbed sets and models, by name."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Generic, TypeVar

from torch import Tensor, nn

from friendfoe import runtime
from friendfoe.data.store import Images, Split, load_images, load_split
from friendfoe.evaluation.rows import evaluated_rows
from friendfoe.models.registry import Header, load, read_header
from friendfoe.params import Data, Params, Study, replicates, tailored
from friendfoe.runtime import paths
from friendfoe.tailored import Tailored

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
        return range(replicates(self.params, self.data, self.name))

    def seed(self, *words: str | int) -> int:
        """A seed of this data set and study for the purpose that `words` name."""
        return runtime.seed(self.of_data.seed, self.data, self.name, *words)

    @property
    def tailored(self) -> Tailored:
        """The study's eps and budgets on this data set."""
        return tailored(self.params, self.data, self.name)

    @cached_property
    def train(self) -> Split:
        """The clean training images, on the CPU."""
        return load_split(paths.prepared(self.data), "train")

    @property
    def train_images(self) -> int:
        """How many of the training images the study's models are trained on."""
        return round(len(self.train) * self.tailored.share)

    @cached_property
    def test(self) -> Split:
        """The clean test images that the study looks at, on the CPU."""
        whole, rows = self._whole_test, self._rows
        return whole if rows is None else replace(whole, images=whole.images[rows], labels=whole.labels[rows])

    def perturbed_test(self, name: str, replicate: int) -> Images:
        """A perturbed copy of `test`, uint8 [N, C, H, W]."""
        path = paths.replicate(paths.perturbed(self.data, name), replicate)
        images, rows = load_images(path, like=self._whole_test), self._rows
        return images if rows is None else images[rows]

    @cached_property
    def _whole_test(self) -> Split:
        return load_split(paths.prepared(self.data), "test")

    @cached_property
    def _rows(self) -> Tensor | None:
        return evaluated_rows(self._whole_test, self.tailored.images)

    def network(self, model: str, replicate: int, *, last: bool = False) -> nn.Module:
        """A replicate of a model, on the device and in evaluation mode; `last`: after the last epoch, not the best."""
        path = (paths.last if last else paths.replicate)(paths.model(self.data, model), replicate)
        return load(path).to(runtime.device())

    def header(self, model: str) -> Header:
        """What the weights file of a model's first replicate says of itself."""
        return read_header(paths.replicate(paths.model(self.data, model), 0))
