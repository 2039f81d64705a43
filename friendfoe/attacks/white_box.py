"""All that an attack may ask of a model: logits, and the gradient of a loss for the images."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from friendfoe.attacks.contract import (
    Model,
    NotFiniteError,
    check_finite,
    check_logits,
    check_model,
    check_numbers,
    check_range,
    check_weights,
    finite_slopes,
    warn_of_probabilities,
)
from friendfoe.attacks.first_layer import FastFirstLayer
from friendfoe.attacks.frozen_norm import FrozenNorm
from friendfoe.attacks.losses import Loss
from friendfoe.runtime.batches import Fitting
from friendfoe.runtime.eval_mode import in_eval_mode
from friendfoe.runtime.memory_format import Lender, in_any_format
from friendfoe.runtime.precision import exact
from friendfoe.runtime.waiting import may_look

_CACHED = 2**21  # values of a network's widest layer for a chunk on a CPU: more of them fall out of the cache
_GUESSED = 2**4  # how many times wider than the image that layer is, before it is known
_OF_WEIGHTS = {"torch::autograd::AccumulateGrad", "TBackward0"}  # names of nodes that hold no images
_NOT_FINITE = ("model: its logits are not finite", "loss: it is not finite", "model: its gradient is not a number")
_HELD = 2**22  # values of a chunk on an accelerator, for its memory: 1365 images of 3x32x32, 27 of 3x224x224


T = TypeVar("T")


class NoGradientError(ValueError):
    """The model's output does not depend on the images in a way that can be differentiated."""


