"""Evaluate the replicates of a model under the conditions of a study."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from friendfoe import runtime
from friendfoe.attacks.config import AttackConfig
from friendfoe.attacks.craft import crafted
from friendfoe.data.pixels import to_float
from friendfoe.data.store import Images, Split, load_images, load_split
from friendfoe.evaluation.classwise import ClassCount, Subject, count
from friendfoe.evaluation.job import Condition, EvaluationJob
from friendfoe.evaluation.robust import robustness
from friendfoe.evaluation.rows import evaluated_rows
from friendfoe.models.predict import predict
from friendfoe.models.weights import load, read_header
from friendfoe.runtime import batch_size, crafting_seed, paths
from friendfoe.runtime.progress import progress
from friendfoe.runtime.replicates import Send, each_replicate
from friendfoe.training.images import training_images
from friendfoe.training.job import Job


def evaluate_model(job: EvaluationJob, model: str) -> list[ClassCount]:
    """Class-wise counts of every replicate under every condition, before and after rounding to stored pixels.

    Raises:
        UserError: the model, a set or a split is missing or damaged.
    """
    device = runtime.device()
    splits = {name: load_split(paths.prepared(job.data), name) for name in ("train", "test")}
    test_rows = evaluated_rows(splits["test"], job.images)
    weights = paths.model(job.data, job.study, model)

    def replicate(number: int, send: Send) -> list[ClassCount]:
        network = load(paths.replicate(weights, number)).to(device)
        counts: list[ClassCount] = []
        for name, condition in job.conditions.items():
            images, labels = _images(job, model, condition, splits, number, test_rows)
            if condition.worst:
                seed = crafting_seed(job.seed, job.data, number)
                worst = {attack: job.attacks[attack] for attack in condition.worst}
                probabilities = {"float": _worst(worst, job.eps, network, images, labels, seed)}
            elif condition.attack is None:
                probabilities = {"uint8": predict(network, images)}
            else:
                source = network if condition.on == "self" else _source(job, number).to(device)
                seed = crafting_seed(job.seed, job.data, number)
                attack = job.attacks[condition.attack]
                probabilities = _under_attack(attack, job.eps, network, source, images, labels, seed)
            for pixels, values in probabilities.items():
                subject = Subject(job.data, model, number, name, pixels)
                counts += count(values, labels, splits["test"].classes, subject)
            send(name)
        return counts

    with progress(f"evaluating {model} on {job.data}", job.replicates * len(job.conditions)) as advance:
        results = each_replicate(replicate, job.replicates, lambda *_: advance(1))
    return [row for counts in results for row in counts]


def _source(job: EvaluationJob, replicate: int) -> nn.Module:
    """The source's network; of another study, perhaps: where it has fewer replicates, they start over."""
    assert job.source is not None
    weights = paths.model(job.data, *job.source.split("/", 1))
    return load(paths.replicate(weights, replicate % max(1, paths.replicates(weights))))


def _under_attack(
    config: AttackConfig,
    eps: float,
    network: nn.Module,
    source: nn.Module,
    images: Images,
    labels: Tensor,
    seed: int,
) -> dict[str, Tensor]:
    """The network's probabilities on images that were crafted on `source`, per kind of pixels that can hold them."""
    kinds = ("float", "uint8") if config.storable else ("float",)
    parts: dict[str, list[Tensor]] = {pixels: [] for pixels in kinds}
    for batch in crafted(config, source, images, labels, eps=eps, seed=seed):
        for pixels, perturbed in zip(kinds, batch, strict=False):
            parts[pixels].append(predict(network, perturbed))
    return {pixels: torch.cat(values) for pixels, values in parts.items()}


def _worst(
    attacks: Mapping[str, AttackConfig], eps: float, network: nn.Module, images: Images, labels: Tensor, seed: int
) -> Tensor:
    """The network's probabilities on the first image of each that one of the attacks makes it get wrong."""
    device = next(network.parameters()).device
    parts = []
    for sample_ids in torch.split(torch.arange(len(labels)), batch_size(device)):
        clean, truth = to_float(images[sample_ids].to(device)), labels[sample_ids].to(device)
        result = robustness(network, clean, truth, attacks, eps=eps, seed=seed, sample_ids=sample_ids.to(device))
        parts.append(predict(network, result.images))
    return torch.cat(parts)


def _images(
    job: EvaluationJob,
    model: str,
    condition: Condition,
    splits: dict[str, Split],
    replicate: int,
    test_rows: Tensor | None,
) -> tuple[Images, Tensor]:
    if condition.set is not None:
        path = paths.replicate(paths.perturbed(job.data, job.study, "train", condition.set), replicate)
        return load_images(path, like=splits["train"]), splits["train"].labels
    if condition.images == "own":
        header = read_header(paths.replicate(paths.model(job.data, job.study, model), replicate))
        trained = Job.model_validate(header.job)
        validation = trained.training.validation
        held_out = validation if validation and not validation.retrain else None
        own = training_images(trained, splits["train"], replicate, held_out)
        return own.stored(torch.arange(len(own))), own.labels.cpu()
    images, labels = splits[condition.images].images, splits[condition.images].labels
    if test_rows is None or condition.images != "test":
        return images, labels
    return images[test_rows], labels[test_rows]
