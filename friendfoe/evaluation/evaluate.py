"""Evaluate the replicates of a model under the conditions of a study."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from friendfoe import params, runtime
from friendfoe.attacks.crafting import crafted
from friendfoe.attacks.recipes import Recipe
from friendfoe.data.pixels import to_float
from friendfoe.data.store import Images, Split, load_images, load_split
from friendfoe.evaluation.classwise import Row, Subject, count
from friendfoe.evaluation.robust import robustness
from friendfoe.evaluation.rows import evaluated_rows
from friendfoe.models.predict import predict
from friendfoe.models.registry import load, read_header
from friendfoe.runtime import batch_size, paths
from friendfoe.runtime.progress import progress
from friendfoe.runtime.replicates import Send, each_replicate
from friendfoe.training.recipes import Validation
from friendfoe.training.replicate import training_images


def keys(p: params.Params, data: str, study: str, model: str) -> list[str]:
    """Those of the params that the evaluation of a model depends on, the list of evaluations included."""
    wanted = p.studies[study].evaluate.values()
    own = study in p.data[data].studies
    return sorted(
        {f"data.{data}.{key}" for key in (f"studies.{study}" if own else "eps", "replicates", "seed")}
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
    tailored = params.tailored(p, data, study)
    attacks = {
        name: tailored.recipe(p.conditions[name]) for wanted in evaluations.values() for name in wanted.conditions
    }
    shown = evaluated_rows(splits["test"], tailored.images)

    def replicate(number: int, send: Send) -> list[Row]:
        network = load(paths.replicate(paths.model(data, model), number)).to(device)
        rows: list[Row] = []
        for name, wanted in evaluations.items():
            images, labels = _images(p, data, model, wanted, splits, number, shown)
            if wanted.worst:
                seed = runtime.seed(p.data[data].seed, data, "craft", number)
                worst = {name: attacks[name] for name in wanted.worst}
                probabilities = {"float": _worst(worst, tailored.eps, network, images, labels, seed)}
            elif wanted.condition is None:
                probabilities = {"uint8": predict(network, images)}
            else:
                source = network
                if wanted.on != "self":  # of another study, perhaps: where it has fewer replicates, they start over
                    other = paths.model(data, wanted.on)
                    source = load(paths.replicate(other, number % max(1, paths.replicates(other)))).to(device)
                seed = runtime.seed(p.data[data].seed, data, "craft", wanted.condition, number)
                recipe = attacks[wanted.condition]
                probabilities = _under_attack(recipe, tailored.eps, network, source, images, labels, seed)
            for pixels, values in probabilities.items():
                of = Subject(data, model, number, name, pixels)
                rows += count(values, labels, splits["test"].classes, of)
            send(name)
        return rows

    replicates = params.replicates(p, data, study)
    with progress(f"evaluating {model} on {data}", replicates * len(evaluations)) as advance:
        results = each_replicate(replicate, replicates, lambda *_: advance(1))
    return [row for rows in results for row in rows]


def _under_attack(
    recipe: Recipe,
    eps: float,
    network: nn.Module,
    source: nn.Module,
    images: Images,
    labels: Tensor,
    seed: int,
) -> dict[str, Tensor]:
    """The network's probabilities on images that were crafted on `source`, per kind of pixels that can hold them."""
    kinds = ("float", "uint8") if getattr(recipe, "clip", True) else ("float",)
    parts: dict[str, list[Tensor]] = {pixels: [] for pixels in kinds}
    for made in crafted(recipe, source, images, labels, eps=eps, seed=seed):
        for pixels, perturbed in zip(kinds, made, strict=False):
            parts[pixels].append(predict(network, perturbed))
    return {pixels: torch.cat(values) for pixels, values in parts.items()}


def _worst(
    attacks: Mapping[str, Recipe], eps: float, network: nn.Module, images: Images, labels: Tensor, seed: int
) -> Tensor:
    """The network's probabilities on the first image of each that one of the attacks makes it get wrong."""
    device = next(network.parameters()).device
    parts = []
    for samples in torch.split(torch.arange(len(labels)), batch_size(device)):
        clean, of = to_float(images[samples].to(device)), labels[samples].to(device)
        found = robustness(network, clean, of, attacks, eps=eps, seed=seed, samples=samples.to(device))
        parts.append(predict(network, found.images))
    return torch.cat(parts)


def _images(
    p: params.Params,
    data: str,
    model: str,
    wanted: params.Evaluation,
    splits: dict[str, Split],
    replicate: int,
    shown: Tensor | None,
) -> tuple[Images, Tensor]:
    if wanted.images == "own" and wanted.set is None:
        header = read_header(paths.replicate(paths.model(data, model), replicate))
        validation = header.training.get("validation")
        held_out = Validation(**validation) if validation and not validation["retrain"] else None
        own = training_images(p, data, model, splits["train"], replicate, held_out)
        return own.stored(torch.arange(len(own))), own.labels.cpu()
    kind = p.sets[wanted.set].images if wanted.set else wanted.images
    images, labels = splits[kind].images, splits[kind].labels
    if wanted.set is not None:
        images = load_images(paths.replicate(paths.perturbed(data, wanted.set), replicate), like=splits[kind])
    return (images, labels) if shown is None or kind != "test" else (images[shown], labels[shown])
