"""How much work the analyses of the study are: passes through its models, and networks that are trained again."""

from collections.abc import Iterator
from math import log

from friendfoe.studies.distillation.names import ENDS, HALVES, JSMA, SURROGATE, UNDISTILLED
from friendfoe.studies.distillation.settings import Settings
from friendfoe.studies.job import AnalysisJob
from friendfoe.studies.passes import Passes

QUERIES = 25  # of JSMA on images of 28x28, whatever it follows; by logits four times as many
DOUBLE = 4  # times as long as float32: gradients are measured in float64
LEAST = 0.05  # of a pixel's range: a bound of the L-infinity attack that images seldom go below


def effort(job: AnalysisJob, settings: Settings, train: int, test: int) -> Iterator[tuple[str, Passes | float]]:
    """By model: passes of one replicate, or how often it is trained again."""
    if job.part == "jsma":
        attacks = min(job.images or test, test) * settings.jsma.targets
        for model in job.models:
            kinds = len(JSMA) - 1 + 4 * (model in ENDS)
            yield model, Passes(attacked=attacks * QUERIES * kinds)
    elif job.part == "fooling":
        fooling = settings.fooling
        for model in ENDS:
            yield model, Passes(attacked=10 * fooling.images * fooling.steps)
        yield UNDISTILLED, Passes(attacked=10 * (fooling.images + fooling.learned) * fooling.rounds * fooling.steps)
        yield UNDISTILLED, float(fooling.rounds)
    elif job.part == "transfer":
        transfer, search = settings.transfer, settings.distances.l2
        near = min(job.images or test, test) * len(transfer.confidences)
        yield (
            SURROGATE,
            Passes(attacked=near * search.steps * search.binary_search_steps + 2 * transfer.images * transfer.steps),
        )
        yield UNDISTILLED, 0.5 * len(HALVES)
    else:
        distances = settings.distances
        l2 = distances.l2.steps * distances.l2.binary_search_steps
        l0 = distances.l0.steps * distances.l0.trials * log(100) / -log(1 - distances.l0.removed)
        linf = distances.linf.steps * distances.linf.trials * log(LEAST) / log(distances.linf.shrink)
        for model in job.models:
            steps = l2 + (l0 + linf) * (model in ENDS)
            yield model, Passes(attacked=distances.images * steps + 10 * settings.gradients * DOUBLE, answered=2 * test)
