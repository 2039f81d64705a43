"""All checks of a model, in the order of docs/gradient-masking.md."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

from friendfoe.attacks.config import AttackConfig
from friendfoe.attacks.contract import Model, NotFiniteError, check_labels, check_positive, check_sample_ids
from friendfoe.attacks.losses import log_odds
from friendfoe.attacks.threat import Threat
from friendfoe.attacks.white_box import NoGradientError, white_box
from friendfoe.evaluation.check_budget import CheckBudget
from friendfoe.evaluation.check_results import Outcome
from friendfoe.evaluation.gradient_masking import attacks as names
from friendfoe.evaluation.gradient_masking.answers import answer_checks, gradient_states
from friendfoe.evaluation.gradient_masking.attacked import Attacked
from friendfoe.evaluation.gradient_masking.attacks import Attacks, at
from friendfoe.evaluation.gradient_masking.check import MaskingCheck, judged, missed, share


@dataclass(frozen=True)
class Examination:
    """The checks of a model, and what became of each image.

    Attributes:
        checks: every one, also those that could not be run.
        standing: attack -> bool [N], which images are right when clean and withstand it; "clean" and "the worst case"
            are among them.
    """

    checks: list[MaskingCheck]
    standing: dict[str, Tensor]


def examine(
    model: Model,
    images: Tensor,
    labels: Tensor,
    *,
    eps: float,
    norm: Literal["linf", "l2"] = "linf",
    reported: AttackConfig | None = None,
    transfer_from: Model | Mapping[str, Model] | None = None,
    budget: CheckBudget | None = None,
    seed: int = 0,
    sample_ids: Tensor | None = None,
) -> Examination:
    """Run all checks of a model; a few hundred images are enough.

    Args:
        model: gives logits [N, K]. Where its logits or gradients are not finite, a check fails and says so.
        images: floating [N, C, H, W] in [0, 1], at least one; all of them are taken, whatever the budget says.
        labels: int64 [N].
        eps: size of the perturbations, above 0.
        norm: how it is measured.
        reported: the attack from which the model's robustness was concluded: it is judged by what it misses.
        transfer_from: another model, or several by name, whose adversarial images are tried on this one.
        budget: of the attacks.
        seed: of all that is drawn.
        sample_ids: int64 [N], the identity of each image; its place where not given.

    Raises:
        ValueError: naming the argument that is wrong.
    """
    check_labels(images, labels)
    if not len(images):
        raise ValueError("images: there must be at least one")
    check_positive(eps=eps)
    given = transfer_from if isinstance(transfer_from, Mapping) else {"another model": transfer_from}
    sources = {name: source for name, source in given.items() if source is not None}
    with white_box(model, labels=labels) as answers:
        states = gradient_states(answers, images, labels, log_odds)
        spoilt = torch.tensor([state == "not finite" for state in states], device=images.device)
        attacked = Attacked(answers, images, labels, check_sample_ids(sample_ids, images), spoilt)
        attacks = Attacks(model, attacked, Threat(norm, eps), budget or CheckBudget(), reported, sources, seed)
        checks = list(answer_checks(answers, images, states, attacks.budget.margin))
        attacks.run()
        checks += _Comparisons(attacks, attacked).all()
        return Examination(checks, attacked.standing)


def gradient_masking(
    model: Model,
    images: Tensor,
    labels: Tensor,
    *,
    eps: float,
    norm: Literal["linf", "l2"] = "linf",
    reported: AttackConfig | None = None,
    transfer_from: Model | Mapping[str, Model] | None = None,
    budget: CheckBudget | None = None,
    seed: int = 0,
) -> list[MaskingCheck]:
    """The checks of `examine` alone; arguments and errors as there."""
    options = {"norm": norm, "reported": reported, "transfer_from": transfer_from, "budget": budget, "seed": seed}
    return examine(model, images, labels, eps=eps, **options).checks  # type: ignore[arg-type]


@dataclass(frozen=True)
class _Comparisons:
    """Checks of attacks that have been run."""

    attacks: Attacks
    attacked: Attacked

    def all(self) -> Iterator[MaskingCheck]:
        """Every one; without an image that is right when clean there is nothing to compare."""
        nothing = not self.attacked.standing["clean"].any()
        for check in (*self._with_gradients(), *self._sizes(), *self._others(), *self._reported()):
            if nothing:
                check = replace(check, outcome=Outcome.NOT_RUN, reason="no clean image is answered correctly")
            yield check

    def _with_gradients(self) -> Iterator[MaskingCheck]:
        question = "Does the gradient of the softmax lead an attack as far as that of the logits?"
        yield self._missed("softmax", question, names.PGD, by=names.SOFTMAX)
        yield self._loss()
        yield self._missed("iterative", "Does PGD find all that one step finds?", names.ONE_STEP)
        yield self._missed("noise", "Does PGD find all that random noise finds?", names.NOISE)

    def _sizes(self) -> Iterator[MaskingCheck]:
        yield self._monotone()
        attacked, margin = self.attacked, self.attacks.budget.margin
        standing = attacked.standing[names.UNBOUNDED]
        n, wrong = len(standing), int(standing.sum())
        yield MaskingCheck(
            "unbounded",
            "Does an attack that may change every pixel at will always succeed?",
            {f"accuracy, {names.UNBOUNDED}": share(standing)},
            judged(wrong, n, margin),
            n,
            margin,
            attacked.reason(names.UNBOUNDED) or (f"{wrong} of {n} images withstand it" if wrong else ""),
        )
        around, own = self.attacks.around, self.attacks.threat.norm
        question = (
            f"Does PGD in the ball of {around.norm} (radius {around.eps:.3g}) that holds that of {own} find as much?"
        )
        yield self._missed("second norm", question, names.PGD, by=self.attacks.second)

    def _others(self) -> Iterator[MaskingCheck]:
        question = "Do attacks with gradients find all that is found by images crafted on another model?"
        if names.TRANSFER in self.attacked.standing:
            sources = [f"{names.TRANSFER} of {source}" for source in self.attacks.sources]
            yield self._missed("transfer", question, names.TRANSFER, by=names.WHITE_BOX, attacks=sources)
        else:
            yield MaskingCheck("transfer", question, {}, Outcome.NOT_RUN, 0, reason="no other model was given")
        queries = self.attacks.budget.queries
        question = f"Do attacks with gradients find all that Square finds with {queries} queries?"
        yield self._missed("black box", question, names.SQUARE, by=names.WHITE_BOX)

    def _reported(self) -> Iterator[MaskingCheck]:
        """Whether the attack that is reported (PGD, where none is) is as strong as it could be."""
        budget, known = self.attacks.budget, names.REPORTED in self.attacked.standing
        by = names.REPORTED if known else names.PGD
        word = "the reported attack" if known else f"PGD of {budget.steps} steps"
        yield self._missed(
            "more steps", f"Does {word} find all that PGD of {budget.more_steps} steps finds?", names.LONGER, by=by
        )
        yield self._missed(
            "restarts",
            f"Does {word} find all that PGD from {budget.restarts} random points finds?",
            names.REPEATED,
            by=by,
        )
        sizes = " and ".join(f"{size:g}" for size in names.STEP_SIZES)
        yield self._missed(
            "step size", f"Does {word} find all that PGD with steps of {sizes} eps finds?", names.STEPPED, by=by
        )
        question = "Does the reported attack find with eps all that it finds with half of it?"
        halved = at(names.REPORTED, 0.5)
        if halved in self.attacked.standing:
            yield self._missed("reported eps", question, halved, by=by)
        else:
            reason = "its size is its own" if known else "no reported attack was given"
            yield MaskingCheck("reported eps", question, {}, Outcome.NOT_RUN, 0, reason=reason)
        if known:
            question = (
                "Does the reported attack find all that is found by the strongest, the worst case of all per image?"
            )
            yield self._missed("strongest", question, names.WORST, by=by)
        else:
            question = "Is a robust accuracy that is reported that of the worst case of all attacks, image by image?"
            worst = self.attacked.standing[names.WORST]
            numbers, reason = {f"accuracy, {names.WORST}": share(worst)}, "no reported attack was given"
            yield MaskingCheck("strongest", question, numbers, Outcome.NOT_RUN, len(worst), reason=reason)

    def _missed(
        self, name: str, question: str, weaker: str, *, by: str = names.PGD, attacks: Sequence[str] = ()
    ) -> MaskingCheck:
        """Images that fall to `weaker` (made of `attacks`, where it has no name of its own) and withstand `by`."""
        standing, reason = self.attacked.standing, self.attacked.reason(by, *(attacks or [weaker]))
        pair = ((weaker, standing[weaker]), (by, standing[by]))
        return missed(name, question, *pair, self.attacks.budget.margin, reason)

    def _monotone(self) -> MaskingCheck:
        """No image falls to a small perturbation and withstands a larger one, and some fall at last."""
        attacked, margin = self.attacked, self.attacks.budget.margin
        by_size = {title: attacked.standing[title] for title in (at(names.PGD, size) for size in names.SHARES)}
        smallest, *_, largest = by_size.values()
        n, pairs = len(smallest), pairwise(by_size.values())
        wrong = int(torch.stack([larger & ~smaller for smaller, larger in pairs]).any(0).sum())
        outcome, reason = judged(wrong, n, margin), attacked.reason(*by_size)
        if wrong:
            reason = reason or f"{wrong} of {n} images fall to a smaller eps and withstand a larger one"
        elif torch.equal(largest, attacked.standing["clean"]):
            outcome, reason = Outcome.NOT_RUN, reason or "no image falls to any of these sizes"
        numbers = {f"accuracy, {title}": share(standing) for title, standing in by_size.items()}
        question = "Does PGD find with a larger eps all that it finds with a smaller one?"
        return MaskingCheck("eps", question, numbers, outcome, n, margin, reason)

    def _loss(self) -> MaskingCheck:
        """Mean log-odds of the images that are right, after so many steps of one size, of the last image."""
        attacked, answers = self.attacked, self.attacked.answers
        rows = attacked.standing["clean"].nonzero().squeeze(1)
        images, labels, ids = attacked.images[rows], attacked.labels[rows], attacked.sample_ids[rows]
        question, losses = "Does the loss rise with the steps of an attack?", dict[str, float]()
        try:
            for steps in (1, 5, self.attacks.budget.steps) if len(rows) else ():
                last = self.attacks.climb(steps)(images, labels, sample_ids=ids)
                losses[f"mean log-odds, {steps} steps"] = log_odds(answers.logits(last), labels).double().mean().item()
        except (NoGradientError, NotFiniteError) as error:
            return MaskingCheck("steps", question, losses, Outcome.FAILED, len(rows), reason=str(error))
        outcome = Outcome.PASSED if _rising([*losses.values()]) else Outcome.FAILED
        return MaskingCheck("steps", question, losses, outcome, len(rows))


def _rising(values: list[float]) -> bool:
    """Whether the last value is above the first, and none is more than a hair below the one before."""
    drops = [before - after > 1e-2 * max(1.0, abs(before)) for before, after in pairwise(values)]
    return bool(values) and values[-1] > values[0] and not any(drops)
