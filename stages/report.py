"""The overviews of a data set's studies, and of all data sets."""

from friendfoe.report.page import write_data_page, write_top_page
from friendfoe.runtime import cli, paths
from friendfoe.runtime.outputs import outputs


def main(data: str) -> None:
    """Write reports/DATA/index.html, and reports/index.html from whatever data sets `reports` holds."""
    with outputs(paths.REPORTS / data / "index.html", paths.REPORTS / "index.html"):
        write_data_page(data)
        write_top_page()


if __name__ == "__main__":
    cli.run(main)
