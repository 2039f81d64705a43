"""Train models."""

from friendfoe.data.device import choose_device
from friendfoe.runtime import cli, jobs
from friendfoe.training.job import Job
from friendfoe.training.model import train_model


def main(data: str, study: str, models: list[str]) -> None:
    """Train every replicate of MODELS of STUDY on DATA, or take over what is given; write weights and curves."""
    choose_device(data)
    for job in [jobs.read(Job, data, study, model) for model in models]:
        if job.method.trained:
            train_model(job)
        else:
            job.method.take_over(job)


if __name__ == "__main__":
    cli.run(main)
