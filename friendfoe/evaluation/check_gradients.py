"""Check the replicates of a model of a study for masked gradients."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch import nn

from friendfoe import runtime
from friendfoe.data.pixels import to_float
from friendfoe.data.store import load_split
from friendfoe.evaluation.check_results import METRIC
from friendfoe.evaluation.gradient_masking import Examination, MaskingCheck, examine
from friendfoe.evaluation.job import GradientCheckJob
from friendfoe.evaluation.outcomes import Key, Outcomes, stacked
from friendfoe.models.weights import load
from friendfoe.runtime import paths
from friendfoe.runtime.forks import Send
from friendfoe.runtime.progress import progress
from friendfoe.runtime.replicates import each_replicate


@dataclass(frozen=True)
class Checked:
    """What was found of a model; where it is trained in several variants, of each of them."""

    checks: list[tuple[str, int, MaskingCheck]]  # model or MODEL/VARIANT, replicate, check
    outcomes: dict[Key, Outcomes]  # under `METRIC`, by attack

    def records(self) -> Iterator[tuple[object, ...]]:
        """Rows with the columns `check_results.COLUMNS`: one per number of every check, or one without."""
        for model, replicate, check in self.checks:
            margin = "" if check.margin is None else f"{check.margin:g}"
            what = (check.name, check.outcome.value, check.question, check.reason, check.n, margin)
            for measured, value in check.numbers.items():
                yield (model, replicate, *what, measured, f"{value:.6g}")
            if not check.numbers:
                yield (model, replicate, *what, "", "")


def check_gradients(job: GradientCheckJob) -> Checked:
    """Check the first replicates of a model, as many as the budget says, on test images that the study attacks.

    They are drawn with the classes in proportion, the same for every model; and a replicate is tried with images that
    were crafted on the same replicate of the models that it is compared with.

    Raises:
        UserError: a model or a split is missing or damaged.
    """
    device, budget = runtime.device(), job.budget
    test = load_split(paths.prepared(job.data), "test")
    rows = test.some(min(budget.images, job.images or budget.images))
    images, labels = to_float(test.images[rows]), test.labels[rows]
    names = job.variants or job.models
    weights = paths.model(job.data, job.study, names[0])
    replicates = max(1, paths.replicates(weights))  # none: the first one is missed by its name

    def network(name: str, number: int) -> nn.Module:
        folder = paths.model(job.data, job.study, name)
        return load(paths.replicate(folder, number % max(1, paths.replicates(folder)))).to(device)

    def replicate(number: int, send: Send) -> dict[str, Examination]:
        found, shown, truth = {}, images.to(device), labels.to(device)
        for name in names:
            sources = {source: network(_like(name, source, job), number) for source in job.transfer}
            found[name] = examine(
                network(name, number),
                shown,
                truth,
                eps=job.eps,
                reported=job.reported,
                transfer_from=sources,
                budget=budget,
                seed=runtime.seed(job.seed, job.data, "check-gradients", number),
                sample_ids=rows.to(device),
            )
            send(name)
        return found

    count = min(budget.replicates or replicates, replicates)
    with progress(f"checking gradients of {job.models[0]} on {job.data}", count * len(names)) as advance:
        results = each_replicate(replicate, count, lambda *_: advance(1))
    checks = [
        (name, number, check)
        for number, found in enumerate(results)
        for name, examination in found.items()
        for check in examination.checks
    ]
    bits = [
        {
            (METRIC, name, attack): standing.cpu().numpy().astype(np.float32)
            for name, examination in found.items()
            for attack, standing in examination.standing.items()
        }
        for found in results
    ]
    return Checked(checks, stacked("test", rows.numpy(), test.labels[rows].numpy(), bits))


def _like(name: str, source: str, job: GradientCheckJob) -> str:
    """The variant of a source that corresponds to that of a model."""
    return f"{source}{name.removeprefix(job.models[0])}"
