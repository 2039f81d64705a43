"""Checks that need no attack: what the model answers, and whether there is a gradient to follow."""

from collections import Counter
from collections.abc import Iterator, Sequence

from torch import Tensor

from friendfoe.attacks.contract import NotFiniteError
from friendfoe.attacks.losses import Loss
from friendfoe.attacks.white_box import NoGradientError, WhiteBox
from friendfoe.evaluation.check_results import Outcome
from friendfoe.evaluation.gradient_masking.check import MaskingCheck, judged


def answer_checks(answers: WhiteBox, images: Tensor, states: Sequence[str], margin: float) -> Iterator[MaskingCheck]:
    """The checks "deterministic", "logits" and "gradients"; `states` are those of the gradients."""
    n = len(images)
    try:
        logits = answers.logits(images)
        again = answers.logits(images)
    except NotFiniteError as error:
        for name, question in _QUESTIONS.items():
            yield MaskingCheck(name, question, {}, Outcome.FAILED, n, reason=str(error))
    else:
        difference = (again - logits).abs().max().item()
        same = difference <= 1e-4 * max(1.0, logits.abs().max().item())
        yield _measured("deterministic", {"largest difference": difference}, same, n)
        distance = (logits.sum(1) - 1).abs().max().item()
        numbers = {"smallest output": logits.min().item(), "largest distance of their sum from 1": distance}
        yield _measured("logits", numbers, bool((logits < 0).any()) or distance > 1e-3, n)
    lacking = Counter(filter(None, states))
    outcome = Outcome.FAILED if lacking["not finite"] else judged(lacking.total(), n, margin)
    numbers = {f"share whose gradient is {why}": count / n for why, count in lacking.items()} or {"share without": 0.0}
    reason = ", ".join(f"{why} for {count} of {n} images" for why, count in lacking.items())
    question = "Has every image a gradient, and is it a number?"
    yield MaskingCheck("gradients", question, numbers, outcome, n, margin, reason and f"the gradient is {reason}")


_QUESTIONS = {
    "deterministic": "Does the model give the same logits for the same images?",
    "logits": "Does the model give logits, and not probabilities, whose gradients vanish?",
}


def _measured(name: str, numbers: dict[str, float], passed: bool, n: int) -> MaskingCheck:
    return MaskingCheck(name, _QUESTIONS[name], numbers, Outcome.PASSED if passed else Outcome.FAILED, n)


def gradient_states(answers: WhiteBox, images: Tensor, labels: Tensor, loss: Loss) -> list[str]:
    """Of each image what is wrong with the loss's gradient: missing, not finite or zero; empty where it can be used."""
    try:
        gradient = answers.gradient(images, labels, loss)[2].flatten(1)
    except NoGradientError:
        return ["missing"] * len(images)
    except NotFiniteError:
        if len(images) == 1:
            return ["not finite"]
        halves = zip(images.tensor_split(2), labels.tensor_split(2), strict=True)
        return [state for half in halves for state in gradient_states(answers, *half, loss)]
    return ["zero" if zero else "" for zero in (gradient == 0).all(1).tolist()]
