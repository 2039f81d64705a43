"""The gradient checks of a model, kept beside its answers."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from friendfoe.attacks.config import AttackConfig
from friendfoe.attacks.contract import Model
from friendfoe.attacks.threat import Threat
from friendfoe.data.stratified import stratified
from friendfoe.diagnosis.suspicions import floating
from friendfoe.evaluation.check_results import Outcome
from friendfoe.evaluation.gradient_masking import gradient_masking
from friendfoe.runtime.files import atomic_path

FILE = "checks.json"
IMAGES = 100  # that they are made on


@dataclass(frozen=True)
class Check:
    """A check of the gradients as it is shown: what it asks, what was measured, what it says."""

    name: str
    question: str
    numbers: Mapping[str, float]
    outcome: str  # of `friendfoe.evaluation.check_results.Outcome`
    reason: str

    @property
    def failed(self) -> bool:
        """Whether robust accuracies must not be believed."""
        return self.outcome == Outcome.FAILED.value

    @property
    def made(self) -> bool:
        """Whether it could be made."""
        return self.outcome != Outcome.NOT_RUN.value


def run(
    model: Model,
    images: Tensor,
    labels: Tensor,
    threat: Threat,
    reported: AttackConfig | None,
    seed: int,
    device: torch.device,
    folder: Path | None,
) -> list[Check]:
    """All checks on some images, the classes in proportion; those that the folder has are not made again.

    `reported` is the attack that robustness is concluded from: it is judged by what others find.
    """
    path = None if folder is None else folder / FILE
    if path is not None and path.is_file():
        return [Check(**check) for check in json.loads(path.read_text(encoding="utf-8"))]
    count = min(IMAGES, len(labels))
    drawn = torch.from_numpy(stratified(labels.cpu().numpy(), count, seed=seed)).to(labels.device)
    if reported is not None and reported.eps == threat.eps:  # so that it can be tried with half of it
        reported = reported.model_copy(update={"eps": None})

    pixels, truth = floating(images[drawn].to(device)), labels[drawn].to(device)
    norm: Literal["linf", "l2"] = "l2" if threat.norm == "l2" else "linf"
    made = gradient_masking(model, pixels, truth, eps=threat.eps, norm=norm, reported=reported, seed=seed)
    found = [Check(one.name, one.question, one.numbers, one.outcome.value, one.reason) for one in made]
    if path is not None:
        with atomic_path(path) as partial:
            partial.write_text(json.dumps([asdict(check) for check in found], indent=1) + "\n", encoding="utf-8")
    return found
