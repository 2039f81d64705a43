"""What a claim measures, as data: arithmetic over the quantities of a study's evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from friendfoe.evaluation import sample
from friendfoe.evaluation.outcomes import Key
from friendfoe.evaluation.sample import Sample
from friendfoe.studies.evidence import Evidence


@dataclass(frozen=True)
class Expression:
    """A formula over evidence; calling it gives the quantity, its text says how it comes about, `keys` of what."""

    text: str
    of: Callable[[Evidence], Sample]
    keys: tuple[Key, ...]

    def __call__(self, evidence: Evidence) -> Sample:
        """The quantity.

        Raises:
            KeyError: the evidence lacks something of it.
        """
        return self.of(evidence)

    def __str__(self) -> str:
        return self.text

    def __add__(self, other: Expression | float) -> Expression:
        """The sum."""
        return _operation("+", self, other, lambda a, b: a + b)

    def __sub__(self, other: Expression | float) -> Expression:
        """The difference, paired over replicates and images."""
        return _operation("−", self, other, lambda a, b: a - b)

    def __rsub__(self, other: float) -> Expression:
        """A number less the expression."""
        return Expression(f"({other:g} − {self})", lambda evidence: other - self(evidence), self.keys)

    def __mul__(self, other: Expression | float) -> Expression:
        """The product."""
        return _operation("·", self, other, lambda a, b: a * b)

    def __truediv__(self, other: Expression | float) -> Expression:
        """The quotient."""
        return _operation("/", self, other, lambda a, b: a / b)

    __radd__ = __add__
    __rmul__ = __mul__


def value(metric: str, model: str, condition: str) -> Expression:
    """A quantity as the evidence has it."""
    key = (metric, model, condition)
    return Expression(f"{metric}({model}, {condition})", lambda evidence: evidence(*key), (key,))


def mean(*expressions: Expression) -> Expression:
    """The mean of several, replicate by replicate."""
    text = f"mean({', '.join(map(str, expressions))})"
    keys = tuple(key for one in expressions for key in one.keys)
    return Expression(text, lambda evidence: sample.mean([one(evidence) for one in expressions]), keys)


def _operation(
    symbol: str, a: Expression, b: Expression | float, combine: Callable[[Sample, Sample | float], Sample]
) -> Expression:
    if isinstance(b, Expression):
        return Expression(f"({a} {symbol} {b})", lambda evidence: combine(a(evidence), b(evidence)), a.keys + b.keys)
    return Expression(f"({a} {symbol} {b:g})", lambda evidence: combine(a(evidence), b), a.keys)
