"""Distillation (Papernot et al. 2016, section IV): a teacher at a temperature, and a student on its probabilities.

The teacher's probabilities of the images that it was trained on, its soft labels, are stored between the two.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field, PositiveFloat
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from friendfoe import runtime
from friendfoe.data.store import load_split
from friendfoe.models.predict import logits
from friendfoe.models.weights import load
from friendfoe.runtime import paths, tensors
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.files import atomic_directory
from friendfoe.runtime.forks import Send
from friendfoe.runtime.outputs import outputs
from friendfoe.runtime.processes import join
from friendfoe.runtime.recorded import remedy
from friendfoe.runtime.replicates import each_replicate
from friendfoe.runtime.strict import nearest
from friendfoe.training.images import training_images
from friendfoe.training.job import Job, MethodConfig, Name
from friendfoe.training.objectives import Objective, TrainingBatch, repeatable


class TeacherConfig(MethodConfig):
    """Cross-entropy of softmax(logits / temperature), the first half of distillation."""

    method: Literal["teacher"]
    temperature: PositiveFloat = Field(description="1 is the usual softmax")

    def build_objective(self, job: Job, replicate: int) -> Objective:
        """Cross-entropy at the temperature."""
        return cross_entropy_at(self.temperature)

    def finish(self, job: Job) -> None:
        """Write the soft labels that a student learns from."""
        write_soft_labels(job, self.temperature)


class DistilledConfig(MethodConfig):
    """Cross-entropy with the probabilities that a teacher gives, at the teacher's temperature."""

    method: Literal["distilled"]
    teacher: Name = Field(description="a model of the method `teacher`, trained on the same images")
    temperature: PositiveFloat = Field(description="that of the teacher")

    def check(self, job: Job, jobs: Mapping[str, Job]) -> None:
        """Refuse a teacher that is none, or that is trained on other images."""
        if self.teacher in jobs and not jobs[self.teacher].method.trained:
            raise ValueError(
                f"teacher: '{self.teacher}' cannot be given, for it is trained at a temperature; give yours another "
                "name under `models`, and it is attacked beside these"
            )
        teachers = [name for name, other in jobs.items() if isinstance(other.method, TeacherConfig)]
        if self.teacher not in teachers:
            raise ValueError(
                f"teacher: '{self.teacher}' is no model of the method `teacher`; {nearest(self.teacher, teachers)}"
            )
        teacher = jobs[self.teacher]
        if (teacher.images, teacher.share) != (job.images, job.share):
            raise ValueError(f"images, share: must be those of its teacher, '{self.teacher}'")
        if teacher.method.model_dump().get("temperature") != self.temperature:
            raise ValueError(f"temperature: must be that of its teacher, '{self.teacher}'")

    def inputs(self, job: Job, replicate: int) -> list[Path]:
        """The soft labels of the same replicate (and variant) of the teacher."""
        teacher = "/".join([self.teacher, *job.name.split("/")[1:]])
        return [paths.replicate(paths.soft(job.data, job.study, teacher), replicate)]

    def build_objective(self, job: Job, replicate: int) -> Objective:
        """Cross-entropy with the teacher's soft labels, at its temperature."""
        (path,) = self.inputs(job, replicate)
        return cross_entropy_at(self.temperature, read_soft_labels(path).to(runtime.device()))


def cross_entropy_at(temperature: float, soft_labels: Tensor | None = None) -> Objective:
    """Mean cross-entropy of softmax(logits / temperature) with the labels, and the logits.

    It is not rescaled: the gradient is 1 / temperature times the usual one, as in the paper.

    Args:
        temperature: above 0.
        soft_labels: probabilities [N, K] of all training images, in place of the labels.
    """

    @repeatable
    def loss(network: nn.Module, batch: TrainingBatch) -> tuple[Tensor, Tensor]:
        logits = network(batch.images)
        labels = batch.labels if soft_labels is None else soft_labels[batch.sample_ids]
        return F.cross_entropy(logits / temperature, labels), logits

    return loss


def write_soft_labels(teacher: Job, temperature: float) -> None:
    """Write the soft labels of every replicate of a teacher, float32 [N, K] in the order of its training images.

    Raises:
        UserError: the teacher or the images are missing or damaged.
    """
    split, device, training = load_split(paths.prepared(teacher.data), "train"), runtime.device(), teacher.training
    directory = paths.soft(teacher.data, teacher.study, teacher.name)

    def replicate(number: int, send: Send) -> None:
        network = load(paths.replicate(paths.model(teacher.data, teacher.study, teacher.name), number)).to(device)
        images = training_images(teacher, split, number, training.held_out)
        with torch.autocast(device.type, torch.bfloat16, enabled=training.precision == "bfloat16"):
            answers = logits(network, images.stored(torch.arange(len(images))))
        probabilities = (answers.float() / temperature).log_softmax(1).exp()
        tensors.write(save_file, {"probabilities": probabilities.cpu()}, paths.replicate(partial, number), "{}")

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
    try:
        tensors.check(path)
        return load_file(path)["probabilities"]
    except FileNotFoundError:
        teacher = path.parent.name
        raise UserError(f"{path} is missing; `dvc repro` of the stage that trains '{teacher}' makes it") from None
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        again = remedy(path) or "run `dvc repro -f` of the stage that makes it"
        raise UserError(f"{path} is damaged or not of friendfoe ({error}); {again}") from None
