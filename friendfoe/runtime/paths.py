"""Where the pipeline keeps things, relative to the root of the project; the dvc.yaml files name the same places."""

import os
from pathlib import Path

PLAN = Path("plan")  # what will be run: a file per thing
PIPELINES = Path("pipelines")  # a folder per study: dvc.yaml, params.yaml, dvc.lock
REPORTS = Path("reports")
OWN = Path("own")  # the user's weights and networks, on which the plan depends
CHECKPOINTS = Path(".friendfoe/checkpoints")  # of trainings that have not ended
CHECKPOINTS_OF_A_STAGE = "FRIENDFOE_CHECKPOINTS"  # the setting by which a node keeps those of each stage apart


def workspace() -> Path:
    """The project that the user works in: this folder, unless DVC runs an experiment in a copy of the project.

    `dvc exp run --temp` and the queue do so, below .dvc/tmp. What neither Git nor DVC brings there (raw data,
    unfinished training) is in the project that it is a copy of.
    """
    here = Path.cwd()
    return next((parent for parent in here.parents if here.is_relative_to(parent / ".dvc/tmp")), Path())


def checkpoints() -> Path:
    """Where trainings save their state."""
    return Path(os.environ.get(CHECKPOINTS_OF_A_STAGE) or workspace() / CHECKPOINTS)


def own(file: str) -> Path:
    """A file of the user's, here or in the project that this folder is a copy of."""
    return Path(file) if Path(file).is_file() else workspace() / file


def plan(data: str, *names: str) -> Path:
    """The plan of one thing that is run on a data set; `names`: the study where there is one, and what it is."""
    return PLAN.joinpath(data, *names[:-1], f"{names[-1]}.json")


def prepared(data: str) -> Path:
    """The prepared splits of a data set."""
    return Path("data/prepared") / data


def perturbed(data: str, study: str, split: str, name: str) -> Path:
    """A perturbed set of training or test images: a file per replicate."""
    return Path("data/perturbed") / data / study / split / name


def model(data: str, study: str, name: str) -> Path:
    """The weights of a model: a file per replicate."""
    return Path("models") / data / study / name


def replicate(directory: Path, number: int) -> Path:
    """Replicate `number` of a model or a perturbed set."""
    return directory / f"replicate-{number}.safetensors"


def last(directory: Path, number: int) -> Path:
    """The weights of replicate `number` after the last epoch, where another epoch was selected."""
    return directory / f"replicate-{number}-last.safetensors"


def soft(data: str, study: str, teacher: str) -> Path:
    """The soft labels that a teacher gives to its training images: a file per replicate."""
    return Path("data/soft") / data / study / teacher


def replicates(directory: Path) -> int:
    """How many replicates of a model or a perturbed set there are."""
    return sum(path.stem.removeprefix("replicate-").isdigit() for path in directory.glob("replicate-*.safetensors"))


def curve(data: str, study: str, name: str) -> Path:
    """The training curve of a model, rewritten after every epoch."""
    return REPORTS / data / "training" / study / f"{name}.tsv"


def evaluation(data: str, study: str, name: str) -> Path:
    """The tidy table of a model's class-wise evaluation."""
    return REPORTS / data / "evaluations" / study / f"{name}.csv"


def outcomes(data: str, study: str, name: str) -> Path:
    """What became of each image in a model's evaluation: the bits behind the table."""
    return Path("outcomes") / data / study / f"{name}.npz"


def gradients(data: str, study: str, name: str) -> Path:
    """Whether the gradients of a model are masked: what was measured, as CSV."""
    return REPORTS / data / "gradients" / study / name


def checks(data: str, study: str, name: str) -> Path:
    """What became of each image in the gradient checks of a model."""
    return analysis(data, study, f"check-gradients-{name}")


def analysis(data: str, study: str, part: str) -> Path:
    """What a study computes from models and images, before it is drawn: a folder for each part of it."""
    return Path("analysis") / data / study / part


def sweep(data: str, study: str, name: str) -> Path:
    """Table, figure and page of a sweep; beside the report, which is made anew as a whole."""
    return REPORTS / data / "sweeps" / study / name


def report(data: str, study: str) -> Path:
    """The tables and figures of a study."""
    return REPORTS / data / study
