"""Check params.yaml as a whole, before anything is computed."""

from friendfoe import params, studies
from friendfoe.runtime import cli
from friendfoe.runtime.files import atomic_path
from friendfoe.runtime.paths import CHECKED


def main() -> None:
    """Check every section of params.yaml and every name that it uses; what is wrong is said in one line."""
    studies.check(params.read())
    with atomic_path(CHECKED) as partial:
        partial.write_text("params.yaml is in order\n")  # always the same: what follows is not to run again


if __name__ == "__main__":
    cli.run(main)
