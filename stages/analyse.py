"""Compute what a study needs from models and images, beyond their evaluations."""

from friendfoe import params, studies
from friendfoe.runtime import cli, paths
from friendfoe.runtime.files import atomic_directory
from friendfoe.runtime.outputs import outputs
from friendfoe.studies.inputs import Inputs


def main(study: str, data: str) -> None:
    """Analyse the models of STUDY on DATA; tables and arrays go to analysis/DATA/STUDY."""
    module = studies.module(study, "analyse")
    p = params.load(*(key.format(data=data) for key in module.KEYS))
    settings = studies.settings(study, p.studies[study])
    directory = paths.analysis(data, study)
    with outputs(directory), atomic_directory(directory) as partial:
        module.analyse(Inputs(study, data, settings, p), partial)


if __name__ == "__main__":
    cli.run(main)
