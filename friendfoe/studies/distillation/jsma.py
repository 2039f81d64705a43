"""The paper's attack, JSMA, on every network of the study: a part of the analysis with a stage of its own.

It drives every image to wrong classes, within a budget of features.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from friendfoe.attacks.jsma import Output, jsma
from friendfoe.attacks.threat import Threat
from friendfoe.data.pixels import to_float
from friendfoe.evaluation.outcomes import Key, stacked
from friendfoe.evaluation.robust import PassCounter
from friendfoe.models.predict import logits
from friendfoe.studies.analysis import Record, side_by_side, write_outcomes, write_table
from friendfoe.studies.distillation.names import ENDS, JSMA, UNDISTILLED, temperature
from friendfoe.studies.distillation.settings import Jsma, Settings
from friendfoe.studies.gallery import Gallery, answered, join
from friendfoe.studies.inputs import Inputs

MOST = 5  # images of the gallery

_OUTPUT: dict[str, Output] = {"jsma-logits": "logits", "jsma-log": "log-softmax"}


def analyse(study: Inputs[Settings], out: Path) -> None:
    """Attack every network; write outcomes of images, reached.npz, passes.csv and a gallery into `out`.

    Outcomes: `shares` of each image, by model and kind of JSMA. reached.npz: "MODEL/KIND" -> int8 [replicates, N,
    targets], whether each target is reached, -1 where the network errs on the image as it is. passes.csv: model,
    replicate, kind, attacks (how many), forward and backward (passes, counted in images).

    Raises:
        UserError: a network is missing or damaged.
    """
    settings, test = study.settings.jsma, study.test
    names = test.classes
    images, labels = to_float(test.images[:]), test.labels
    shown = test.some(MOST)

    def replicate(number: int, step: Callable[[], None]) -> tuple[dict[Key, Tensor], list[Record], list[Gallery]]:
        outcomes: dict[Key, Tensor] = {}
        passes: list[Record] = []
        galleries: list[Gallery] = []
        for model in study.job.models:
            network, at = study.network(model, number), temperature(model)
            for kind in kinds(model):
                attacks = attack(network, images, labels, len(names), settings, kind=kind, temperature=at)
                outcomes |= {(metric, model, kind): values for metric, values in shares(attacks, settings).items()}
                reached = attacks.reached.view(-1, settings.targets).to(torch.int8)
                outcomes["reached", model, kind] = reached.masked_fill(~attacks.right.unsqueeze(1), -1)
                counted = {"attacks": len(attacks.labels), "forward": attacks.forward, "backward": attacks.backward}
                passes.append({"model": model, "replicate": number, "kind": kind, **counted})
                if number == 0 and model in ENDS:
                    rows = shown * settings.targets  # the first attack on each image
                    pixels = (attacks.images[rows] * 255).round().to(torch.uint8)
                    targets = [names[target] for target in attacks.targets[rows].tolist()]
                    gallery = answered(network, pixels, labels[shown], names)
                    galleries.append(gallery.assign(model=model, kind=kind, target=targets, row=range(len(shown))))
                step()
        return outcomes, passes, galleries

    steps = sum(len(kinds(model)) for model in study.job.models)
    results = side_by_side(f"JSMA on {study.data}", len(study.replicates), replicate, steps)
    reached = {key: [part.pop(key) for part, _, _ in results] for key in list(results[0][0]) if key[0] == "reached"}
    bits = {f"{model}/{kind}": torch.stack(parts).numpy() for (_, model, kind), parts in reached.items()}
    np.savez_compressed(out / "reached.npz", **bits)  # type: ignore[arg-type]
    rows = study.every_test_image.some(study.job.images or len(study.every_test_image))
    write_outcomes(stacked("test", rows, labels, [part for part, _, _ in results]), out)
    write_table([row for _, rows, _ in results for row in rows], out, "passes")
    clean = answered(study.network(UNDISTILLED, 0), test.images[shown], labels[shown], names)
    clean = clean.assign(model=UNDISTILLED, kind="clean", target="–", row=range(len(shown)))
    join([clean, *results[0][2]]).write(out, "gallery")


def kinds(model: str) -> list[str]:
    """The kinds of JSMA that a model is attacked with; the costliest, on logits as they are, on the two ends alone.

    At T = 1 the softmax of logits / T is the softmax.
    """
    left_out = {"jsma-temperature"} if temperature(model) == 1 else set()
    if model not in ENDS:
        left_out.add("jsma-logits")
    return [name for name in JSMA if name not in left_out]


@dataclass(frozen=True)
class Attacks:
    """What became of N images, each driven to A targets in turn: N x A attacks."""

    right: Tensor  # bool [N], whether the network takes the image as it is for its label
    labels: Tensor  # int64 [N x A]
    targets: Tensor  # likewise
    images: Tensor  # the perturbed ones, [N x A, C, H, W]
    reached: Tensor  # bool [N x A], whether the network takes them for the target
    changed: Tensor  # [N x A], share of the features that were changed
    forward: int  # passes of all attacks together, counted in images
    backward: int  # likewise


def attack(
    network: nn.Module, images: Tensor, labels: Tensor, classes: int, settings: Jsma, *, kind: str, temperature: float
) -> Attacks:
    """Drive each image to the classes that follow its label, all attacks in one batch.

    Images are floating [N, C, H, W] in [0, 1], `classes` are more than the targets of an image, `kind` is a key of
    `names.JSMA`, and at `temperature` the network was trained.
    """
    device = next(network.parameters()).device
    count = settings.targets
    clean, truth = images.repeat_interleave(count, 0).to(device), labels.repeat_interleave(count).to(device)
    targets = (truth + torch.arange(1, count + 1, device=device).repeat(len(images))) % classes
    counter = PassCounter(network)
    perturbed = jsma(
        counter,
        clean,
        truth,
        threat=Threat("l0", settings.features),
        targets=targets,
        output=_OUTPUT.get(kind, "softmax"),
        temperature=temperature if kind == "jsma-temperature" else 1.0,
    )
    passes = counter.forward_passes, counter.backward_passes
    reached = logits(network, perturbed).argmax(1) == targets
    right = logits(network, images).argmax(1).cpu() == labels
    changed = (perturbed != clean).flatten(1).double().mean(1)
    return Attacks(right, truth.cpu(), targets.cpu(), perturbed.cpu(), reached.cpu(), changed.cpu(), *passes)


def shares(attacks: Attacks, settings: Jsma) -> dict[str, Tensor]:
    """Per image [N], over its targets; nan where the network errs on the image as it is.

    Returns:
        success: share of the targets that are reached.
        features: mean share of the features that is changed, the whole budget where the target is not reached.
        robustness: the smallest share of features that takes the image to any target (Papernot et al. 2016), likewise.
            So it must be in the paper: its 14.08 % at a success of 0.45 % lies below what a mean over attacks could
            give, 14.29 % - 0.45 % x 14.29 %.
    """
    reached = attacks.reached.view(-1, settings.targets)
    changed = torch.where(attacks.reached, attacks.changed, settings.features).view(-1, settings.targets)
    table = {"success": reached.double().mean(1), "features": changed.mean(1), "robustness": changed.amin(1)}
    return {name: values.masked_fill(~attacks.right, torch.nan) for name, values in table.items()}
