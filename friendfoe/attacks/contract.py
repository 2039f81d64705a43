"""What attacks ask of their arguments and of the model's answers, refused in one line that names what is wrong."""

import math
import warnings
from collections.abc import Callable
from numbers import Integral

import torch
from torch import Tensor, nn

from friendfoe.attacks.threat import Norm, Threat, number
from friendfoe.data.checks import check_classes as check_classes
from friendfoe.data.checks import check_images as check_images
from friendfoe.data.checks import check_sample_ids as check_sample_ids
from friendfoe.data.checks import check_tensor
from friendfoe.runtime.waiting import may_look

Model = Callable[[Tensor], Tensor]
"""Gives logits [N, K] for images [N, C, H, W]; usually a ``torch.nn.Module``."""

Ids = Tensor | None
"""The identity of each image, int64 [N], which names its random numbers; where None its place in the batch."""


def wide(values: Tensor) -> Tensor:
    """Half precision as float32, in which attacks compute; wider values as they are."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def check_batch(images: Tensor, labels: Tensor) -> None:
    """Raise ValueError unless images are valid, and labels int64 [N] or probabilities [N, K]."""
    check_tensor("labels", labels)
    if not labels.is_floating_point():
        check_labels(images, labels)
        return
    check_images(images)
    if labels.dim() != 2 or len(labels) != len(images):
        got = f"got {list(labels.shape)}; classes are int64"
        raise ValueError(f"labels: probabilities must be [{len(images)}, K], {got}")
    check_device("labels", labels, images)
    if may_look(labels) and not bool(((labels >= 0) & (labels < 1.01)).all()):  # so written, it refuses NaN too
        raise ValueError("labels: probabilities must lie in [0, 1]")


def check_labels(images: Tensor, labels: Tensor) -> None:
    """Raise ValueError unless images are valid and labels int64 [N]."""
    check_images(images)
    check_device("labels", labels, images)
    check_classes("labels", labels, len(images))


def check_targets(images: Tensor, labels: Tensor, targets: Tensor | None) -> None:
    """Raise ValueError unless targets, where given, are int64 [N] and none is the label: a foe leads away from it."""
    if targets is None:
        return
    check_device("targets", targets, images)
    check_classes("targets", targets, len(images))
    if not labels.is_floating_point() and may_look(targets) and bool((targets == labels).any()):
        raise ValueError(f"targets: must differ from the labels, {int((targets == labels).sum())} do not")


def check_device(name: str, value: Tensor, images: Tensor) -> None:
    """Raise ValueError unless the value is a tensor on the device of the images."""
    check_tensor(name, value)
    if value.device != images.device:
        raise ValueError(f"{name}: must be on the device of the images, {images.device}, got {value.device}")


def check_model(model: object) -> None:
    """Raise ValueError unless the model can be called."""
    if not callable(model):
        raise ValueError(f"model: must be a function of images, usually a torch.nn.Module, got {model!r}")


def check_weights(model: Model, images: Tensor) -> None:
    """Raise ValueError where the model's weights are of another dtype than the images, or on another device."""
    weights = [p for p in model.parameters() if p.is_floating_point()] if isinstance(model, nn.Module) else []
    for attribute, advice in (("device", "move"), ("dtype", "convert")):
        known, got = {getattr(weight, attribute) for weight in weights}, getattr(images, attribute)
        if known and got not in known:
            raise ValueError(f"images: are {got}, the weights of the model {known.pop()}; {advice} one of them")


def check_logits(logits: Tensor, count: int) -> None:
    """Raise ValueError unless the model's output is floating and [count, K] with at least two classes."""
    if not isinstance(logits, Tensor) or logits.dim() != 2 or logits.shape[0] != count or logits.shape[1] < 2:
        other = f"{type(logits).__name__}; take the logits out of it"
        got = list(logits.shape) if isinstance(logits, Tensor) else other
        raise ValueError(f"model: must give logits [{count}, K] with K at least 2, got {got}")
    if not logits.is_floating_point():
        raise ValueError(f"model: must give floating-point logits, got {logits.dtype}")


