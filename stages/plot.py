"""Draw the tables and figures of a study, judge its claims, and put all of it on a page."""

from friendfoe import studies
from friendfoe.report.figures import style
from friendfoe.report.page import write_pages_above, write_study_page
from friendfoe.report.study import StudyReport
from friendfoe.runtime import cli, jobs, paths
from friendfoe.runtime.files import atomic_directory
from friendfoe.runtime.outputs import outputs
from friendfoe.runtime.provenance import origin
from friendfoe.studies.job import DRAWN, PlotJob
from friendfoe.studies.results import Results


def main(data: str, study: str) -> None:
    """Draw STUDY on DATA from its analysis, evaluations and training curves, into reports/DATA/STUDY."""
    job, module = jobs.read(PlotJob, data, study, "plot"), studies.module(study, "plot")
    kind = studies.settings(study)
    results = Results(job, kind.model_construct())
    results = Results(
        job, kind.model_validate(results.facts()["settings"], context=DRAWN)
    )  # by which the analysis has gone
    directory = paths.report(data, study)
    with outputs(directory), atomic_directory(directory) as partial, style():
        report = StudyReport(partial, study, data)
        module.plot(results, report)
        models = {name: model["provenance"] for name, model in results.facts()["models"].items()}
        report.provenance(origin(), models, jobs.every(data, study))
        report.close()
        write_study_page(partial)
    write_pages_above(data)


if __name__ == "__main__":
    cli.run(main)