class WhiteBox:
    """Answers for any number of images, chunk by chunk: on a CPU so that the work stays in the cache."""

    def __init__(self, model: Model, classes: Mapping[str, Tensor | None], dtype: torch.dtype | None) -> None:
        self._given, self._model, self._fast = model, model, False
        if known := in_any_format(model):
            with _differentiable():
                self._model = _twin(model, {})
            self._fast = any(_convolves(weight) for weight in model.parameters())
        self._lender = Lender(model, known=known, fast=self._fast)
        self._reentrant = False  # whether it has checkpoints that refuse to be asked for the images' gradient alone
        self._widest = 0  # values that an image has where it has most, once they are counted
        self._seen = _Widest() if known else None
        self._dtype = dtype
        self._unseen: Tensor | None = None  # of answers on an accelerator: for each of _NOT_FINITE, NaN where it holds
        self._unchecked = dict(classes)
        self.known = 0
        """The number of classes, after the first answer."""
        self.any_format = known
        """Whether the model is made of known layers alone (`in_any_format`)."""

    def logits(self, images: Tensor) -> Tensor:
        """Logits [N, K] of images [N, C, H, W], in full precision even under autocast: verdicts rest on them."""
        low = torch.autocast(images.device.type, enabled=False)
        seen = self._seen if self._seen and not self._seen.values else nullcontext()
        with _differentiable(), torch.no_grad(), low, exact(images.device), seen:
            logits = _joined(self._in_parts("logits", self._forward, images))
        if images.device.type == "cpu":
            check_finite("model: its logits are", logits)
        else:
            self._note(logits)
        return logits

    def repeats(self, images: Tensor, count: int) -> int:
        """How often to ask about each of so many images at once, where calls of a model are worth saving."""
        return max(1, chunk(images, self._widest or (self._seen.values if self._seen else 0)) // 2 // count)

    def shown(self, images: Tensor) -> Tensor:
        """Images as the model sees them."""
        return images if self._dtype is None else images.to(self._dtype).to(images.dtype)

    def gradient(self, images: Tensor, labels: Tensor, loss: Loss) -> tuple[Tensor, Tensor, Tensor]:
        """Logits [N, K], losses [N], and the gradient of each image's loss for that image [N, C, H, W].

        Raises:
            NoGradientError: the losses do not depend on the images, or not in a way that can be differentiated.
            NotFiniteError: logits are not finite, or a loss or a gradient is not a number.
        """
        parts = self._in_parts("gradients", lambda x, y: self._ask(x, y, loss), images, labels)
        answers, losses, slopes = map(_joined, zip(*parts, strict=True))
        if not may_look(slopes):
            slopes = slopes.nan_to_num(nan=torch.nan)  # an infinite slope is one to go by
        elif slopes.device.type != "cpu":
            slopes = finite_slopes(slopes)
            self._note(answers, losses, slopes)
        elif not math.isfinite(answers.sum() + losses.sum() + slopes.sum()):
            check_finite("model: its logits are", answers)
            check_finite("loss: it is", losses)
            check_numbers("model: its gradient is", slopes)
            slopes = finite_slopes(slopes)
        return answers, losses, slopes

    def confirm(self) -> None:
        """Raise NotFiniteError where something in an answer was not finite that nobody has looked at yet.

        On an accelerator each look is a wait, so there is one for all answers.
        """
        if self._unseen is not None:
            for text, found in zip(_NOT_FINITE, self._unseen.tolist(), strict=True):
                if found:  # as NaN is
                    raise NotFiniteError(text)

    def _note(self, *answers: Tensor) -> None:
        """Remember whether these (logits, losses, gradients) are finite, without a look at them.

        Of answers that are not the first counts: what follows from it may be of another kind.
        """
        if not may_look(answers[0]):
            return
        if self._unseen is None:
            self._unseen = torch.zeros(len(_NOT_FINITE), device=answers[0].device)
        found = torch.stack([(values - values).sum(dtype=torch.float32) for values in answers])
        known = self._unseen.isnan().any()
        self._unseen[: len(found)] += found.masked_fill(known, 0)

    def _in_parts(self, what: str, ask: Callable[..., T], *tensors: Tensor) -> Iterator[T]:
        """What is answered to some rows of the tensors after the other, as many as fit; at least once.

        Parts are as long as each other; what the first one shows of the model counts for those that follow.
        """
        count, done = len(tensors[0]), 0
        while not done or done < count:
            fitting = Fitting(self._given, tensors[0].device, what, chunk(tensors[0], self._widest))
            parts = -(-(count - done) // fitting.size) or 1
            size = -(-(count - done) // parts)
            part = [tensor[done : done + size] for tensor in tensors]
            if (answer := fitting.attempt(partial(ask, *part), len(part[0]))) is not None:
                done += len(part[0]) or 1
                yield answer[0]

    def _ask(self, images: Tensor, labels: Tensor, loss: Loss) -> tuple[Tensor, Tensor, Tensor]:
        try:
            return self._differentiate(images, labels, loss)
        except RuntimeError as error:
            if self._reentrant or "use_reentrant=True" not in str(error) or not isinstance(self._model, nn.Module):
                raise
            self._reentrant = True
            return self._ask(images, labels, loss)

    def _differentiate(self, images: Tensor, labels: Tensor, loss: Loss) -> tuple[Tensor, Tensor, Tensor]:
        with _differentiable(), torch.enable_grad(), _frozen(self._model) if self._reentrant else nullcontext():
            images, labels = _ordinary(images.detach()).requires_grad_(), _ordinary(labels)
            with FastFirstLayer() if self._fast else nullcontext():
                logits = self._forward(images)
            if images.device.type == "cpu":  # elsewhere parts do not go by it
                self._widest = self._widest or _widest(logits)
            values = loss(logits, labels)
            if values.shape != (len(images),):
                got = f"got {list(values.shape)}; reduction='none' gives them"
                raise ValueError(f"loss: must give one value per image, [{len(images)}], {got}")
            total = values.sum()
            gradient = None
            if self._reentrant:
                total.backward()  # type: ignore[no-untyped-call]
                gradient = images.grad
            elif total.requires_grad:
                gradient = torch.autograd.grad(total, images, allow_unused=True)[0]
        if gradient is None:
            raise NoGradientError("model: its output has no gradient for the images")
        return logits.detach(), values.detach(), gradient

    def _forward(self, images: Tensor) -> Tensor:
        images = images if self._dtype is None else images.to(self._dtype)
        try:
            logits = self._model(self._lender.lend(images))
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
    with in_eval_mode(model), torch.no_grad():
        box = WhiteBox(model, classes, dtype)
        yield box
        box.confirm()


def _twin(module: nn.Module, twins: dict[nn.Module, nn.Module]) -> nn.Module:
    """The same module as it is fastest: on a CPU, convolutions have weights in channels_last; on a GPU, `FrozenNorm`.

    It shares all else, so that the model itself stays as it is. Measured: benchmarks/README.md, docs/gpu.md.
    """
    if module not in twins:
        own = vars(module)
        new = {
            "_modules": _changed(own["_modules"], lambda part: _twin(part, twins)),
            "_parameters": _changed(own["_parameters"], _weight),
            "_buffers": _changed(own["_buffers"], _ordinary),
        }
        twins[module] = module
        if any(new.values()):
            twins[module] = twin = module.__new__(type(module))
            vars(twin).update(own, **{slot: own[slot] | values for slot, values in new.items()})
        if FrozenNorm.fits(twin := twins[module]):
            twins[module] = FrozenNorm(twin)
    return twins[module]


def _changed(parts: dict[str, T | None], make: Callable[[T], T]) -> dict[str, T]:
    made = {name: make(part) for name, part in parts.items() if part is not None}
    return {name: part for name, part in made.items() if part is not parts[name]}


def _convolves(weight: Tensor) -> bool:
    return weight.dim() == 4 and weight.device.type == "cpu"


def _weight(weight: Tensor) -> Tensor:
    if not _convolves(weight):
        return _ordinary(weight).detach()
    # clone and not contiguous: that would take the weights of a single channel for converted
    return weight.detach().clone(memory_format=torch.channels_last)


@contextmanager
def _frozen(model: Model) -> Iterator[None]:
    """No parameter gains a gradient."""
    free = [each for each in model.parameters() if each.requires_grad] if isinstance(model, nn.Module) else []
    try:
        for parameter in free:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter in free:
            parameter.requires_grad_()


@contextmanager
def _differentiable() -> Iterator[None]:
    """Outside the caller's inference mode, which has no gradients, and without the weights that autocast kept in it."""
    kept = torch.is_autocast_cache_enabled()
    inside = torch.is_inference_mode_enabled()
    try:
        with torch.inference_mode(False) if inside else nullcontext():
            torch.set_autocast_cache_enabled(kept and not inside)
            yield
    except RuntimeError as error:
        if "nference tensor" not in str(error):
            raise
        made = "holds tensors made inside torch.inference_mode(), which have no gradients"
        raise ValueError(f"model: it {made}; make it outside, or attack a copy.deepcopy made outside") from error
    finally:
        torch.set_autocast_cache_enabled(kept)


def _ordinary(tensor: Tensor) -> Tensor:
    """The tensor, or a copy in place of one of inference mode, which autograd refuses."""
    return tensor.clone() if tensor.is_inference() else tensor


def _joined(parts: Iterable[Tensor]) -> Tensor:
    """One tensor of all rows; no copy of a single part."""
    first, *others = parts
    return torch.cat([first, *others]) if others else first


def _widest(logits: Tensor) -> int:
    """Values an image, of the largest tensor that autograd saw between images and logits; at least 1."""
    nodes, seen, values = [logits.grad_fn], set(), 0
    while nodes:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if node.name() not in _OF_WEIGHTS:
            values = max([values, *(math.prod(output.shape) for output in node._input_metadata)])
        nodes += [earlier for earlier, _ in node.next_functions]
    return max(1, values // max(1, len(logits)))


class _Widest(TorchFunctionMode):
    """Inside it, the values that an image has where a network has most are counted: of answers without gradients."""

    values = 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run ``func``, and look at how large the rows of its result are."""
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor) and result.dim() > 1:
            self.values = max(self.values, math.prod(result.shape[1:]))
        return result


def chunk(images: Tensor, widest: int = 0) -> int:
    """How many images to give a model at once: on a CPU as many as the cache holds, else as many as memory should.

    It goes by what is counted and not by what is timed, so that a run has the same bits when it is repeated.

    Args:
        widest: values that the network has for an image where it has most; 0 where nobody knows.
    """
    if not len(images):
        return 1
    values = max(1, images[0].numel())
    if images.device.type != "cpu":
        return max(1, _HELD // values)
    return min(1024, max(16, _CACHED // max(values, widest or _GUESSED * values)))
