"""The set-up that the article is likely to have had: the example that its library, ART, begins with, on its protocol.

The article names neither network nor optimiser. ART's example (`examples/get_started_pytorch.py`) trains a network of
two small convolutions with Adam for three epochs. Perturbed images need not be clipped there, so that they cannot be
stored: everything is trained and evaluated here, in memory.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import pandas as pd
import torch
from torch import Tensor, nn

from friendfoe import runtime
from friendfoe.attacks.threat import Goal
from friendfoe.data.store import Images, Split
from friendfoe.evaluation.outcomes import Key, Outcomes, aligned, stacked
from friendfoe.models.classifier import build
from friendfoe.runtime.memory_format import to_fast_format
from friendfoe.studies.analysis import Record, side_by_side
from friendfoe.studies.assistive.names import likely_model
from friendfoe.studies.assistive.settings import Settings
from friendfoe.studies.assistive.signals import answers, explained, other_labels, perturbed
from friendfoe.studies.inputs import Inputs
from friendfoe.training.images import TrainingImages
from friendfoe.training.loop import train
from friendfoe.training.methods.standard import cross_entropy

CLEAN, SIGNAL = "clean", "signal"
MODELS = {  # after A: which images, and how much of each
    "assist": ([SIGNAL], 1.0),
    "mixed": ([CLEAN, SIGNAL], 1.0),
    "mixed-matched": ([CLEAN, SIGNAL], 0.5),
    "clean-half": ([CLEAN], 0.5),
    "assist-half": ([SIGNAL], 0.5),
}


def analyse(study: Inputs[Settings]) -> tuple[dict[Key, Outcomes], pd.DataFrame]:
    """Train all set-ups; the outcomes of their models, and their training curves.

    Returns:
        Outcomes under the keys of the study's evaluations, of models SETUP/MODEL, as crafted; and a table of setup,
        model, replicate, epoch, step, loss, accuracy, test_accuracy.
    """
    settings = study.settings.likely
    rows = study.train.some(min(settings.images, study.train_images))
    training = replace(study.train, images=study.train.images[rows], labels=study.train.labels[rows])

    def replicate(number: int, step: Callable[[], None]) -> tuple[dict[Key, Outcomes], list[Record]]:
        outcomes: dict[Key, Outcomes] = {}
        curves: list[Record] = []
        sources: dict[str, Trained] = {}
        for name in settings.every:
            setup = Setup(study, training, rows, name, number)
            recipe = f"{settings.net(name)!r} {settings.budget(name)!r}"
            if recipe not in sources:  # A is the same whether signals are clipped or not
                sources[recipe] = setup.train_source()
            outcomes |= setup.run(sources[recipe])
            curves += [{"setup": name, "replicate": number, **row} for row in setup.curves]
            step()
        return outcomes, curves

    title = f"likely set-ups on {study.data}"
    results = side_by_side(title, len(study.replicates), replicate, len(settings.every))
    table = pd.DataFrame([row for _, curves in results for row in curves])
    return aligned([outcomes for outcomes, _ in results]), table


Trained = tuple[nn.Module, TrainingImages]
"""A network and its own images."""


@dataclass(frozen=True)
class Setup:
    """One replicate of a set-up: its models, trained on `training`, which are `rows` of the training images."""

    study: Inputs[Settings]
    training: Split
    rows: Tensor
    name: str
    replicate: int
    curves: list[Record] = field(default_factory=list)

    @property
    def clip(self) -> bool:
        """Whether perturbed images are clipped to [0, 1]."""
        return self.study.settings.likely.every[self.name].clip

    def seed(self, model: str) -> int:
        """Of all that is drawn: for A, and for those that it attacks, which do not begin with its weights.

        All of these have the same, in all set-ups, for they are compared with one another.
        """
        first = model == "clean" or self.study.settings.likely.every[self.name].same_start
        return self.study.seed("likely", "first" if first else "second", self.replicate)

    def train_source(self) -> Trained:
        """Train A."""
        return self._train("clean", {CLEAN: self.training.images}, [CLEAN], 1.0)

    def run(self, trained: Trained) -> dict[Key, Outcomes]:
        """Train B (and all other models, unless this is but tried) after A, and ask all."""
        settings, eps, test = self.study.settings.likely, self.study.job.eps, self.study.test
        source, own = trained
        signal = perturbed(source, self.training.images, self.training.labels, eps, Goal.FRIEND, clip=self.clip).cpu()
        copies: dict[str, Images] = {CLEAN: self.training.images, SIGNAL: signal * 255}
        networks, owns = {"clean": source}, {"clean": own}
        for model in MODELS if self.name in settings.setups else ("assist",):
            networks[model], owns[model] = self._train(model, copies, *MODELS[model])
        found: dict[Key, Tensor] = {}
        on_source = self._perturbed(source)
        for model, network in networks.items():
            on_itself = on_source if model == "clean" else self._perturbed(network)
            shown = {**on_source, **{f"{condition}-self": images for condition, images in on_itself.items()}}
            for condition, images in {"clean": test.images, **shown}.items():
                found["accuracy", model, condition] = answers(network, images) == test.labels
        others = other_labels(test.labels, len(test.classes), self.study.seed("others"))
        found |= explained(source, networks, test.images, test.labels, others, eps, clip=self.clip)
        outcomes = stacked("test", range(len(test)), test.labels, [found])
        outcomes |= self._on_training_images(networks, owns, signal)
        return {(metric, likely_model(self.name, model), c): one for (metric, model, c), one in outcomes.items()}

    def _train(self, model: str, copies: Mapping[str, Images], images: list[str], share: float) -> Trained:
        """A trained network, and its images; floats among the copies are in the unit of the stored ones, 0 to 255."""
        split, test, device, settings = self.training, self.study.test, runtime.device(), self.study.settings.likely
        seed, order = self.seed(model), self.study.seed("likely", "share", self.replicate)
        own = TrainingImages([copies[name] for name in images], split.labels, share, order, device)
        network = build(settings.net(self.name), split.shape, len(split.classes), split.mean, split.std, seed=seed)
        to_fast_format(network.to(device))

        def accuracy(network: nn.Module) -> float:
            return (answers(network, test.images) == test.labels).float().mean().item()

        curve = train(network, own, cross_entropy, settings.budget(self.name), base_seed=seed, evaluate=accuracy)
        self.curves.extend({"model": model, **row} for row in curve)
        return network, own

    def _perturbed(self, source: nn.Module) -> dict[str, Tensor]:
        """The test images with signals and attacks crafted on a model, as the study's evaluations name them."""
        test, eps = self.study.test, self.study.job.eps
        return {
            name: perturbed(source, test.images, test.labels, eps, goal, clip=self.clip, own=own)
            for name, goal, own in (
                ("assist", Goal.FRIEND, False),
                ("attack", Goal.FOE, False),
                ("attack-own", Goal.FOE, True),
            )
        }

    def _on_training_images(
        self, networks: dict[str, nn.Module], owns: dict[str, TrainingImages], signal: Tensor
    ) -> dict[Key, Outcomes]:
        """Accuracy on all assistive training images, and of models with one kind of image on their own."""
        labels, outcomes = self.training.labels, dict[Key, Outcomes]()
        for model, network in networks.items():
            right = {("accuracy", model, "assist-train"): answers(network, signal) == labels}
            outcomes |= stacked("train", self.rows, labels, [right])
            if not model.startswith("mixed"):  # of which no image stands for one of its own
                images, truth = owns[model].take(torch.arange(len(owns[model])))
                right = {("accuracy", model, "own-train"): answers(network, images) == truth.cpu()}
                outcomes |= stacked("train", self.rows[owns[model].rows], truth.cpu(), [right])
        return outcomes
