"""Compute what a study needs from models and images, beyond their evaluations."""

from typing import Annotated

import typer

from friendfoe import params, studies
from friendfoe.runtime import cli, paths
from friendfoe.runtime.files import atomic_directory
from friendfoe.runtime.outputs import outputs
from friendfoe.studies.inputs import Inputs


def main(study: str, data: str, part: Annotated[str, typer.Argument()] = "analyse") -> None:
    """Analyse the models of STUDY on DATA; tables and arrays go to analysis/DATA/STUDY (those of a PART beside it)."""
    module = studies.module(study, part)
    p = params.load(*(key.format(data=data) for key in module.KEYS))
    settings = studies.settings(study, p.studies[study])
    directory = paths.analysis(data, study if part == "analyse" else f"{study}-{part}")
    with outputs(directory), atomic_directory(directory) as partial:
        module.analyse(Inputs(study, data, settings, p), partial)


if __name__ == "__main__":
    cli.run(main)
