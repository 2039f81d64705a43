"""What the FGSM study computes from models and images: outcomes image by image, and what its figures show."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor, nn

from friendfoe.evaluation.outcomes import Key, Outcomes, stacked
from friendfoe.models.networks.ensemble import members
from friendfoe.studies.analysis import side_by_side, write_outcomes, write_table
from friendfoe.studies.explorer import write_explorer
from friendfoe.studies.facts import write_facts
from friendfoe.studies.fgsm import measures
from friendfoe.studies.fgsm.detector import detected, detector, evaded
from friendfoe.studies.fgsm.explored import explored
from friendfoe.studies.fgsm.growth import growth
from friendfoe.studies.fgsm.iterated import iterated
from friendfoe.studies.fgsm.lines import lines
from friendfoe.studies.fgsm.logistic import logistic, pick
from friendfoe.studies.fgsm.measures import Measured, Numbers, direction, named
from friendfoe.studies.fgsm.names import CURVES, EXPLORED, FILTERS, FITTED, HARDENED, RUBBISH, SOURCES
from friendfoe.studies.fgsm.pictures import filters, pictures, radius, spread
from friendfoe.studies.fgsm.rubbish import SURE, fooling, rubbish
from friendfoe.studies.fgsm.saturation import unsaturated
from friendfoe.studies.fgsm.settings import Settings
from friendfoe.studies.inputs import Inputs

SLOW = {"ensemble": ("ensemble", "member", "maxout-other")}  # what a slow model is shown; the others, all sources'
FOOLED = 200  # images of noise per class


def analyse(study: Inputs[Settings], out: Path) -> None:
    """Write facts.json, outcomes.npz, measures.csv, and what figures and explorer show of replicate 0 into `out`.

    measures.csv holds what no image determines: metric, model, condition, value, replicate.

    Raises:
        UserError: an input is missing or damaged, or the data set lacks a class that the settings name.
    """
    pick(study.train, study.settings.pair)  # a class that is not there is found before anything is computed
    write_facts(study, out, train_images=study.train_images)
    pictures(study, out)
    write_explorer(study, out, EXPLORED, explored(study))

    def replicate(number: int, step: Callable[[], None]) -> "Replicate":
        measured = Replicate(study, number)
        measured.all()
        step()
        return measured

    parts = side_by_side(f"FGSM study of {study.data}", len(study.replicates), replicate)
    write_outcomes(by_image(study, [part.shown for part in parts]), out)
    rows = [
        {"metric": metric, "model": model, "condition": condition, "value": value, "replicate": part.number}
        for part in parts
        for (metric, model, condition), value in part.numbers.items()
    ]
    write_table(rows, out, "measures", digits=9)


def by_image(study: Inputs[Settings], parts: Sequence[Mapping[str, Measured]]) -> dict[Key, Outcomes]:
    """What all replicates have measured, with the identity of the images that they were shown."""
    test, train, settings = study.test, study.train, study.settings
    drawn, far = test.some(settings.iterated.images), test.some(settings.logits.images)
    (pair, two), (train_pair, train_two) = pick(test, settings.pair), pick(train, settings.pair)
    images = {
        "test": ("test", torch.arange(len(test)), test.labels),
        "drawn": ("test", drawn, test.labels[drawn]),
        "far": ("test", far, test.labels[far]),
        "pair": ("test", pair, two),
        "train": ("train", torch.arange(len(train)), train.labels),
        "train-pair": ("train", train_pair, train_two),
        "noise": ("noise", *unlabelled(settings.rubbish)),
        "grey": ("grey noise", *unlabelled(FOOLED)),
    }
    kept: dict[Key, Outcomes] = {}
    for name, (whose, samples, labels) in images.items():
        kept |= stacked(whose, samples, labels, [part[name] for part in parts])
    return kept


def unlabelled(count: int) -> tuple[Tensor, Tensor]:
    """Rows and labels of so many images of noise, which belongs to no class."""
    return torch.arange(count), torch.zeros(count, dtype=torch.int64)


@dataclass
class Replicate:
    """All that is measured on one replicate of every model.

    Attributes:
        study: the inputs.
        number: of the replicate.
        shown: what was measured, by the images that were shown (the names are those of `by_image`).
        numbers: what no image determines.
    """

    study: Inputs[Settings]
    number: int
    shown: dict[str, Measured] = field(default_factory=dict)
    numbers: Numbers = field(default_factory=dict)

    def __getstate__(self) -> dict[str, object]:
        """What another process is sent: the results, and no networks."""
        return {"number": self.number, "shown": self.shown, "numbers": self.numbers}

    @cached_property
    def networks(self) -> dict[str, nn.Module]:
        """The models, by name."""
        return {name: self.study.network(name, self.number) for name in self.study.job.models}

    @cached_property
    def signs(self) -> dict[str, Tensor]:
        """The direction of each one's own cost, on all test images."""
        test = self.study.test
        return {name: direction(network, test.images, test.labels) for name, network in self.networks.items()}

    def all(self) -> None:
        """Measure everything."""
        self.errors()
        self.transfers()
        self.steps()
        self.linearity()
        self.weights()
        self.noise()
        self.retrained()

    def keep(self, images: str, measured: Measured) -> None:
        """Add what was measured on these images."""
        self.shown.setdefault(images, {}).update(measured)

    def errors(self) -> None:
        """Of every model under its own FGSM; of some by eps, and on training images."""
        study, test, eps = self.study, self.study.test, self.study.job.eps
        shown = (test.images, test.labels)
        for name, network in self.networks.items():
            self.keep("test", measures.own(name, network, *shown, self.signs[name], eps))
        for name in CURVES:
            by_eps = measures.by_eps(name, self.networks[name], *shown, self.signs[name], eps, study.settings.shares)
            self.keep("test", by_eps)
        for name in FITTED:
            confidence, classes = measures.answers(self.networks[name], study.train.images)
            self.keep("train", named(name, "train", measures.counted(confidence, classes, study.train.labels)))
            self.numbers["classes", name, "train"] = len(set(classes.tolist()))

    def transfers(self) -> None:
        """Of every model on images that others were attacked with."""
        test, eps = self.study.test, self.study.job.eps
        sources = {name: self.signs[name] for name in SOURCES}
        sources["member"] = direction(next(members(self.networks["ensemble"])), test.images, test.labels)
        quick = {name: network for name, network in self.networks.items() if name not in SLOW}
        self.keep("test", measures.transfer(quick, test.images, test.labels, sources, eps))
        for name, few in SLOW.items():
            some = {source: sources[source] for source in few}
            self.keep("test", measures.transfer({name: self.networks[name]}, test.images, test.labels, some, eps))

    def steps(self) -> None:
        """Of some models under attacks of many steps."""
        study, settings = self.study, self.study.settings
        rows, seed = study.test.some(settings.iterated.images), study.seed("iterated", self.number)
        shown = (study.test.images[rows], study.test.labels[rows])
        shares = [share for share in settings.shares if share > 0]
        for name in HARDENED:
            signs, steps = self.signs[name][rows], settings.iterated.steps
            found = iterated(name, self.networks[name], *shown, signs, study.job.eps, shares, steps, seed)
            self.keep("drawn", found)

    def linearity(self) -> None:
        """Of the logits along the direction of FGSM, near and far."""
        test, settings = self.study.test, self.study.settings.logits
        rows = test.some(settings.images)
        for name in CURVES:
            network, signs = self.networks[name], self.signs[name][rows]
            far = lines(network, test.images[rows], signs, settings.reach, settings.points)
            self.keep("far", named(name, "far", {**far.linearity(), **far.held(test.labels[rows])}))
            near = lines(network, test.images[rows], signs, settings.near, settings.near_points)
            self.keep("far", named(name, "near", near.linearity()))
        self.keep(
            "test", named("sigmoid", "clean", {"unsaturated": unsaturated(self.networks["sigmoid"], test.images)})
        )

    def weights(self) -> None:
        """How much of an image the filters of the first layer look at."""
        for name in FILTERS:
            first = filters(self.networks[name], self.study.test.shape)
            self.numbers["spread", name, "filters"] = spread(first)
            self.numbers["radius", name, "filters"] = radius(first)

    def noise(self) -> None:
        """Answers on noise as it is, and maxout's after a step towards a class; the noise is that of all replicates."""
        study = self.study
        shape, count = study.test.shape, study.settings.rubbish
        for name in RUBBISH:
            self.keep(
                "noise", named(name, "rubbish", rubbish(self.networks[name], shape, count, study.seed("rubbish")))
            )
        _, sure = fooling(self.networks["maxout"], shape, FOOLED, study.job.eps, study.seed("fooling"))
        before, after = (sure > SURE).double().mean(1)
        self.keep("grey", named("maxout", "fooling", {"before": before, "after": after}))

    def retrained(self) -> None:
        """What is trained for the occasion: logistic regression, smaller and larger images, a detector."""
        study, eps, recipes = self.study, self.study.job.eps, self.study.job.retrained
        seed = study.seed("logistic", self.number)
        on_test, on_training, losses = logistic(study.train, study.test, study.settings.pair, eps, seed)
        self.keep("pair", on_test)
        self.keep("train-pair", on_training)
        self.numbers |= losses
        share = study.settings.growth
        self.keep("test", growth(recipes["softmax"], study.train, study.test, self.number, share * eps))

        maxout, rows = self.networks["maxout"], study.test.some(study.settings.iterated.images)
        tells = detector(recipes["maxout"], maxout, study.train, self.number, eps)
        self.keep("test", detected(tells, maxout, study.test, eps))
        shown, steps = (study.test.images[rows], study.test.labels[rows]), study.settings.iterated.steps
        self.keep("drawn", evaded(tells, maxout, *shown, eps, steps, study.seed("evaded", self.number)))
