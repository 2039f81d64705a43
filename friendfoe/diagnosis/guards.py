"""What people's models do that spoils a diagnosis, noticed before the work, and said with what to do about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from friendfoe.attacks.contract import Model, NotFiniteError, check_model, wide
from friendfoe.attacks.losses import log_odds
from friendfoe.attacks.white_box import NoGradientError, white_box
from friendfoe.diagnosis.unfit import UnfitError
from friendfoe.runtime.batches import is_out_of_memory
from friendfoe.runtime.errors import first_line
from friendfoe.runtime.eval_mode import in_eval_mode

PROBED = 64  # images of the first look
_NAMES = ("logits", "out", "output", "scores", "pred", "predictions")  # of what dictionaries call logits
_SAME = 1e-4  # of the largest logit: rounding


@dataclass(frozen=True)
class Finding:
    """Something that was noticed: a few words, the line that is shown, and whether numbers must not be believed."""

    name: str
    text: str
    serious: bool


@dataclass(frozen=True)
class FirstLook:
    """A model as it can be examined.

    Attributes:
        model: gives logits [N, K]; the given one, where it does so itself.
        classes: K, how many it tells apart.
        gradients: whether it has any; else attacks can only ask for its answers.
        findings: what was noticed.
    """

    model: Model
    classes: int
    gradients: bool
    findings: tuple[Finding, ...]


def first_look(model: Model, images: Tensor, labels: Tensor, classes: Sequence[str] | None, highest: int) -> FirstLook:
    """Show a model a few images, and make of it what gives logits.

    Args:
        model: to be examined; whatever mode it is in, it is shown them in eval mode.
        images: floating [n, C, H, W] in [0, 1], a few, on the model's device.
        labels: int64 [n].
        classes: their names, where they are known.
        highest: label of all images, not of these alone.

    Raises:
        UnfitError: its answers are no logits, nor can be made some; or they are of other classes.
    """
    check_model(model)
    findings: list[Finding] = []
    if isinstance(model, nn.Module) and any(part.training for part in model.modules() if hasattr(part, "training")):
        text = "the model is in train mode, in which dropout and batch norm differ; it is examined in eval mode"
        findings.append(Finding("train mode", f"{text}, and left as it was", False))
    with in_eval_mode(model), torch.no_grad():
        first, again = _asked(model, images), _asked(model, images)
    known = len(classes) if classes is not None else highest + 1
    where, logits = _taken(first, len(images))
    if where is not None:
        findings.append(
            Finding("output", f"the model gives {_kind(first)}; its logits are taken from {where!r}", False)
        )
    answers = not logits.is_floating_point()
    if answers:
        logits = _one_hot(logits, max(known, int(logits.max()) + 1))
        text = "the model gives classes and no logits (an argmax inside): attacks see no more than right or wrong"
        findings.append(Finding("classes", f"{text}, and overestimate its robustness", True))
    _check_classes(logits.shape[1], known, classes)
    probabilities = not answers and _are_probabilities(logits)
    if probabilities:
        text = "the model gives probabilities, whose gradients vanish; their logarithm is taken in place of logits"
        findings.append(Finding("probabilities", f"{text}, better take the softmax out of the model", True))
    findings += _randomness(logits, _taken(again, len(images))[1], known if answers else None)
    made = model
    if where is not None or answers or probabilities:
        made = Logits(model, where, logits.shape[1] if answers else None, log=probabilities)
    gradients = _has_gradient(made, images, labels)
    if not gradients:
        text = "the model's answers have no gradient for the images (quantised, or an argmax or no_grad inside)"
        findings.append(Finding("no gradient", f"{text}: attacks without gradients only, which are weaker", True))
    return FirstLook(made, logits.shape[1], gradients, tuple(findings))


class Logits(nn.Module):
    """A model whose logits are taken out of what it gives.

    Args:
        model: gives them somewhere.
        where: the key or place of them, None: it gives them alone.
        one_hot: where it gives classes: how many there are.
        log: it gives probabilities.
    """

    any_memory_format = True

    def __init__(self, model: Model, where: str | int | None, one_hot: int | None, *, log: bool) -> None:
        super().__init__()
        self.model, self.where, self.one_hot, self.log = model, where, one_hot, log

    def forward(self, images: Tensor) -> Tensor:
        """Logits [N, K]."""
        given: Any = self.model(images)
        logits: Tensor = given if self.where is None else given[self.where]
        if self.one_hot is not None:
            logits = _one_hot(logits, self.one_hot).to(images.dtype)
        if self.log:
            logits = logits.clamp_min(torch.finfo(logits.dtype).tiny).log()
        return logits


def _one_hot(answers: Tensor, classes: int) -> Tensor:
    """Logits 1 and -1 of classes [N]: 1 and 0 would look like probabilities."""
    return 2.0 * F.one_hot(answers.long(), classes) - 1


def _asked(model: Model, images: Tensor) -> Any:
    try:
        return model(images)
    except Exception as error:  # whatever people's code raises
        if is_out_of_memory(error):
            raise
        said = first_line(error)
        size = "×".join(map(str, images.shape[1:]))
        raise UnfitError(f"model: it cannot be shown images of {size} on {images.device}: {said}") from error


def _taken(given: Any, count: int) -> tuple[str | int | None, Tensor]:
    """Where the logits, or classes, stand in what a model gives, and what they are."""
    if isinstance(given, Tensor):
        _check_shape(given, count)
        return None, given
    entries: list[tuple[str | int, Any]] = []
    if isinstance(given, Mapping):
        entries = [*given.items()]
    elif isinstance(given, tuple | list):
        entries = [*enumerate(given)]
    fitting = {
        key: value
        for key, value in entries
        if isinstance(value, Tensor) and value.dim() == 2 and len(value) == count and value.shape[1] > 1
    }
    preferred: list[str | int] = [0] if isinstance(given, tuple | list) else [*_NAMES]
    for key in preferred:
        if key in fitting:
            return key, fitting[key]
    if len(fitting) == 1:
        return next(iter(fitting.items()))
    raise UnfitError(
        f"model: gives {_kind(given)}, in which its logits cannot be told; wrap it in a module that returns them alone"
    )


def _kind(given: Any) -> str:
    if isinstance(given, Mapping):
        return f"a {type(given).__name__} ({', '.join(map(str, given))})"
    if isinstance(given, tuple | list):
        return f"a {type(given).__name__} of {len(given)}"
    return type(given).__name__


def _check_shape(given: Tensor, count: int) -> None:
    shape = list(given.shape)
    if not given.is_floating_point() and shape == [count]:
        return
    if shape in ([count], [count, 1]):
        made = "torch.cat([-z, z], 1) / 2 of it, z [N, 1], makes these of two classes"
        raise UnfitError(f"model: gives one number per image {shape}; it has to give a logit of every class: {made}")
    if len(shape) != 2 or shape[0] != count or not given.is_floating_point():
        raise UnfitError(
            f"model: gives {given.dtype} {shape} for {count} images; it has to give floating-point logits [{count}, K]"
        )


def _check_classes(given: int, known: int, classes: Sequence[str] | None) -> None:
    if classes is not None and given != known:
        names = ", ".join(list(classes)[:3]) + (", ..." if known > 3 else "")
        raise UnfitError(
            f"model: gives {given} logits, the images have {known} classes ({names}); "
            "take the network that was trained on these, or name all classes that it knows"
        )
    if given < known:
        raise UnfitError(f"labels: must be below {given}, the number of the model's logits, got {known - 1}")


def _are_probabilities(logits: Tensor) -> bool:
    rounding = torch.finfo(logits.dtype).eps ** 0.5
    return bool((logits >= 0).all()) and bool(((wide(logits).sum(1) - 1).abs() < rounding).all())


def _randomness(first: Tensor, again: Tensor, one_hot: int | None) -> list[Finding]:
    if one_hot is not None:
        again = _one_hot(again, first.shape[1]) if int(again.max()) < first.shape[1] else first + 1
    difference = float((first - again).abs().max())
    if difference <= _SAME * max(1.0, float(first.abs().max())):
        return []
    changed = float((first.argmax(1) != again.argmax(1)).double().mean())
    text = (
        f"the model answers the same images differently (logits by up to {difference:.2g}, the class of {changed:.0%} "
        "of them): it draws at random, attacks chase one draw, and its robustness is overestimated"
    )
    return [Finding("randomness", f"{text}; a seed does not give the same verdicts again", True)]


def _has_gradient(model: Model, images: Tensor, labels: Tensor) -> bool:
    try:
        with white_box(model) as box:
            return bool((box.gradient(images, labels, log_odds)[2] != 0).any())
    except NoGradientError:
        return False
    except NotFiniteError as error:
        raise UnfitError(f"{error}; images may be scaled wrongly, or weights be spoilt") from None
