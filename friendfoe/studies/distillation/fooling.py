"""Fooling images: noise that a network takes for a class, with great confidence (Nguyen et al. 2015).

A network that is trained again with such images as a further class learns to tell them; whether it can be fooled by new
ones is what a part of the analysis with a stage of its own asks.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from friendfoe.attacks.pgd import pgd
from friendfoe.attacks.threat import Goal, Threat
from friendfoe.data.store import Split
from friendfoe.evaluation.outcomes import Key, stacked
from friendfoe.models.predict import predict
from friendfoe.runtime import device
from friendfoe.studies.analysis import side_by_side, write_outcomes
from friendfoe.studies.distillation.names import ENDS, UNDISTILLED, retrained
from friendfoe.studies.distillation.settings import Fooling, Settings
from friendfoe.studies.gallery import Gallery, answered, join
from friendfoe.studies.inputs import Inputs
from friendfoe.training.checkpoint import Checkpoint
from friendfoe.training.replicate import train_replicate


def analyse(study: Inputs[Settings], out: Path) -> None:
    """Drive noise to every class of every network; write outcomes of images, and a gallery of the ends, into `out`.

    fooled (noise, driven): whether the confidence is above that of the settings, in any class as the noise is and in
    the class that it was driven to; of the ends, and of the undistilled network trained again. recognised (driven), of
    the latter: whether images that fool the network of the round before are told from the classes.

    Raises:
        UserError: a network is missing or damaged.
    """
    settings, classes, job = study.settings.fooling, study.test.classes, study.job.retrained[UNDISTILLED]

    def replicate(number: int, step: Callable[[], None]) -> tuple[dict[Key, Tensor], list[Gallery], list[Checkpoint]]:
        outcomes: dict[Key, Tensor] = {}
        galleries: list[Gallery] = []
        checkpoints: list[Checkpoint] = []
        networks = {model: study.network(model, number) for model in ENDS}
        seed = study.seed("fooling", number)

        def judge(name: str, network: nn.Module) -> Fooled:
            noise = fool(network, study.test.shape, len(classes), settings.images, settings, seed)
            outcomes["fooled", name, "noise"] = noise.before > settings.confidence
            outcomes["fooled", name, "driven"] = noise.after > settings.confidence
            step()
            return noise

        noise = {name: judge(name, network) for name, network in networks.items()}
        first = slice(len(classes))  # one of each class
        for name, network in networks.items():
            gallery = answered(network, noise[name].images[first], noise[name].classes[first], classes)
            galleries.append(gallery.assign(model=name))
        network, split, last = networks[UNDISTILLED], study.train, noise[UNDISTILLED]
        for rounds in range(1, settings.rounds + 1):
            learned = study.seed("fooling", "learned", rounds, number)
            more = fool(network, study.test.shape, len(classes), settings.learned, settings, learned)
            split = with_class(split, more.images, len(classes))
            trained = train_replicate(job, split, number)
            checkpoints.append(trained.checkpoint)
            network, name = trained.best().to(device()).eval(), retrained(rounds)
            outcomes["recognised", name, "driven"] = predict(network, last.images).argmax(1).cpu() == len(classes)
            last = judge(name, network)
        return outcomes, galleries, checkpoints

    steps = len(ENDS) + settings.rounds
    results = side_by_side(f"fooling images on {study.data}", len(study.replicates), replicate, steps)
    for checkpoint in (checkpoint for _, _, checkpoints in results for checkpoint in checkpoints):
        checkpoint.remove()
    labels = torch.arange(len(classes)).repeat(settings.images)
    write_outcomes(stacked("noise", torch.arange(len(labels)), labels, [part for part, _, _ in results]), out)
    join(results[0][1]).write(out, "fooling-gallery")


def with_class(split: Split, images: Tensor, label: int) -> Split:
    """A split with further images, uint8 [n, C, H, W], of a class "fooling" after all that are images of something."""
    names = [*split.classes[:label], "fooling"]
    labels = torch.cat([split.labels, torch.full((len(images),), label)])
    return replace(split, images=torch.cat([split.images[:], images]), labels=labels, classes=names)


@dataclass(frozen=True)
class Fooled:
    """Noise before and after."""

    classes: Tensor  # int64 [N], where each was driven to
    images: Tensor  # uint8 [N, C, H, W], as saved
    before: Tensor  # the highest probability that the noise has in any of the classes, [N]
    after: Tensor  # the probability of the class, [N]


def fool(
    network: nn.Module, shape: tuple[int, int, int], classes: int, images: int, settings: Fooling, seed: int
) -> Fooled:
    """Drive uniform noise, so many images per class, to the first `classes` of a network by signed gradient steps.

    Every pixel may take any value. The loss is the log-odds of the class, whose gradient does not vanish where the
    softmax is saturated.
    """
    where = next(network.parameters()).device
    goals = torch.arange(classes).repeat(images)
    generator = torch.Generator().manual_seed(seed)
    noise = torch.rand(len(goals), *shape, generator=generator).to(where)
    driven = pgd(
        network,
        noise,
        goals.to(where),
        threat=Threat("linf", 1.0),
        goal=Goal.FRIEND,
        steps=settings.steps,
        step_size=settings.step,
        random_start=False,
    )
    saved = (driven * 255).round().to(torch.uint8)
    after = predict(network, saved).cpu().gather(1, goals.unsqueeze(1)).squeeze(1)
    return Fooled(goals, saved.cpu(), predict(network, noise)[:, :classes].amax(1).cpu(), after)
