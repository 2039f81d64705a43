"""All that an attack may ask of a model: logits, and the gradient of a loss for the images."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.func import functional_call

from friendfoe.attacks.contract import (
    Model,
    check_finite,
    check_logits,
    check_model,
    check_range,
    check_weights,
    finite_slopes,
    warn_of_probabilities,
)
from friendfoe.attacks.first_layer import FastFirstLayer
from friendfoe.attacks.losses import Loss

_CACHED = 2**17  # values of a chunk on a CPU: beyond it the activations of small networks fall out of the cache
_HELD = 2**24  # values of a chunk on an accelerator, for its memory: 5461 images of 3x32x32, 111 of 3x224x224


class NoGradientError(ValueError):
    """The model's output does not depend on the images in a way that can be differentiated."""


class WhiteBox:
    """Answers for any number of images, chunk by chunk: on a CPU so that the work stays in the cache."""

    def __init__(self, model: Model, classes: Mapping[str, Tensor | None], dtype: torch.dtype | None) -> None:
        self._given, self._model = model, _in_fast_format(model)
        self._dtype = dtype
        self._unchecked = dict(classes)
        self.known = 0
        """The number of classes, after the first answer."""

    def logits(self, images: Tensor) -> Tensor:
        """Logits [N, K] of images [N, C, H, W], in full precision even under autocast: verdicts rest on them."""
        with torch.no_grad(), torch.autocast(images.device.type, enabled=False):
            logits = torch.cat([self._forward(part) for part in torch.split(images, chunk(images))])
        check_finite("model: its logits are", logits)
        return logits

    def shown(self, images: Tensor) -> Tensor:
        """Images as the model sees them."""
        return images if self._dtype is None else images.to(self._dtype).to(images.dtype)

    def gradient(self, images: Tensor, labels: Tensor, loss: Loss) -> tuple[Tensor, Tensor, Tensor]:
        """Logits [N, K], losses [N], and the gradient of each image's loss for that image [N, C, H, W].

        Raises:
            NoGradientError: the losses do not depend on the images, or not in a way that can be differentiated.
            NotFiniteError: logits are not finite, or a loss or a gradient is not a number.
        """
        size = chunk(images)
        parts = zip(torch.split(images, size), torch.split(labels, size), strict=True)
        logits, values, gradients = zip(*(self._ask(*part, loss) for part in parts), strict=True)
        answers, losses, slopes = torch.cat(logits), torch.cat(values), torch.cat(gradients)
        if not math.isfinite(answers.sum() + losses.sum() + slopes.sum()):  # one look, for a GPU has to be waited for
            check_finite("model: its logits are", answers)
            check_finite("loss: it is", losses)
            slopes = finite_slopes(slopes)
        return answers, losses, slopes

    def _ask(self, images: Tensor, labels: Tensor, loss: Loss) -> tuple[Tensor, Tensor, Tensor]:
        images = images.detach().requires_grad_()
        with torch.enable_grad():
            with FastFirstLayer() if images.device.type == "cpu" else nullcontext():
                logits = self._forward(images)
            values = loss(logits, labels)
            if values.shape != (len(images),):
                got = f"got {list(values.shape)}; reduction='none' gives them"
                raise ValueError(f"loss: must give one value per image, [{len(images)}], {got}")
            total = values.sum()
        gradient = torch.autograd.grad(total, images, allow_unused=True)[0] if total.requires_grad else None
        if gradient is None:
            raise NoGradientError("model: its output has no gradient for the images")
        return logits.detach(), values.detach(), gradient

    def _forward(self, images: Tensor) -> Tensor:
        images = images if self._dtype is None else images.to(self._dtype)
        try:
            logits = self._model(images)
        except RuntimeError:
            check_weights(self._given, images)
            raise
        check_logits(logits, len(images))
        if not self.known:  # later answers are of the same kind, and a check may wait for a GPU
            warn_of_probabilities(logits.detach())
            self.known = logits.shape[1]
            for name, classes in self._unchecked.items():
                if classes is not None:
                    check_range(name, classes, self.known)
        return logits


@contextmanager
def white_box(model: Model, dtype: torch.dtype | None = None, **classes: Tensor | None) -> Iterator[WhiteBox]:
    """All of the model that attacks see, in eval mode; afterwards every module is in the mode in which it was found.

    Images are shown to the model in the dtype where one is given: half precision, in which attacks do not compute.
    ``classes`` are arguments that name classes (labels, targets); the first answer shows whether the model has them.
    """
    check_model(model)
    modes = [(module, module.training) for module in model.modules()] if isinstance(model, nn.Module) else []
    try:
        for module, _ in modes:
            module.training = False
        yield WhiteBox(model, classes, dtype)
    finally:
        for module, training in modes:
            module.training = training


def _in_fast_format(model: Model) -> Model:
    """The same function, with the weights of convolutions in the memory format that a CPU is fastest in.

    The copies are made for one attack: the model itself stays as it is. Measured: benchmarks/README.md.
    """
    if not isinstance(model, nn.Module) or isinstance(model, torch.jit.ScriptModule) or hasattr(model, "_orig_mod"):
        return model  # nothing to replace, or a compiled program that chose its formats
    weights = {  # clone and not contiguous: that would take the weights of a single channel for converted
        name: weight.detach().clone(memory_format=torch.channels_last)
        for name, weight in model.named_parameters()
        if weight.dim() == 4 and weight.device.type == "cpu"
    }
    if not weights:
        return model

    def forward(images: Tensor) -> Tensor:
        images = images.contiguous(memory_format=torch.channels_last)
        logits: Tensor = functional_call(model, weights, (images,))
        return logits

    return forward


def chunk(images: Tensor) -> int:
    """How many images to give a model at once: on a CPU as many as the cache holds, else as many as memory should."""
    if not len(images):
        return 1
    on_cpu = images.device.type == "cpu"
    fitting = (_CACHED if on_cpu else _HELD) // max(1, images[0].numel())
    return min(1024, max(32, fitting)) if on_cpu else max(1, fitting)
