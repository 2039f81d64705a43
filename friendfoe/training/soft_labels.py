"""Soft labels: the probabilities that a teacher gives to the images that it was trained on, at its temperature."""

import torch
from torch import Tensor

from friendfoe import params, runtime
from friendfoe.data.store import load_split
from friendfoe.models.predict import logits
from friendfoe.models.registry import load
from friendfoe.runtime import paths
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.files import atomic_directory
from friendfoe.runtime.outputs import outputs
from friendfoe.runtime.replicates import Send, each_replicate
from friendfoe.training.processes import join
from friendfoe.training.recipes import Teacher
from friendfoe.training.replicate import training_images


def write(p: params.Params, data: str, teacher: str) -> None:
    """Write the soft labels of every replicate of a teacher, float32 [N, K] in the order of its training images.

    Raises:
        UserError: the teacher or the images are missing or damaged.
    """
    from safetensors.torch import save_file

    recipe, budget = p.models[teacher], params.training(p, data, teacher)
    assert isinstance(recipe, Teacher)
    split, device = load_split(paths.prepared(data), "train"), runtime.device()
    directory = paths.soft(data, teacher)

    def replicate(number: int, send: Send) -> None:
        network = load(paths.replicate(paths.model(data, teacher), number)).to(device)
        images = training_images(p, data, teacher, split, number, budget.validation)
        with torch.autocast(device.type, torch.bfloat16, enabled=budget.precision == "bfloat16"):
            given = logits(network, images.stored(torch.arange(len(images))))
        probabilities = (given.float() / recipe.temperature).log_softmax(1).exp()
        save_file({"probabilities": probabilities.cpu()}, paths.replicate(partial, number))

    processes = join(device)
    if processes.first:
        with outputs(directory), atomic_directory(directory) as partial:
            each_replicate(replicate, params.replicates(p, data, recipe.study))
    processes.wait()


def read(data: str, teacher: str, replicate: int) -> Tensor:
    """The soft labels of a replicate of a teacher, float32 [N, K].

    Raises:
        UserError: the file is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = paths.replicate(paths.soft(data, teacher), replicate)
    try:
        return load_file(path)["probabilities"]
    except FileNotFoundError:
        raise UserError(f"{path} is missing; `dvc repro` of the stage that trains '{teacher}' makes it") from None
    except (SafetensorError, OSError, KeyError) as error:
        raise UserError(f"{path} is damaged ({error}); delete it and run `dvc repro` again") from None
