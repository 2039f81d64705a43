"""Perturbations as friend or foe: assistive signals and adversarial examples, reproduced as one pipeline."""

__version__ = "0.1.0"
