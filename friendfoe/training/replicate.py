"""One replicate of a model: its images, its network, its training."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from friendfoe import __version__, params, runtime
from friendfoe.data.pixels import to_float
from friendfoe.data.store import Images, Split, load_images
from friendfoe.models.branches import plain
from friendfoe.models.predict import predict
from friendfoe.models.registry import Header, build
from friendfoe.runtime import paths
from friendfoe.training import methods
from friendfoe.training.checkpoint import Checkpoint
from friendfoe.training.images import TrainingImages, held_out_rows
from friendfoe.training.loop import Row, train
from friendfoe.training.processes import ONE, Processes
from friendfoe.training.recipes import Validation
from friendfoe.training.validation import Selection


@dataclass(frozen=True)
class Trained:
    """A trained replicate.

    Attributes:
        network: with the weights of the last epoch, and whatever its method has added for the training.
        header: what its file is to say of it.
        checkpoint: of its training, to be removed when the network is saved.
        selection: the weights of the best epoch, where the budget asks for it.
    """

    network: nn.Module
    header: Header
    checkpoint: Checkpoint
    selection: Selection | None

    def last(self) -> nn.Module:
        """The plain network with the weights of the last epoch."""
        return plain(self.network)

    def best(self) -> nn.Module:
        """The plain network with the weights of the best epoch, which `network` has from now on."""
        if self.selection:
            self.network.load_state_dict(self.selection.weights)
        return plain(self.network)


def train_replicate(
    p: params.Params,
    data: str,
    model: str,
    split: Split,
    number: int,
    *,
    evaluate: Callable[[nn.Module], float] | None = None,
    on_epoch: Callable[[list[Row]], None] = lambda history: None,
    epochs: int | None = None,
    processes: Processes = ONE,
) -> Trained:
    """Train replicate `number` of `model` on the training images `split` of `data`.

    With `epochs`, which a search on held-out images has found, it is trained so long on all images.

    Raises:
        UserError: a perturbed set is missing or damaged, or the loss is no longer finite.
    """
    recipe, budget = p.models[model], params.training(p, data, model)
    validation = budget.validation if epochs is None else None
    header = Header(
        friendfoe=__version__,
        data=split.sha256,
        shape=split.shape,
        classes=split.classes,
        network=params.network(p, data, model),
        recipe=recipe.model_dump(exclude=None if recipe.study else {"study"}),
        training=budget.model_dump(exclude_none=True),
        seed=runtime.seed(p.data[data].seed, data, model, number),
    )
    images = training_images(p, data, model, split, number, validation)
    network = _fresh(header, split).to(images.device)
    methods.prepare(p, data, model, network)
    others = [p.models[name].model_dump_json() for name in recipe.needs]
    checkpoint = Checkpoint(header.model_dump_json(), *others, images.sha256())
    selection = _selection(p, data, model, validation, split, number, processes) if validation else None
    train(
        network,
        images,
        methods.objective(p, data, model, number),
        budget,
        base_seed=header.seed,
        checkpoint=checkpoint,
        evaluate=evaluate,
        selection=selection,
        on_epoch=on_epoch,
        epochs=epochs,
        processes=processes,
    )
    return Trained(network, header, checkpoint, selection)


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
    return TrainingImages(copies, split.labels, params.share(p, data, model), order_seed, runtime.device(), held_out)


def validation_rows(p: params.Params, data: str, validation: Validation, count: int, replicate: int) -> Tensor:
    """Which of `count` training images a replicate is not trained on, int64 in ascending order.

    Models with the same share of them hold out the same images in the same replicate.
    """
    return held_out_rows(count, validation.share, _order_seed(p, data, replicate))


def accuracy(network: nn.Module, images: Images, labels: Tensor) -> float:
    """Share of the images [N, C, H, W] (uint8, or float in [0, 1]) that get their label, int64 [N]."""
    return (predict(network, images).argmax(1).cpu() == labels.cpu()).float().mean().item()


def _order_seed(p: params.Params, data: str, replicate: int) -> int:
    # not the model's name: models that are compared with one another take the same images
    return runtime.seed(p.data[data].seed, data, "share", replicate)


def _fresh(header: Header, split: Split) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(header.seed)
        network = build(header.network, split.shape, len(split.classes), split.mean, split.std)
    return network.to(memory_format=torch.channels_last)


def _selection(
    p: params.Params,
    data: str,
    model: str,
    validation: Validation,
    split: Split,
    replicate: int,
    processes: Processes,
) -> Selection:
    """Looks at the images that the replicate holds out, under the attack of its method."""
    rows = validation_rows(p, data, validation, len(split), replicate)
    perturb, device = methods.validation(p, data, model, replicate), runtime.device()
    images, labels, samples = split.images[rows], split.labels[rows].to(device), rows.to(device)

    def attacked(network: nn.Module) -> float:
        found = torch.zeros(1, dtype=torch.float64, device=device)
        if processes.first:  # batch-norm statistics are those of the first, and all are to stop together
            found += accuracy(network, perturb(network, to_float(images.to(device)), labels, samples), labels)
        return processes.sum(found).item()

    return Selection(validation, attacked)
