"""The diagnosis of a classifier: every image, clean, under each attack, helped, corrupted."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from friendfoe.attacks.config import AttackConfig
from friendfoe.attacks.contract import Model, check_classes, check_images
from friendfoe.attacks.craft import craft
from friendfoe.attacks.square import SquareConfig
from friendfoe.attacks.threat import Threat
from friendfoe.attacks.white_box import white_box
from friendfoe.data.corruptions import CORRUPTIONS, MNIST_C, SEVERITIES, corrupt
from friendfoe.data.pixels import to_uint8
from friendfoe.diagnosis import checks as masking
from friendfoe.diagnosis.attacks import is_friend, named, needs_gradient
from friendfoe.diagnosis.guards import PROBED, Finding, FirstLook, first_look
from friendfoe.diagnosis.ledger import Ledger
from friendfoe.diagnosis.result import CLEAN, Diagnosis, Kind
from friendfoe.diagnosis.suspicions import floating, suspicions
from friendfoe.diagnosis.unfit import UnfitError
from friendfoe.evaluation.robust import robustness
from friendfoe.runtime.batches import in_batches
from friendfoe.runtime.progress import progress
from friendfoe.runtime.strict import nearest

THREAT = Threat("linf", 8 / 255)
ATTACKS = ("fgsm", "pgd-20", "autoattack")

Work = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Images and the model's logits on them, of the images at some places [n]."""


def evaluate(
    model: Model,
    images: Tensor | ArrayLike,
    labels: Tensor | ArrayLike,
    *,
    threat: Threat = THREAT,
    attacks: Sequence[str] | Mapping[str, AttackConfig] = ATTACKS,
    corruptions: Sequence[str] = (),
    classes: Sequence[str] | None = None,
    checks: bool = True,
    precision: str = "float32",
    name: str = "model",
    seed: int = 0,
    sample_ids: ArrayLike | None = None,
    out: Path | str | None = None,
) -> Diagnosis:
    """Examine a trained classifier: which classes are weak, under what, and whether its robustness is real.

    Each attack works on the images that the model has right, until the model is wrong; a helper (`assist`) and a
    corruption change all of them. The worst case is that of all attacks, image by image.

    >>> import torch
    >>> from friendfoe import evaluate
    >>> from friendfoe.attacks import Threat
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2)).eval()
    >>> images, labels = torch.rand(20, 1, 2, 2), torch.arange(20) % 2
    >>> result = evaluate(model, images, labels, threat=Threat("linf", 0.1), attacks=["fgsm", "pgd-5"], checks=False)
    >>> list(result.verdicts.columns)
    ['sample', 'label', 'clean', 'fgsm', 'pgd-5', 'worst case']

    Args:
        model: gives logits [N, K] for images in [0, 1] and normalises them itself; usually a torch.nn.Module.
        images: [N, C, H, W], floating in [0, 1] or uint8; a tensor, or a NumPy array.
        labels: whole numbers [N].
        threat: what a perturbation may do, of linf or l2.
        attacks: words such as `pgd-20` (friendfoe attacks lists them; a number is of steps, or queries), or settings by
            name.
        corruptions: of `friendfoe.data.corruptions`, each at five severities.
        classes: names in the order of the labels; "0", "1", ... where not given.
        checks: look for masked gradients, on a hundred images, the classes in proportion.
        precision: of gradients, float32 or bfloat16; verdicts are in the model's own.
        name: of the model, in tables.
        seed: of all that is drawn: the same gives the same verdicts.
        sample_ids: whole numbers [N], who the images are; their places where not given.
        out: a folder that keeps what is known, so that a killed run goes on; `save` writes the rest there.

    Returns:
        Verdicts by sample and class; `summary()`, `plot()` and `save()` show them.

    Raises:
        ValueError: an argument is wrong, or the model cannot be examined, in one line.
    """
    pixels, truth = _tensors(images, labels)
    configs = named(attacks, threat, precision)
    if unknown := [word for word in corruptions if word not in (*CORRUPTIONS, *MNIST_C)]:
        raise UnfitError(f"corruptions: there is no {unknown[0]!r}; {nearest(unknown[0], [*CORRUPTIONS, *MNIST_C])}")
    device = _device(model, images)
    names = _checked(classes, truth)

    def looked(rows: Tensor) -> FirstLook:
        shown = floating(pixels[rows].to(device))
        return first_look(model, shown, truth[rows].to(device), names, int(truth.max()))

    first = torch.arange(min(PROBED, len(truth)))
    look = next(in_batches(first, device, looked, "attacks", model=model, shape=pixels.shape))
    findings = [*look.findings]
    configs = _possible(configs, threat, look, findings)
    names = names or [str(label) for label in range(look.classes)]
    samples = np.arange(len(truth)) if sample_ids is None else np.asarray(sample_ids, dtype=np.int64)
    if samples.shape != (len(truth),):
        raise UnfitError(f"sample_ids: must have the shape [{len(truth)}], one per image, got {list(samples.shape)}")
    kinds = {CLEAN: Kind.CLEAN}
    kinds |= {word: Kind.FRIEND if is_friend(config) else Kind.FOE for word, config in configs.items()}
    kinds |= {f"{word}-{severity}": Kind.CORRUPTION for word in corruptions for severity in SEVERITIES}
    settings = {
        "model": name,
        "weights": _weights(model),
        "images": _sha(pixels, truth, torch.from_numpy(samples)),
        "count": len(truth),
        "classes": names,
        "norm": threat.norm,
        "eps": threat.eps,
        "attacks": {word: json.loads(config.model_dump_json()) for word, config in configs.items()},
        "corruptions": [*corruptions],
        "seed": seed,
    }
    size = int(np.prod(pixels.shape[1:]))
    ledger = Ledger(None if out is None else Path(out), settings, [*kinds], samples, truth.numpy(), size)
    asked = _Asked(look.model, pixels, truth, torch.from_numpy(samples), device, threat.eps, seed)
    with progress(f"evaluating {name}", len(kinds) * len(truth)) as advance:
        for condition, kind in kinds.items():
            _ask(ledger, condition, asked, asked.work(condition, kind, configs), kind, advance)
            if condition == CLEAN:
                answers = ledger.answers[CLEAN].astype(np.int64)
                findings += suspicions(look.model, pixels, answers, ledger.labels, names, device)
    found = None
    if checks and look.gradients and threat.eps > 0:
        foes = [word for word in configs if kinds[word] is Kind.FOE]
        hardest = min(foes, key=lambda word: ledger.right(word).mean(), default=None)
        reported = None if hardest is None else configs[hardest]
        folder = None if out is None else Path(out)
        found = masking.run(look.model, pixels, truth, threat, reported, seed, device, folder)
    return Diagnosis(ledger, kinds, names, threat, tuple(findings), found)