def warn_of_probabilities(logits: Tensor) -> None:
    """Warn where all rows of the model's first answer [N, K] look like probabilities."""
    if not may_look(logits):
        return
    rounding = torch.finfo(logits.dtype).eps ** 0.5
    if bool((logits >= 0).all()) and bool(((wide(logits).sum(1) - 1).abs() < rounding).all()):
        text = "model: seems to give probabilities, whose gradients vanish; attacks ask for logits, without the softmax"
        warnings.warn(text, stacklevel=2)


class NotFiniteError(ValueError):
    """The model answers with infinities or with what is not a number: no attack can go by that."""


def check_finite(what: str, values: Tensor) -> None:
    """Raise NotFiniteError where values [N, ...] are infinite or not a number."""
    # cheaper than to look at each; where all are finite it may overflow
    if may_look(values) and not math.isfinite(values.sum()):
        _refuse(what, "finite", ~values.isfinite())


def check_numbers(what: str, values: Tensor) -> None:
    """Raise NotFiniteError where values [N, ...] are not a number."""
    _refuse(what, "a number", values.isnan())


def finite_slopes(gradient: Tensor) -> Tensor:
    """The gradient [N, C, H, W] to go by: an infinite slope is as steep as the steepest finite one of its image.

    The square root has such a slope at black pixels; its sign is right. What is not a number stays so.
    """
    finite = gradient.nan_to_num(nan=0, posinf=0, neginf=0)
    steepest = finite.abs().amax((1, 2, 3), keepdim=True)
    steepest = torch.where(steepest > 0, steepest, 1)
    return gradient.clamp(-steepest, steepest)


def _refuse(what: str, ideal: str, wrong: Tensor) -> None:
    """Raise NotFiniteError where some entries of bool [N, ...] are true."""
    count = int(wrong.flatten(1).any(1).sum())
    if count:
        raise NotFiniteError(f"{what} not {ideal} for {count} of {len(wrong)} images")


def check_range(name: str, classes: Tensor, known: int) -> None:
    """Raise ValueError where classes (int64 [N], or probabilities [N, K]) are not those that the model knows."""
    if classes.is_floating_point():
        if classes.shape[1] != known:
            raise ValueError(f"{name}: {classes.shape[1]} probabilities per image, the model has {known} classes")
    elif len(classes) and may_look(classes) and int(classes.max()) >= known:
        raise ValueError(f"{name}: must be below {known}, the number of the model's classes, got {int(classes.max())}")


def check_mask(mask: Tensor, images: Tensor) -> Tensor:
    """The mask as bool, on the images' device; ValueError unless it is of zeros and ones and fits the images."""
    check_tensor("mask", mask)
    fits = mask.dim() == 4 and all(m in (1, i) for m, i in zip(mask.shape, images.shape, strict=True))
    if not fits or mask.shape[2:] != images.shape[2:]:
        known = f"[N or 1, C or 1, H, W] for images {list(images.shape)}"
        raise ValueError(f"mask: must be {known}, got {list(mask.shape)}")
    allowed = mask.bool()
    if mask.dtype != torch.bool and may_look(mask) and not bool((allowed == mask).all()):
        raise ValueError("mask: must hold only 0 and 1")
    return allowed.to(images.device)


def check_norm(threat: Threat, *known: Norm) -> None:
    """Raise ValueError unless the attack knows the threat's norm."""
    if not isinstance(threat, Threat):
        raise ValueError(f"threat: must be a Threat, like Threat('linf', 8 / 255), got {threat!r}")
    if threat.norm not in known:
        raise ValueError(f"threat: this attack knows the norm {' and '.join(known)}, got {threat.norm}")


def check_counts(*, least: int = 1, **counts: int) -> None:
    """Raise ValueError unless each is an integer not below the least one allowed."""
    for name, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
            raise ValueError(f"{name}: must be an integer, at least {least}, got {value!r}")


def check_positive(**values: float) -> None:
    """Raise ValueError unless each is finite and above 0."""
    for name, value in values.items():
        if not (math.isfinite(number(name, value)) and value > 0):
            raise ValueError(f"{name}: must be finite and above 0, got {value!r}")
