"""Perturbations as friend or foe: assistive signals and adversarial examples, reproduced as one pipeline."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from friendfoe.diagnosis.run import evaluate as evaluate

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name == "evaluate":  # when it is asked for: it brings torch
        return import_module("friendfoe.diagnosis.run").evaluate
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
