"""Evaluate the replicates of a model under the conditions of a study."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from friendfoe import runtime
from friendfoe.attacks.config import AttackConfig
from friendfoe.attacks.craft import crafted
from friendfoe.data.pixels import to_float
from friendfoe.data.store import Images, Split, load_images, load_split
from friendfoe.evaluation.classwise import ClassCount, Subject, count
from friendfoe.evaluation.job import Condition, EvaluationJob
from friendfoe.evaluation.outcomes import Key, Outcomes, aligned
from friendfoe.evaluation.robust import robustness
from friendfoe.models.predict import predict
from friendfoe.models.weights import load, read_header
from friendfoe.runtime import crafting_seed, paths
from friendfoe.runtime.batches import in_batches
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.forks import Send
from friendfoe.runtime.processes import divided, join
from friendfoe.runtime.progress import progress
from friendfoe.runtime.replicates import each_replicate
from friendfoe.training.images import training_images
from friendfoe.training.job import Job

METRICS = {"uint8": "accuracy", "float": "accuracy-crafted"}
"""Kind of pixels -> the metric that says whether an image is right."""


def evaluate_model(job: EvaluationJob, model: str) -> tuple[list[ClassCount], dict[Key, Outcomes]]:
    """Class-wise counts of every replicate under every condition, before and after rounding to stored pixels.

    Beside them whether each image is right: `accuracy` as it is saved, where it can be, and `accuracy-crafted` as an
    attack has left it.

    Raises:
        UserError: the model, a set or a split is missing or damaged, or an answer of the model is not finite.
    """
    device = runtime.device()
    splits = {name: load_split(paths.prepared(job.data), name) for name in ("train", "test")}
    test_rows = splits["test"].rows(job.images)
    weights = paths.model(job.data, job.study, model)

    def replicate(number: int, send: Send) -> tuple[list[ClassCount], dict[Key, Outcomes]]:
        network, seed = load(paths.replicate(weights, number)).to(device), crafting_seed(job.seed, job.data, number)
        counts: list[ClassCount] = []
        outcomes: dict[Key, Outcomes] = {}
        for name, condition in job.conditions.items():
            images, labels, origin, samples = _images(job, model, condition, splits, number, test_rows)
            if condition.worst:
                attacks = {attack: job.attacks[attack] for attack in condition.worst}
                probabilities = {"float": _worst(attacks, job.eps, network, images, labels, seed)}
            elif condition.attack is None:
                probabilities = {"uint8": predict(network, images)}
            else:
                source = network if condition.on == "self" else _source(job, number).to(device)
                batches = crafted(job.attacks[condition.attack], source, images, labels, eps=job.eps, seed=seed)
                kinds = ("float", "uint8") if job.attacks[condition.attack].storable else ("float",)
                probabilities = _under_attack(network, batches, kinds)
            for pixels, values in probabilities.items():
                if not bool(values.isfinite().all()):  # what is not a number is no wrong answer either
                    lost = int((~values.isfinite().all(1)).sum())
                    raise UserError(f"{model}: its answers are not finite for {lost} images of condition {name}")
                subject = Subject(job.data, model, number, name, pixels)
                counts += count(values, labels, splits["test"].classes, subject)
                right = (values.argmax(1).cpu() == labels.cpu()).numpy()[None].astype(np.float32)
                outcomes[METRICS[pixels], model, name] = Outcomes(origin, samples.numpy(), labels.cpu().numpy(), right)
            if "float" in probabilities and "uint8" not in probabilities:  # nothing that could be saved
                outcomes[METRICS["uint8"], model, name] = outcomes[METRICS["float"], model, name]
            if "uint8" in probabilities and "float" not in probabilities:  # as they are
                outcomes[METRICS["float"], model, name] = outcomes[METRICS["uint8"], model, name]
            send(name)
        return counts, outcomes

    def in_parts(number: int, send: Send) -> tuple[list[ClassCount], dict[Key, Outcomes]]:
        with divided(join(runtime.device())):
            return replicate(number, send)

    with progress(f"evaluating {model} on {job.data}", job.replicates * len(job.conditions)) as advance:
        results = each_replicate(in_parts, job.replicates, lambda *_: advance(1), together=True)
    return [row for counts, _ in results for row in counts], aligned([outcomes for _, outcomes in results])


def _source(job: EvaluationJob, replicate: int) -> nn.Module:
    """The source's network; of another study, perhaps: where it has fewer replicates, they start over."""
    assert job.source is not None
    weights = paths.model(job.data, *job.source.split("/", 1))
    return load(paths.replicate(weights, replicate % max(1, paths.replicates(weights))))


def _under_attack(
    network: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], kinds: Sequence[str]
) -> dict[str, Tensor]:
    """The network's probabilities on perturbed images, per kind of pixels that can hold them."""
    parts = [[predict(network, images) for _, images in zip(kinds, batch, strict=False)] for batch in batches]
    return {pixels: torch.cat(values) for pixels, values in zip(kinds, zip(*parts, strict=True), strict=True)}


def _worst(
    attacks: Mapping[str, AttackConfig], eps: float, network: nn.Module, images: Images, labels: Tensor, seed: int
) -> Tensor:
    """The network's probabilities on the first image of each that one of the attacks makes it get wrong."""
    device = next(network.parameters()).device

    def answers(rows: Tensor) -> Tensor:
        clean, truth = to_float(images[rows].to(device)), labels[rows].to(device)
        result = robustness(network, clean, truth, attacks, eps=eps, seed=seed, sample_ids=rows.to(device))
        return predict(network, result.images)

    rows = torch.arange(len(labels))
    return torch.cat([*in_batches(rows, device, answers, "attacks", model=network, shape=images.shape)])


def _images(
    job: EvaluationJob,
    model: str,
    condition: Condition,
    splits: dict[str, Split],
    replicate: int,
    test_rows: Tensor | None,
) -> tuple[Images, Tensor, str, Tensor]:
    """The images and labels of a condition, the split that they come from, and their rows there."""
    if condition.set is not None:
        path = paths.replicate(paths.perturbed(job.data, job.study, "train", condition.set), replicate)
        labels = splits["train"].labels
        return load_images(path, like=splits["train"]), labels, "train", torch.arange(len(labels))
    if condition.images == "own":
        header = read_header(paths.replicate(paths.model(job.data, job.study, model), replicate))
        training = Job.model_validate(header.job)
        own = training_images(training, splits["train"], replicate, training.training.held_out)
        positions = torch.arange(len(own))
        copy = positions // (len(own) // len(training.images))  # each copy of an image counts as one of its own
        return own.all(), own.labels.cpu(), "train", own.rows + len(splits["train"]) * copy
    images, labels = splits[condition.images].images, splits[condition.images].labels
    if test_rows is None or condition.images != "test":
        return images, labels, condition.images, torch.arange(len(labels))
    return images[test_rows], labels[test_rows], condition.images, test_rows
