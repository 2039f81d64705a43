"""Compute what a study needs from models and images, beyond their evaluations."""

from typing import Annotated

import typer

from friendfoe import studies
from friendfoe.data.device import choose_device
from friendfoe.runtime import cli, jobs, paths
from friendfoe.runtime.files import atomic_directory
from friendfoe.runtime.outputs import outputs
from friendfoe.runtime.sealed import seal
from friendfoe.studies.classes import on_classes
from friendfoe.studies.inputs import Inputs
from friendfoe.studies.job import AnalysisJob


def main(data: str, study: str, part: Annotated[str, typer.Argument()] = "analyse") -> None:
    """Analyse the models of STUDY on DATA; tables and arrays go to analysis/DATA/STUDY/PART."""
    choose_device(data)
    job, module = jobs.read(AnalysisJob, data, study, part), studies.module(study, part)
    directory = paths.analysis(data, study, part)
    with outputs(directory), atomic_directory(directory) as partial:
        module.analyse(on_classes(Inputs(job, studies.settings(study).model_validate(job.settings))), partial)
        seal(partial)


if __name__ == "__main__":
    cli.run(main)