class _Asked:
    """The model and its images, and what is done to them under each condition."""

    def __init__(
        self, model: Model, pixels: Tensor, labels: Tensor, samples: Tensor, device: torch.device, eps: float, seed: int
    ) -> None:
        self.model, self.pixels, self.labels, self.samples = model, pixels, labels, samples
        self.device, self.eps, self.seed = device, eps, seed

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Images, labels and identities at some places, on the device."""
        images, labels, samples = (part[rows].to(self.device) for part in (self.pixels, self.labels, self.samples))
        return floating(images), labels, samples

    def logits(self, images: Tensor) -> Tensor:
        """The model's, in its own precision."""
        with white_box(self.model) as box:
            return box.logits(images)

    def work(self, condition: str, kind: Kind, attacks: Mapping[str, AttackConfig]) -> Work:
        """What is done to the images at some places."""
        if kind is Kind.CLEAN:
            return self._clean
        if kind is Kind.CORRUPTION:
            word, _, severity = condition.rpartition("-")
            return partial(self._corrupted, word, int(severity))
        return partial(self._helped if kind is Kind.FRIEND else self._attacked, attacks[condition])

    def _clean(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        images = self.batch(rows)[0]
        return images, self.logits(images)

    def _corrupted(self, word: str, severity: int, rows: Tensor) -> tuple[Tensor, Tensor]:
        images, _, ids = self.batch(rows)
        changed = corrupt(images, word, severity, seed=self.seed, sample_ids=ids)
        return changed, self.logits(changed)

    def _helped(self, config: AttackConfig, rows: Tensor) -> tuple[Tensor, Tensor]:
        images, labels, ids = self.batch(rows)
        changed = craft(config, self.model, images, labels, eps=self.eps, seed=self.seed, sample_ids=ids)
        return changed, self.logits(changed)

    def _attacked(self, config: AttackConfig, rows: Tensor) -> tuple[Tensor, Tensor]:
        images, labels, ids = self.batch(rows)
        attacks = {config.kind_name: config}
        found = robustness(self.model, images, labels, attacks, eps=self.eps, seed=self.seed, sample_ids=ids)
        return found.images, self.logits(found.images)


def _ask(ledger: Ledger, condition: str, asked: _Asked, work: Work, kind: Kind, advance: Callable[[int], None]) -> None:
    """Ask of all images that are left, and keep pictures of the first of each class."""
    left = ledger.open(condition)
    advance(len(ledger.labels) - len(left))
    if not len(left):
        return
    pictured = ledger.pictured() if kind is not Kind.CORRUPTION else []  # of which the page shows none
    pictures = ledger.pictures.setdefault(condition, np.zeros((len(pictured), *asked.pixels.shape[1:]), dtype=np.uint8))

    def batch(rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        images, logits = work(rows)
        confidence, answers = logits.softmax(1).max(1)
        for place, row in enumerate(pictured):
            at = (rows == row).nonzero().flatten()
            if len(at):
                clean = (floating(asked.pixels[row]) * 255).round().to(torch.uint8)
                pictures[place] = to_uint8(images[at[0]].cpu(), clean).numpy()
        return rows, answers.cpu(), confidence.float().cpu()

    what = "answers" if kind in (Kind.CLEAN, Kind.CORRUPTION) else "attacks"
    rows_left, shape = torch.from_numpy(left), asked.pixels.shape
    batches = in_batches(rows_left, asked.device, batch, what, model=asked.model, shape=shape)
    for rows, answers, confidence in batches:
        ledger.add(condition, rows.numpy(), answers.numpy(), confidence.numpy())
        advance(len(rows))
    ledger.write()


def _tensors(images: Tensor | ArrayLike, labels: Tensor | ArrayLike) -> tuple[Tensor, Tensor]:
    """Images, uint8 or float in [0, 1], and labels int64, on the CPU."""
    pixels, truth = (
        part.detach().cpu() if isinstance(part, Tensor) else torch.as_tensor(np.asarray(part))
        for part in (images, labels)
    )
    if pixels.dtype == torch.float64:
        pixels = pixels.float()
    if not truth.is_floating_point() and truth.dtype != torch.bool:
        truth = truth.long()
    check_images(floating(pixels[:1]) if pixels.dtype == torch.uint8 else pixels)
    check_classes("labels", truth, len(pixels))
    if not len(pixels):
        raise UnfitError("images: there must be at least one")
    return pixels, truth


def _checked(classes: Sequence[str] | None, labels: Tensor) -> list[str] | None:
    """Names of classes, where there are any, of which the labels are some."""
    if classes is None:
        return None
    if int(labels.max()) >= len(classes):
        raise UnfitError(f"labels: must be below {len(classes)}, the number of the classes, got {int(labels.max())}")
    return [*map(str, classes)]


def _possible(
    attacks: dict[str, AttackConfig], threat: Threat, look: FirstLook, findings: list[Finding]
) -> dict[str, AttackConfig]:
    """The attacks that a model can be given: without gradients Square takes the place of those that need them."""
    for word, config in attacks.items():
        if look.classes < config.least_classes:
            raise UnfitError(f"attacks: {word} needs {config.least_classes} classes, the model has {look.classes}")
    if look.gradients:
        return attacks
    left = {word: config for word, config in attacks.items() if not needs_gradient(config)}
    if out := [word for word in attacks if word not in left]:
        if not any(isinstance(config, SquareConfig) for config in left.values()):
            left |= named(["square-1000"], threat)
        text = f"left out for want of a gradient: {', '.join(out)}; black-box attacks only: {', '.join(left)}"
        findings.append(Finding("attacks", text, False))
    return left


def _device(model: Model, images: object) -> torch.device:
    """Of the model's weights; a plain function has none, and works where its images were."""
    weights = next(model.parameters(), None) if isinstance(model, nn.Module) else None
    if weights is not None:
        return weights.device
    return images.device if isinstance(images, Tensor) else torch.device("cpu")


def _weights(model: Model) -> str:
    """A digest of the model's weights; of a plain function there are none."""
    state = model.state_dict() if isinstance(model, nn.Module) else {}
    return _sha(*(state[key] for key in sorted(state) if isinstance(state[key], Tensor)))


def _sha(*tensors: Tensor) -> str:
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(f"{tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()[:16]
