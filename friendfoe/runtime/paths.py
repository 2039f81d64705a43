"""Where the pipeline keeps things, relative to the root of the project; dvc.yaml names the same places."""

from pathlib import Path

CHECKED = Path("data/checked.txt")  # params.yaml is in order
FINGERPRINTS = Path("fingerprints")  # of code, a file per module


def prepared(data: str) -> Path:
    """The prepared splits of a data set."""
    return Path("data/prepared") / data


def perturbed(data: str, name: str) -> Path:
    """A perturbed set: a file per replicate."""
    return Path("data/perturbed") / data / name


def model(data: str, name: str) -> Path:
    """The weights of a model: a file per replicate."""
    return Path("models") / data / name


def replicate(directory: Path, number: int) -> Path:
    """Replicate `number` of a model or a perturbed set."""
    return directory / f"replicate-{number}.safetensors"


def last(directory: Path, number: int) -> Path:
    """The weights of replicate `number` after the last epoch, where another epoch was selected."""
    return directory / f"replicate-{number}-last.safetensors"


def soft(data: str, teacher: str) -> Path:
    """The soft labels that a teacher gives to its training images: a file per replicate."""
    return Path("data/soft") / data / teacher


def replicates(directory: Path) -> int:
    """How many replicates of a model or a perturbed set there are."""
    return sum(path.stem.removeprefix("replicate-").isdigit() for path in directory.glob("replicate-*.safetensors"))


def curve(data: str, name: str) -> Path:
    """The training curve of a model, rewritten after every epoch; its metrics stand beside it as JSON."""
    return Path("reports") / data / "training" / f"{name}.tsv"


def evaluation(data: str, study: str, name: str) -> Path:
    """The tidy table of a model's class-wise evaluation for a study; its metrics stand beside it as JSON."""
    return Path("reports") / data / "evaluations" / study / f"{name}.csv"


def honesty(data: str, name: str) -> Path:
    """Whether the robustness of a model is to be believed; its metrics stand beside it as JSON."""
    return Path("reports") / data / "honesty" / f"{name}.csv"


def analysis(data: str, study: str) -> Path:
    """What a study computes from models and images, before it is drawn."""
    return Path("analysis") / data / study


def report(data: str, study: str) -> Path:
    """The tables and figures of a study."""
    return Path("reports") / data / study
