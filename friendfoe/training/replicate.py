"""One replicate of a model: its images, its network, its training."""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from friendfoe import runtime
from friendfoe.data.pixels import to_float
from friendfoe.data.store import Images, Split
from friendfoe.models.branches import plain
from friendfoe.models.classifier import build
from friendfoe.models.predict import predict
from friendfoe.models.weights import Header
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.memory_format import to_fast_format
from friendfoe.runtime.processes import ONE, Processes
from friendfoe.training.checkpoint import Checkpoint
from friendfoe.training.images import held_out_rows, training_images
from friendfoe.training.job import Job, ValidationConfig
from friendfoe.training.loop import EpochMetrics, train
from friendfoe.training.selection import Selection


@dataclass(frozen=True)
class TrainedReplicate:
    """A trained replicate."""

    network: nn.Module  # with the weights of the last epoch, and whatever its method has added for the training
    header: Header  # what its file is to say of it
    checkpoint: Checkpoint  # of its training, to be removed when the network is saved
    selection: Selection | None  # the weights of the best epoch, where the budget asks for it

    def last(self) -> nn.Module:
        """The plain network with the weights of the last epoch."""
        return plain(self.network)

    def best(self) -> nn.Module:
        """The plain network with the weights of the best epoch, which `network` has from now on."""
        if self.selection:
            self.network.load_state_dict(self.selection.weights)
        return plain(self.network)


def train_replicate(
    job: Job,
    split: Split,
    number: int,
    *,
    evaluate: Callable[[nn.Module], float] | None = None,
    on_epoch: Callable[[list[EpochMetrics]], None] = lambda history: None,
    epochs: int | None = None,
    processes: Processes = ONE,
    provenance: dict[str, Any] | None = None,
) -> TrainedReplicate:
    """Train replicate `number` of a job on the training images `split`.

    Args:
        job: what to train.
        split: of the job's data set.
        number: of the replicate.
        evaluate: a test accuracy for the curve; it chooses nothing.
        on_epoch: called with the curve so far after every epoch.
        epochs: what a search on held-out images has found: it is trained so long on all images.
        processes: more than one under torchrun.
        provenance: of this run, for the header, which gains the seconds that the training took.

    Raises:
        UserError: an input is missing or damaged, the network does not suit the method, or the loss is not finite.
    """
    wall, cpu = time.monotonic(), time.process_time()
    validation = job.training.validation if epochs is None else None
    header = header_of(job, split, job.weights_seed(number))
    images = training_images(job, split, number, validation)
    objective = job.method.build_objective(job, number)
    network = build(job.network, split.shape, len(split.classes), split.mean, split.std, seed=header.seed)
    to_fast_format(network.to(images.device))
    try:
        job.method.prepare(network)
    except ValueError as error:
        raise UserError(f"models.{job.name} with the network '{job.network.kind}': {error}") from None
    inputs = [hashlib.sha256(path.read_bytes()).hexdigest() for path in job.method.inputs(job, number)]
    checkpoint = Checkpoint(header.model_dump_json(), torch.__version__, images.sha256(), *inputs)
    held_out = _held_out(job, validation, split, number, processes) if validation else None
    selection = Selection(validation, lambda model: share(held_out(model))) if validation and held_out else None
    train(
        network,
        images,
        objective,
        job.training,
        base_seed=header.seed,
        checkpoint=checkpoint,
        evaluate=evaluate,
        selection=selection,
        weakest=(lambda model: lowest(held_out(model))) if held_out else None,
        on_epoch=on_epoch,
        epochs=epochs,
        processes=processes,
    )
    seconds = {"wall_seconds": time.monotonic() - wall, "cpu_seconds": time.process_time() - cpu}
    origin = {**(provenance or {}), **{name: round(value, 2) for name, value in seconds.items()}}
    return TrainedReplicate(network, header.model_copy(update={"provenance": origin}), checkpoint, selection)


def header_of(job: Job, split: Split, seed: int, provenance: Mapping[str, Any] = MappingProxyType({})) -> Header:
    """What the weights file of a job says, which was made from the training images `split`."""
    return Header(
        data=split.sha256,
        shape=split.shape,
        classes=split.classes,
        network=job.network,
        seed=seed,
        job=job.model_dump(mode="json", exclude_none=True, exclude={"variants"}),
        provenance=dict(provenance),
    )


def accuracy(network: nn.Module, images: Images, labels: Tensor) -> float:
    """Share of the images [N, C, H, W] (uint8, or float in [0, 1]) that get their label, int64 [N]."""
    return (predict(network, images).argmax(1).cpu() == labels.cpu()).float().mean().item()


def _held_out(
    job: Job, validation: ValidationConfig, split: Split, replicate: int, processes: Processes
) -> Callable[[nn.Module], Tensor]:
    """What a network does on the images that the replicate holds out, under the attack of its method.

    Right answers and images of each class, [2, K].
    """
    rows = held_out_rows(len(split), validation.share, job.order_seed(replicate))
    perturb, device = job.method.held_out_attack(job, replicate), runtime.device()
    classes, in_memory = len(split.classes), isinstance(split.images, Tensor)
    pieces = (rows,) if in_memory else torch.split(rows, runtime.batch_size(device, split.images.shape))

    def attacked(network: nn.Module) -> Tensor:
        counts = torch.zeros(2, classes, dtype=torch.float64, device=device)
        for piece in pieces if processes.first else ():  # batch-norm statistics are those of the first
            pixels, labels = to_float(split.images[piece].to(device)), split.labels[piece].to(device)
            answers = predict(network, perturb(network, pixels, labels, piece.to(device))).argmax(1)
            groups = (labels[answers == labels], labels)
            counts += torch.stack([torch.bincount(group, minlength=classes) for group in groups])
        return processes.sum(counts).cpu()  # all are to stop together

    return attacked


def share(counts: Tensor) -> float:
    """Accuracy over all classes."""
    correct, total = counts.sum(1).tolist()
    return float(correct / total)


def lowest(counts: Tensor) -> float:
    """Accuracy of the weakest class, of those that have images."""
    correct, total = counts[:, counts[1] > 0]
    return float((correct / total).min())
