"""One check: what was measured on how many images, and when that is a failure."""

from dataclasses import dataclass

from torch import Tensor

from friendfoe.evaluation.check_results import Outcome
from friendfoe.evaluation.intervals import wilson

_LEVEL = 0.9  # of a two-sided interval: its lower end is passed by chance in 5 % of cases


@dataclass(frozen=True)
class MaskingCheck:
    """A question, what was measured, and whether the answer is that of a model without tricks.

    Attributes:
        name: a word or two, unique among the checks.
        question: answered with yes where the check is passed.
        numbers: what was measured, by what it is; accuracies count the images that are right before and after.
        outcome: of the check.
        n: images that it was measured on.
        margin: how much may be on the wrong side: a share of the images, where the check counts images.
        reason: of a failure, in words; or why the check could not be run.
    """

    name: str
    question: str
    numbers: dict[str, float]
    outcome: Outcome
    n: int
    margin: float | None = None
    reason: str = ""

    def __str__(self) -> str:
        """All of it in a line."""
        measured = ", ".join(f"{name} {value:.3g}" for name, value in self.numbers.items())
        return f"{self.name}: {self.outcome.value}; {measured}" + (f" ({self.reason})" if self.reason else "")


def judged(wrong: int, n: int, margin: float) -> Outcome:
    """Whether more than a share `margin` of images like these are on the wrong side, if `wrong` of `n` are.

    More than the margin on these images is a failure only where the lower end of Wilson's interval of the share (90 %
    two-sided: an error of 5 %) lies above it, too: 5 of 100 for a margin of 0.02. The field compares accuracies without
    intervals; but an image that withstands an attack and falls to a weaker one is a failure of that attack whatever
    other images do, so that the two are compared image by image, and only the share is uncertain.
    """
    if wrong <= margin * n:
        return Outcome.PASSED
    return Outcome.FAILED if float(wilson(wrong, n, _LEVEL)[0]) > margin else Outcome.OPEN


def missed(
    name: str, question: str, weaker: tuple[str, Tensor], stronger: tuple[str, Tensor], margin: float, reason: str = ""
) -> MaskingCheck:
    """Do images fall to the attack that should be weaker, and withstand the stronger one?

    Attacks are pairs of a name and bool [N], which images withstand them. `reason` says why one could not be carried
    out as it should: then it left images as they are, and a pass would say nothing.
    """
    n = len(weaker[1])
    wrong = int((stronger[1] & ~weaker[1]).sum())
    numbers = {f"accuracy, {title}": share(standing) for title, standing in (weaker, stronger)}
    outcome = judged(wrong, n, margin)
    if reason and outcome is not Outcome.FAILED:
        outcome = Outcome.NOT_RUN
    elif wrong:
        reason = f"{wrong} of {n} images fall to {weaker[0]} and withstand {stronger[0]}" + (reason and f"; {reason}")
    return MaskingCheck(name, question, {**numbers, "missed": wrong / max(1, n)}, outcome, n, margin, reason)


def share(standing: Tensor) -> float:
    """The share of true entries; 0 of none."""
    return int(standing.sum()) / max(1, len(standing))
