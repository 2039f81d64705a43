"""Train all replicates of one model and write its outputs."""

import sys
from contextlib import ExitStack

import torch
from torch import Tensor, nn

from friendfoe import __version__, params, runtime
from friendfoe.data.pixels import to_float
from friendfoe.data.store import Images, Split, load_images, load_split
from friendfoe.models.predict import predict
from friendfoe.models.registry import Header, build, save
from friendfoe.runtime import paths
from friendfoe.runtime.files import atomic_directory
from friendfoe.runtime.outputs import outputs
from friendfoe.runtime.progress import progress
from friendfoe.runtime.replicates import Send, each_replicate
from friendfoe.training import methods
from friendfoe.training.checkpoint import Checkpoint
from friendfoe.training.curves import Curves
from friendfoe.training.images import TrainingImages, held_out_rows
from friendfoe.training.loop import Row, train
from friendfoe.training.processes import Processes, join
from friendfoe.training.recipes import Validation
from friendfoe.training.validation import Selection


def keys(data: str, model: str) -> list[str]:
    """The params that training a model on a data set depends on."""
    p = params.load(f"models.{model}")
    study = params.study_of(p, model)
    of_data = ["replicates", "seed", "network", "training", *([f"studies.{study}"] if study else [])]
    return [f"data.{data}.{key}" for key in of_data] + [f"models.{name}" for name in (model, *p.models[model].needs)]


def train_model(p: params.Params, data: str, model: str) -> None:
    """Train every replicate of `model` on `data`; write weights, training curves and metrics.

    Replicates differ in their seed alone: of the initial weights, of the order of the images and of the share of them
    that the recipe takes. Two models that take the same share take the same images in the same replicate.

    Raises:
        UserError: an input is missing or damaged, or the loss is no longer finite.
    """
    processes = join(runtime.device())
    recipe, budget = p.models[model], params.training(p, data, model)
    replicates = params.replicates(p, data, params.study_of(p, model))
    split, test = load_split(paths.prepared(data), "train"), load_split(paths.prepared(data), "test")
    weights, curve = paths.model(data, model), paths.curve(data, model)
    curves = Curves(curve if processes.first else None)

    def replicate(number: int, send: Send) -> Checkpoint:
        header = Header(
            friendfoe=__version__,
            data=split.sha256,
            shape=split.shape,
            classes=split.classes,
            network=params.network(p, data, model),
            recipe=recipe.model_dump(),
            training=budget.model_dump(exclude_none=True),
            seed=runtime.seed(p.data[data].seed, data, model, number),
        )
        images = training_images(p, data, model, split, number, budget.validation)
        network = _fresh(header, split).to(images.device)
        others = [p.models[name].model_dump_json() for name in recipe.needs]
        checkpoint = Checkpoint(header.model_dump_json(), *others, images.sha256())
        selection = _selection(p, data, model, split, number, processes) if budget.validation else None
        train(
            network,
            images,
            methods.objective(p, data, model, number),
            budget,
            base_seed=header.seed,
            checkpoint=checkpoint,
            evaluate=lambda network: _accuracy(network, test.images, test.labels),
            selection=selection,
            on_epoch=send,
            processes=processes,
        )
        if processes.first:
            if selection:
                save(network, paths.last(partial, number), header)
                network.load_state_dict(selection.weights)
                if selection.collapsed:
                    print(_collapse(data, model, number, selection), file=sys.stderr)
            save(network, paths.replicate(partial, number), header)
        return checkpoint

    import torch._dynamo  # noqa: F401  (the optimisers import it at their first step: once here, not in every child)

    with ExitStack() as files:
        if processes.first:
            files.enter_context(outputs(weights, curve, curve.with_suffix(".json")))
            partial = files.enter_context(atomic_directory(weights))
        with progress(f"{model} on {data}", replicates * budget.epochs) as advance:

            def listen(number: int, history: list[Row]) -> None:
                curves.update(number, history)
                advance(1)

            checkpoints = each_replicate(replicate, replicates, listen)
        curves.write()
        processes.end()
    for checkpoint in checkpoints:
        checkpoint.remove()


def training_images(
    p: params.Params, data: str, model: str, split: Split, replicate: int, validation: Validation | None
) -> TrainingImages:
    """The images that a replicate of a model is trained on.

    Raises:
        UserError: a perturbed set is missing or damaged, or is not one of these images.
    """
    copies = [
        split.images
        if name == "train"
        else load_images(paths.replicate(paths.perturbed(data, name), replicate), like=split)
        for name in p.models[model].images
    ]
    held_out = validation.share if validation else 0.0
    order_seed = _order_seed(p, data, replicate)
    return TrainingImages(copies, split.labels, p.models[model].share, order_seed, runtime.device(), held_out)


def validation_rows(p: params.Params, data: str, validation: Validation, count: int, replicate: int) -> Tensor:
    """Which of `count` training images a replicate is not trained on, int64 in ascending order.

    Models with the same share of them hold out the same images in the same replicate.
    """
    return held_out_rows(count, validation.share, _order_seed(p, data, replicate))


def _order_seed(p: params.Params, data: str, replicate: int) -> int:
    # not the model's name: models that are compared with one another take the same images
    return runtime.seed(p.data[data].seed, data, "share", replicate)


def _selection(
    p: params.Params, data: str, model: str, split: Split, replicate: int, processes: Processes
) -> Selection:
    """Looks at the images that the replicate holds out, under the attack of its method."""
    recipe = params.training(p, data, model).validation
    assert recipe is not None
    rows = validation_rows(p, data, recipe, len(split), replicate)
    perturb, device = methods.validation(p, data, model, replicate), runtime.device()
    images, labels, samples = split.images[rows], split.labels[rows].to(device), rows.to(device)

    def accuracy(network: nn.Module) -> float:
        found = torch.zeros(1, dtype=torch.float64, device=device)
        if processes.first:  # batch-norm statistics are those of the first, and all are to stop together
            perturbed = perturb(network, to_float(images.to(device)), labels, samples)
            found += _accuracy(network, perturbed, labels)
        return processes.sum(found).item()

    return Selection(recipe, accuracy)


def _collapse(data: str, model: str, replicate: int, selection: Selection) -> str:
    return (
        f"{model} on {data}, replicate {replicate}: its robustness has collapsed; training was stopped and the weights "
        f"of epoch {selection.epoch + 1} are kept, with an accuracy of {selection.best:.3f} on attacked held-out images"
    )


def _fresh(header: Header, split: Split) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(header.seed)
        network = build(header.network, split.shape, len(split.classes), split.mean, split.std)
    return network.to(memory_format=torch.channels_last)


def _accuracy(network: nn.Module, images: Images, labels: Tensor) -> float:
    return (predict(network, images).argmax(1).cpu() == labels.cpu()).float().mean().item()
