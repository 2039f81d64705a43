"""Train a model."""

from friendfoe import params
from friendfoe.runtime import cli
from friendfoe.training.model import keys, train_model


def main(data: str, model: str) -> None:
    """Train every replicate of MODEL on DATA by the method of its recipe; write weights, curve and metrics."""
    train_model(params.load(*keys(data, model)), data, model)


if __name__ == "__main__":
    cli.run(main)
