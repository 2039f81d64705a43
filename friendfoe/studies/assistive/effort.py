"""How much work the analysis of the study is: passes through its models, and the likely set-ups."""

from collections.abc import Iterator

from friendfoe.attacks.threat import Goal
from friendfoe.models.config import NetworkConfig
from friendfoe.studies.assistive.settings import Settings
from friendfoe.studies.job import AnalysisJob
from friendfoe.studies.passes import Passes

LIKELY = 5.0
"""Models of a likely set-up beside A, counted by their images: B, C twice as many, C as many, A' and B' half."""


def effort(
    job: AnalysisJob, settings: Settings, train: int, test: int
) -> Iterator[tuple[str | NetworkConfig, Passes | float]]:
    """By model, or network of a likely set-up: passes of one replicate."""
    patch, likely = settings.patch, settings.likely
    areas, goals, places = len(patch.areas), len(Goal), patch.grid**2
    images = min(patch.images, test) * areas * (goals * places * patch.steps)
    universal = patch.universal.steps * patch.universal.batch * areas * goals * 10  # of ten classes
    yield "clean", Passes(attacked=images + universal, answered=min(patch.images, test) * areas * (goals + 1) * places)
    for model in job.models:
        yield model, Passes(answered=min(job.images or test, test) * 10)
    count = min(likely.images, train)
    for name in likely.every:
        models = LIKELY if name in likely.setups else 1.0
        epochs = likely.budget(name).epochs
        passes = Passes(trained=count * epochs, answered=test * epochs + 10 * min(job.images or test, test) + count)
        yield likely.net(name), passes * (1 + models)
