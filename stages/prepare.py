"""Bring a data set into the prepared form."""

from friendfoe import params, runtime
from friendfoe.data.prepare import prepare
from friendfoe.runtime import cli, paths
from friendfoe.runtime.outputs import outputs


def main(data: str) -> None:
    """Read the raw images of DATA (downloading them where that is possible) and store them as uint8 tensors."""
    p = params.load(f"data.{data}.source")
    with outputs(paths.prepared(data)):
        prepare(p.data[data].source, runtime.data_root(), paths.prepared(data), data)


if __name__ == "__main__":
    cli.run(main)
