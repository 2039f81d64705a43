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
    """A formula over evidence; calling it gives the quantity, its text says how it comes about."""

    text: str
    of: Callable[[Evidence], Sample]

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
        return Expression(f"({other:g} − {self})", lambda evidence: other - self(evidence))

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
    return Expression(f"{metric}({model}, {condition})", lambda evidence: evidence(metric, model, condition))


def mean(*expressions: Expression) -> Expression:
    """The mean of several, replicate by replicate."""
    return _of_several("mean", expressions, sample.mean)


def lowest(*expressions: Expression) -> Expression:
    """The lowest of several in every replicate."""
    return _of_several("lowest", expressions, sample.lowest)


def highest(*expressions: Expression) -> Expression:
    """The highest of several in every replicate."""
    return _of_several("highest", expressions, sample.highest)


def weakest_class(metric: str, model: str, condition: str) -> Expression:
    """The lowest over the classes, each replicate's own."""
    key: Key = (metric, model, condition)
    text = f"weakest class of {metric}({model}, {condition})"
    return Expression(text, lambda evidence: sample.lowest(evidence.by_class(*key)))


def strongest_class(metric: str, model: str, condition: str) -> Expression:
    """The highest over the classes, each replicate's own."""
    key: Key = (metric, model, condition)
    text = f"strongest class of {metric}({model}, {condition})"
    return Expression(text, lambda evidence: sample.highest(evidence.by_class(*key)))


def _operation(
    symbol: str, a: Expression, b: Expression | float, combine: Callable[[Sample, Sample | float], Sample]
) -> Expression:
    if isinstance(b, Expression):
        return Expression(f"({a} {symbol} {b})", lambda evidence: combine(a(evidence), b(evidence)))
    return Expression(f"({a} {symbol} {b:g})", lambda evidence: combine(a(evidence), b))


def _of_several(
    name: str, expressions: tuple[Expression, ...], combine: Callable[[list[Sample]], Sample]
) -> Expression:
    text = f"{name}({', '.join(map(str, expressions))})"
    return Expression(text, lambda evidence: combine([one(evidence) for one in expressions]))
