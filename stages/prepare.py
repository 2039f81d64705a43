"""Bring a data set into the prepared form."""

from friendfoe import runtime
from friendfoe.data.prepare import PrepareJob, prepare
from friendfoe.runtime import cli, jobs, paths
from friendfoe.runtime.outputs import outputs


def main(data: str) -> None:
    """Read the raw images of DATA (downloading them where that is possible) and store them as uint8 tensors."""
    job = jobs.read(PrepareJob, data, "prepare")
    with outputs(paths.prepared(data)):
        prepare(job.source, runtime.data_root(), paths.prepared(data), data)


if __name__ == "__main__":
    cli.run(main)
