"""What the study computes from networks and images, beyond attacks within eps: answers, gradients, distances."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from friendfoe.evaluation.outcomes import Key, Outcomes, stacked
from friendfoe.models.predict import logits
from friendfoe.studies.analysis import side_by_side, write_outcomes
from friendfoe.studies.distillation.distances import distances
from friendfoe.studies.distillation.explored import explored
from friendfoe.studies.distillation.gradients import amplitudes
from friendfoe.studies.distillation.names import ENDS, NORMS, temperature
from friendfoe.studies.distillation.settings import Settings
from friendfoe.studies.explorer import write_explorer
from friendfoe.studies.facts import write_facts
from friendfoe.studies.inputs import Inputs


def analyse(study: Inputs[Settings], out: Path) -> None:
    """Write facts.json, explorer.npz and, of every network, the outcomes of images below into `out`.

    Of all test images, in place of the few that are evaluated under attack: accuracy (clean) and logits (clean), the
    mean absolute logit. Of some: log10 (gradient) of the amplitude of the softmax's gradient, and vanished (gradient),
    whether float32 has nothing but zeros for it. Of those that are attacked without a bound: success and distance of
    each attack of `NORMS`.

    Raises:
        UserError: a network is missing or damaged.
    """
    settings, test, budget = study.settings, study.every_test_image, study.settings.distances
    write_facts(study, out, images=study.train_images, test_images=len(test), distances=budget.model_dump())
    write_explorer(study, out, ENDS, explored(study))
    every, some, near = (torch.arange(len(test)), test.some(settings.gradients), test.some(budget.images))

    def replicate(number: int, step: Callable[[], None]) -> list[dict[Key, Tensor]]:
        answers: dict[Key, Tensor] = {}
        gradients: dict[Key, Tensor] = {}
        attacked: dict[Key, Tensor] = {}
        for model in study.job.models:
            network = study.network(model, number)
            given = logits(network, test.images).cpu()
            answers["accuracy", model, "clean"] = given.argmax(1) == test.labels
            answers["logits", model, "clean"] = given.abs().mean(1)
            amplitude, lost = amplitudes(network, test.images[some])
            # a network without any gradient has none of the softmax, saturated or not
            gradients["log10", model, "gradient"] = torch.where(amplitude.isfinite(), amplitude, torch.nan)
            gradients["vanished", model, "gradient"] = lost
            norms = [*NORMS] if model in ENDS else ["cw-l2"]
            found = distances(network, test.images[near], test.labels[near], temperature(model), budget, norms)
            for norm, distance in found.items():
                reached = distance.isfinite()
                attacked["success", model, norm] = reached.double().masked_fill(distance.isnan(), torch.nan)
                attacked["distance", model, norm] = torch.where(reached, distance, torch.nan)
            step()
        return [answers, gradients, attacked]

    count = len(study.replicates)
    results = side_by_side(f"networks on {study.data}", count, replicate, len(study.job.models))
    found: dict[Key, Outcomes] = {}
    for rows, parts in zip((every, some, near), zip(*results, strict=True), strict=True):
        found |= stacked("test", rows, test.labels[rows], parts)
    write_outcomes(found, out)
