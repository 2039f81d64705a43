"""Evaluate the replicates of a model under the conditions of a study."""

import torch
from torch import Tensor, nn

from friendfoe import params, runtime
from friendfoe.attacks.crafting import crafted
from friendfoe.data.pixels import to_float
from friendfoe.data.store import Images, Split, load_images, load_split
from friendfoe.evaluation.classwise import Row, Subject, count
from friendfoe.evaluation.robust import robustness
from friendfoe.models.predict import predict
from friendfoe.models.registry import load
from friendfoe.runtime import batch_size, paths
from friendfoe.runtime.progress import progress
from friendfoe.runtime.replicates import Send, each_replicate
from friendfoe.training.model import training_images


def keys(p: params.Params, data: str, study: str, model: str) -> list[str]:
    """The params that the evaluation of a model depends on, the study's list of evaluations included."""
    wanted = p.studies[study].evaluate.values()
    return sorted(
        {f"data.{data}.{key}" for key in ("eps", "replicates", "seed")}
        | {f"models.{model}", f"studies.{study}.evaluate"}
        | {f"sets.{e.set}" for e in wanted if e.set}
        | {f"conditions.{condition}" for e in wanted for condition in e.conditions}
    )


def evaluate_model(p: params.Params, data: str, study: str, model: str) -> list[Row]:
    """Class-wise counts of every replicate under every condition, before and after rounding to stored pixels.

    Raises:
        UserError: the model, a set or a split is missing or damaged.
    """
    device = runtime.device()
    splits = {name: load_split(paths.prepared(data), name) for name in ("train", "test")}
    evaluations = p.studies[study].evaluate

    def replicate(number: int, send: Send) -> list[Row]:
        network = load(paths.replicate(paths.model(data, model), number)).to(device)
        rows: list[Row] = []
        for name, wanted in evaluations.items():
            images, labels = _images(p, data, model, wanted, splits, number)
            if wanted.worst:
                seed = runtime.seed(p.data[data].seed, data, "craft", number)
                probabilities = {"float": _worst(p, data, wanted.worst, network, images, labels, seed)}
            elif wanted.condition is None:
                probabilities = {"uint8": predict(network, images)}
            else:
                source = network
                if wanted.on != "self":
                    source = load(paths.replicate(paths.model(data, wanted.on), number)).to(device)
                seed = runtime.seed(p.data[data].seed, data, "craft", wanted.condition, number)
                probabilities = _under_attack(p, data, wanted.condition, network, source, images, labels, seed)
            for pixels, values in probabilities.items():
                of = Subject(data, model, number, name, pixels)
                rows += count(values, labels, splits["test"].classes, of)
            send(name)
        return rows

    replicates = p.data[data].replicates
    with progress(f"evaluating {model} on {data}", replicates * len(evaluations)) as advance:
        results = each_replicate(replicate, replicates, lambda *_: advance(1))
    return [row for rows in results for row in rows]


def _under_attack(
    p: params.Params,
    data: str,
    condition: str,
    network: nn.Module,
    source: nn.Module,
    images: Images,
    labels: Tensor,
    seed: int,
) -> dict[str, Tensor]:
    """The network's probabilities on images that were crafted on `source`, per kind of pixels that can hold them."""
    recipe = p.conditions[condition]
    kinds = ("float", "uint8") if getattr(recipe, "clip", True) else ("float",)
    parts: dict[str, list[Tensor]] = {pixels: [] for pixels in kinds}
    for made in crafted(recipe, source, images, labels, eps=p.data[data].eps, seed=seed):
        for pixels, perturbed in zip(kinds, made, strict=False):
            parts[pixels].append(predict(network, perturbed))
    return {pixels: torch.cat(values) for pixels, values in parts.items()}


def _worst(
    p: params.Params, data: str, conditions: list[str], network: nn.Module, images: Images, labels: Tensor, seed: int
) -> Tensor:
    """The network's probabilities on the first image of each that one of the attacks makes it get wrong."""
    device = next(network.parameters()).device
    attacks = {name: p.conditions[name] for name in conditions}
    parts = []
    for samples in torch.split(torch.arange(len(labels)), batch_size(device)):
        clean, of = to_float(images[samples].to(device)), labels[samples].to(device)
        found = robustness(network, clean, of, attacks, eps=p.data[data].eps, seed=seed, samples=samples.to(device))
        parts.append(predict(network, found.images))
    return torch.cat(parts)


def _images(
    p: params.Params, data: str, model: str, wanted: params.Evaluation, splits: dict[str, Split], replicate: int
) -> tuple[Images, Tensor]:
    if wanted.set is not None:
        split = splits[p.sets[wanted.set].images]
        return load_images(paths.replicate(paths.perturbed(data, wanted.set), replicate), like=split), split.labels
    if wanted.images == "own":
        own = training_images(p, data, model, splits["train"], replicate)
        return own.stored(torch.arange(len(own))), own.labels.cpu()
    split = splits[wanted.images]
    return split.images, split.labels
