"""Draw the tables and figures of a study and judge its claims."""

from friendfoe import params, studies
from friendfoe.report.figures import style
from friendfoe.report.study import StudyReport
from friendfoe.runtime import cli, paths
from friendfoe.runtime.files import atomic_directory
from friendfoe.runtime.outputs import outputs
from friendfoe.studies.results import Results


def main(study: str, data: str) -> None:
    """Draw STUDY on DATA from its analysis, evaluations and training curves, into reports/DATA/STUDY."""
    module = studies.module(study, "plot")
    p = params.load(*(key.format(data=data) for key in module.KEYS))
    results = Results(study, data, studies.settings(study, p.studies[study]))
    directory = paths.report(data, study)
    with outputs(directory), atomic_directory(directory) as partial, style():
        report = StudyReport(partial, study, data)
        module.plot(results, report)
        report.close()


if __name__ == "__main__":
    cli.run(main)
