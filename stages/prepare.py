"""Bring a data set into the prepared form."""

import numpy as np
from safetensors import safe_open

from friendfoe import runtime
from friendfoe.data.prepare import PrepareJob, prepare
from friendfoe.runtime import cli, jobs, paths
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.outputs import outputs


def main(data: str) -> None:
    """Read the raw images of DATA (downloading them where that is possible) and store them as uint8 tensors."""
    job = jobs.read(PrepareJob, data, "prepare")
    with outputs(paths.prepared(data)):
        prepare(job.source, runtime.data_root(), paths.prepared(data), data)
        check_classes(data, job.least_classes)


def check_classes(data: str, least: int) -> None:
    """Check that a prepared data set has images of so many classes; without torch, which would take most of the time.

    Raises:
        UserError: one of its splits has not.
    """
    for name in ("train", "test"):
        with safe_open(paths.prepared(data) / f"{name}.safetensors", "np") as file:
            there = len(np.unique(file.get_tensor("labels")))
        if there < least:
            raise UserError(
                f"the {name} images of {data} are of {there} class{'es' * (there > 1)}, and a study in whose params it "
                f"stands needs {least}; take {data} out there, or add images"
            )


if __name__ == "__main__":
    cli.run(main)
