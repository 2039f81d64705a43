"""From a recipe to a network, and from a network to a weights file and back."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from friendfoe.models import recipes
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.files import atomic_path
from friendfoe.runtime.strict import Strict

# kinds that take pixels as they are: their sources give limits on weights in the unit of the pixels
PIXELS = (recipes.Maxout, recipes.ConvolutionalMaxout, recipes.RBF, recipes.Logistic)


class Header(Strict):
    """What a weights file says of itself."""

    friendfoe: str  # version of the code
    data: str  # SHA-256 of the clean training split
    shape: tuple[int, int, int]  # channels, height and width of the images
    classes: list[str]
    network: recipes.Network
    recipe: dict[str, Any]  # the model's recipe
    training: dict[str, Any]  # its budget
    seed: int


class Normalise(nn.Module):
    """(x - mean) / std per channel, as a part of the network, so that images stay in [0, 1] everywhere else."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(1, -1, 1, 1))
        # a channel that never varies is centred and left unscaled
        self.register_buffer("std", torch.tensor([s or 1.0 for s in std], dtype=torch.float32).view(1, -1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images [N, C, H, W]."""
        return (images - self.mean) / self.std


class Classifier(nn.Sequential):
    """Normalisation and what follows it: gives logits, and knows what they stand for.

    Args:
        independent: each logit is the log-odds of its class alone; else the classes' probabilities add up to one.
    """

    def __init__(self, normalise: nn.Module, body: nn.Module, *, independent: bool) -> None:
        super().__init__(normalise, body)
        self.independent = independent

    def probabilities(self, logits: Tensor) -> Tensor:
        """Of logits [N, K], likewise [N, K]."""
        return logits.sigmoid() if self.independent else logits.softmax(1)


def build(
    recipe: recipes.Network,
    shape: tuple[int, int, int],
    classes: int,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> Classifier:
    """A network with fresh weights (from torch's global random state) that maps images in [0, 1] to logits.

    Args:
        recipe: what to build.
        shape: channels, height and width of the images.
        classes: K, the number of logits.
        mean: per-channel mean of the training images in [0, 1]; left out where weights are loaded afterwards.
        std: per-channel standard deviation, likewise.

    Raises:
        UserError: the network cannot take such images.
    """
    centre, scale = mean or [0.0] * shape[0], std or [1.0] * shape[0]
    if isinstance(recipe.of if isinstance(recipe, recipes.Ensemble) else recipe, PIXELS):
        centre, scale = [0.0] * shape[0], [1.0] * shape[0]
    return Classifier(Normalise(centre, scale), _body(recipe, shape, classes), independent=recipes.independent(recipe))


def _body(recipe: recipes.Network, shape: tuple[int, int, int], classes: int) -> nn.Module:
    """What follows the normalisation; each kind is imported when it is needed."""
    match recipe:
        case recipes.CNN(width=width):
            from friendfoe.models.cnn import CNN

            return CNN(shape, classes, width)
        case recipes.MLP(hidden=hidden):
            from friendfoe.models.mlp import mlp

            return mlp(shape, classes, hidden)
        case recipes.Torchvision(name=name):
            from friendfoe.models.torchvision import TorchvisionClassifier

            return TorchvisionClassifier(shape, classes, name)
        case recipes.VGG(channels=channels, dense=dense, dropout=dropout):
            from friendfoe.models.vgg import VGG

            return VGG(shape, classes, channels, dense, dropout)
        case recipes.PreActResNet18(width=width):
            from friendfoe.models.residual import preact_resnet18

            return preact_resnet18(shape, classes, width)
        case recipes.WideResNet(depth=depth, width=width):
            from friendfoe.models.residual import wide_resnet

            return wide_resnet(shape, classes, depth, width)
        case recipes.ResNet(depth=depth):
            from friendfoe.models.torchvision import small_resnet

            return small_resnet(shape, classes, depth)
        case recipes.Maxout(units=units, pieces=pieces):
            from friendfoe.models.maxout import maxout

            return maxout(shape, classes, units, pieces, (recipe.input_dropout, recipe.hidden_dropout))
        case recipes.ConvolutionalMaxout(width=width, pieces=pieces):
            from friendfoe.models.maxout import ConvolutionalMaxout

            return ConvolutionalMaxout(shape, classes, width, pieces, (recipe.input_dropout, recipe.hidden_dropout))
        case recipes.RBF():
            from friendfoe.models.rbf import RBF

            return RBF(shape, classes)
        case recipes.Logistic():
            from friendfoe.models.logistic import Logistic

            return Logistic(shape, classes)
        case recipes.Ensemble(members=members, of=of):
            from friendfoe.models.ensemble import Ensemble

            return Ensemble(_body(of, shape, classes) for _ in range(members))


def save(network: nn.Module, path: Path, header: Header) -> None:
    """Write the weights as safetensors, with the header as JSON in the file."""
    from safetensors.torch import save_file

    state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    with atomic_path(path) as partial:
        save_file(state, partial, metadata={"friendfoe": header.model_dump_json()})


def read_header(path: Path) -> Header:
    """What a weights file says of itself.

    Raises:
        UserError: the file is missing or damaged, or was not written by `save`.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            return Header.model_validate_json((file.metadata() or {}).get("friendfoe", ""))
    except FileNotFoundError:
        raise UserError(f"{path} is missing; `dvc repro` of the stage that trains this model makes it") from None
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is damaged ({error}); delete it and run `dvc repro` again") from None
    except ValidationError:
        raise UserError(f"{path} is no weights file of friendfoe: its header is missing or damaged") from None


def load(path: Path) -> Classifier:
    """The network of a weights file, on the CPU and in evaluation mode.

    Raises:
        UserError: as `read_header`; or the weights are not those of the network that the header names.
    """
    from safetensors.torch import load_file

    header = read_header(path)
    network = build(header.network, header.shape, len(header.classes))
    try:
        network.load_state_dict(load_file(path))
    except RuntimeError as error:
        reasons = str(error).splitlines()
        raise UserError(
            f"{path} does not fit its network ({header.network.kind}): {reasons[min(1, len(reasons) - 1)].strip()} "
            "Delete it and run `dvc repro` again"
        ) from None
    loaded: Classifier = network.to(memory_format=torch.channels_last).eval()
    return loaded
