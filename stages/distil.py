"""Distil a model: train a teacher, store its soft labels, train a student on them."""

from friendfoe import params
from friendfoe.runtime import cli
from friendfoe.training import soft_labels
from friendfoe.training.model import keys, train_model


def main(data: str, teacher: str, student: str) -> None:
    """Train every replicate of TEACHER on DATA, store its soft labels, and train every replicate of STUDENT on them."""
    p = params.load(*keys(data, teacher), *keys(data, student))
    train_model(p, data, teacher)
    soft_labels.write(p, data, teacher)
    train_model(p, data, student)


if __name__ == "__main__":
    cli.run(main)
