"""Distillation (Papernot et al. 2016, section IV): a teacher at a temperature, and a student on its probabilities.

The teacher's probabilities of the images that it was trained on, its soft labels, are stored between the two.
"""

from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field, PositiveFloat
from torch import Tensor, nn

from friendfoe import runtime
from friendfoe.data.store import load_split
from friendfoe.models.predict import logits
from friendfoe.models.weights import load
from friendfoe.runtime import paths
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.files import atomic_directory
from friendfoe.runtime.outputs import outputs
from friendfoe.runtime.replicates import Send, each_replicate
from friendfoe.training.images import training_images
from friendfoe.training.job import Job, MethodConfig, Name
from friendfoe.training.objectives import Objective, TrainingBatch
from friendfoe.training.processes import join


class TeacherConfig(MethodConfig):
    """Cross-entropy of softmax(logits / temperature), the first half of distillation."""

    method: Literal["teacher"]
    temperature: PositiveFloat = Field(description="1 is the usual softmax")

    def build_objective(self, job: Job, replicate: int) -> Objective:
        """Cross-entropy at the temperature."""
        return at(self.temperature)

    def finish(self, job: Job) -> None:
        """Write the soft labels that a student learns from."""
        write_soft_labels(job, self.temperature)


class DistilledConfig(MethodConfig):
    """Cross-entropy with the probabilities that a teacher gives, at the teacher's temperature."""

    method: Literal["distilled"]
    teacher: Name = Field(description="a model of the method `teacher`, trained on the same images")
    temperature: PositiveFloat = Field(description="that of the teacher")

    def inputs(self, job: Job, replicate: int) -> list[Path]:
        """The soft labels of the same replicate of the teacher."""
        return [paths.replicate(paths.soft(job.data, job.study, self.teacher), replicate)]

    def build_objective(self, job: Job, replicate: int) -> Objective:
        """Cross-entropy with the soft labels of the same replicate of the teacher, at its temperature."""
        (path,) = self.inputs(job, replicate)
        return towards(read_soft_labels(path).to(runtime.device()), self.temperature)


def at(temperature: float) -> Objective:
    """Mean cross-entropy of softmax(logits / temperature) with the labels, and the logits.

    It is not rescaled: the gradient is 1 / temperature times the usual one, as in the paper.
    """

    def loss(network: nn.Module, batch: TrainingBatch) -> tuple[Tensor, Tensor]:
        logits = network(batch.images)
        return F.cross_entropy(logits / temperature, batch.labels), logits

    return loss


def towards(soft: Tensor, temperature: float) -> Objective:
    """Mean cross-entropy of softmax(logits / temperature) with soft labels [N, K] of all images, and the logits."""

    def loss(network: nn.Module, batch: TrainingBatch) -> tuple[Tensor, Tensor]:
        logits = network(batch.images)
        return F.cross_entropy(logits / temperature, soft[batch.sample_ids]), logits

    return loss


def write_soft_labels(teacher: Job, temperature: float) -> None:
    """Write the soft labels of every replicate of a teacher, float32 [N, K] in the order of its training images.

    Raises:
        UserError: the teacher or the images are missing or damaged.
    """
    from safetensors.torch import save_file

    split, device, training = load_split(paths.prepared(teacher.data), "train"), runtime.device(), teacher.training
    directory = paths.soft(teacher.data, teacher.study, teacher.name)

    def replicate(number: int, send: Send) -> None:
        network = load(paths.replicate(paths.model(teacher.data, teacher.study, teacher.name), number)).to(device)
        images = training_images(teacher, split, number, training.validation)
        with torch.autocast(device.type, torch.bfloat16, enabled=training.precision == "bfloat16"):
            answers = logits(network, images.stored(torch.arange(len(images))))
        probabilities = (answers.float() / temperature).log_softmax(1).exp()
        save_file({"probabilities": probabilities.cpu()}, paths.replicate(partial, number))

    processes = join(device)
    if processes.first:
        with outputs(directory), atomic_directory(directory) as partial:
            each_replicate(replicate, teacher.replicates)
    processes.wait()


def read_soft_labels(path: Path) -> Tensor:
    """The soft labels of a replicate of a teacher, float32 [N, K].

    Raises:
        UserError: the file is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)["probabilities"]
    except FileNotFoundError:
        teacher = path.parent.name
        raise UserError(f"{path} is missing; `dvc repro` of the stage that trains '{teacher}' makes it") from None
    except (SafetensorError, OSError, KeyError) as error:
        raise UserError(f"{path} is damaged ({error}); delete it and run `dvc repro` again") from None
