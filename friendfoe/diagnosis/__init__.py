"""The diagnosis of any trained classifier: which classes are weak, under what, and whether its robustness is real."""

from friendfoe.diagnosis.run import evaluate as evaluate
