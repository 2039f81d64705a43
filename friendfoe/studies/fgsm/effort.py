"""How much work the analysis of the study is: passes through its models, and networks that are trained again."""

from collections.abc import Iterator

from friendfoe.studies.fgsm.names import CURVES, FITTED, HARDENED, RUBBISH, SIDES, SOURCES
from friendfoe.studies.fgsm.settings import Settings
from friendfoe.studies.job import AnalysisJob
from friendfoe.studies.passes import STANDING, Passes

AUTOATTACK = 100 * 19  # steps of the standard one, for an image that withstands


def effort(job: AnalysisJob, settings: Settings, train: int, test: int) -> Iterator[tuple[str, Passes | float]]:
    """By model: passes of one replicate, or how often it is trained again."""
    shares, logits, iterated = len(settings.shares), settings.logits, settings.iterated
    for model in job.models:
        yield model, Passes(attacked=test, answered=test * (4 + len(SOURCES)))
    for model in CURVES:
        yield model, Passes(answered=test * shares + logits.images * (logits.points + logits.near_points))
    for model in FITTED:
        yield model, Passes(answered=train)
    for model in RUBBISH:
        yield model, Passes(answered=settings.rubbish)
    for model in HARDENED:
        steps = iterated.steps * (shares - 1) + STANDING * AUTOATTACK / len(HARDENED)  # one of them is hardened
        yield model, Passes(attacked=min(iterated.images, test) * steps)
    yield "softmax", float(sum(side**2 for side in SIDES.values()))  # by the pixels of each size
    yield "maxout", 2.0  # the detector, which learns from clean and from attacked images
