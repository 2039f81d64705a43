"""Train a model on perturbed images."""

from friendfoe import params
from friendfoe.runtime import cli
from friendfoe.training.model import keys, train_model
from friendfoe.training.objectives import standard


def main(data: str, model: str) -> None:
    """Train every replicate of MODEL on perturbed sets of DATA, or on a mixture of clean and perturbed images."""
    train_model(params.load(*keys(data, model)), data, model, standard)


if __name__ == "__main__":
    cli.run(main)
