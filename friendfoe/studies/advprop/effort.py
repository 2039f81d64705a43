"""How much work the analysis of the study is: passes through its models."""

from collections.abc import Iterator

from friendfoe.data.corruptions import CORRUPTIONS, MNIST_C, SEVERITIES
from friendfoe.studies.advprop.settings import Settings
from friendfoe.studies.job import AnalysisJob
from friendfoe.studies.passes import Passes


def effort(job: AnalysisJob, settings: Settings, train: int, test: int) -> Iterator[tuple[str, Passes | float]]:
    """By model: passes of one replicate at every size."""
    kinds = len(CORRUPTIONS) + len(MNIST_C)  # the latter of grey images alone
    for model in job.models:
        yield model, Passes(answered=test + min(job.images or test, test) * kinds * len(SEVERITIES))
