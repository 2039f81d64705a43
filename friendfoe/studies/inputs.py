"""What the analysis of a study works from: images, perturbed sets and models, by name."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Generic, TypeVar

from torch import Tensor, nn

from friendfoe import runtime
from friendfoe.data.store import Images, Split, load_images, load_split
from friendfoe.models.weights import Header, load, read_header
from friendfoe.runtime import paths
from friendfoe.studies.job import AnalysisJob, StudySettings

S = TypeVar("S", bound=StudySettings)


@dataclass(frozen=True)
class Inputs(Generic[S]):
    """The inputs of one study on one data set."""

    job: AnalysisJob
    settings: S  # the study's own
    notes: tuple[str, ...] = ()  # what of them is different on this data set

    @property
    def data(self) -> str:
        """The name of the data set."""
        return self.job.data

    @property
    def replicates(self) -> range:
        """The numbers of the replicates."""
        return range(self.job.replicates)

    def seed(self, *words: str | int) -> int:
        """A seed of this data set and study for the purpose that `words` name."""
        return runtime.seed(self.job.seed, self.data, self.job.study, *words)

    @cached_property
    def train(self) -> Split:
        """The clean training images, on the CPU."""
        return load_split(paths.prepared(self.data), "train")

    @property
    def train_images(self) -> int:
        """How many of the training images the study's models are trained on."""
        available = len(self.train)
        return round(min(available, self.job.train_images or available) * self.job.share)

    @cached_property
    def test(self) -> Split:
        """The clean test images that the study looks at, on the CPU."""
        whole, rows = self.every_test_image, self._rows
        return whole if rows is None else replace(whole, images=whole.images[rows], labels=whole.labels[rows])

    @cached_property
    def every_test_image(self) -> Split:
        """All clean test images, on the CPU."""
        return load_split(paths.prepared(self.data), "test")

    def perturbed_test(self, name: str, replicate: int) -> Images:
        """A perturbed copy of `test`, uint8 [N, C, H, W]."""
        path = paths.replicate(paths.perturbed(self.data, self.job.study, "test", name), replicate)
        images, rows = load_images(path, like=self.every_test_image), self._rows
        return images if rows is None else images[rows]

    @cached_property
    def _rows(self) -> Tensor | None:
        return self.every_test_image.rows(self.job.images)

    def network(self, model: str, replicate: int, *, last: bool = False) -> nn.Module:
        """A replicate of a model, on the device and in evaluation mode; `last`: after the last epoch, not the best."""
        path = (paths.last if last else paths.replicate)(paths.model(self.data, self.job.study, model), replicate)
        return load(path).to(runtime.device())

    def headers(self, model: str) -> list[Header]:
        """What the weights files of a model's replicates say of themselves."""
        folder = paths.model(self.data, self.job.study, model)
        return [read_header(paths.replicate(folder, number)) for number in self.replicates]
