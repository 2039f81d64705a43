"""Check params.yaml as a whole, before anything is computed."""

from friendfoe import cli, params, studies
from friendfoe.files import atomic_path
from friendfoe.paths import CHECKED


def main() -> None:
    """Check every section of params.yaml and every name that it uses; what is wrong is said in one line."""
    studies.check(params.read())
    with atomic_path(CHECKED) as partial:
        partial.write_text("params.yaml is in order\n")  # always the same: what follows is not to run again


if __name__ == "__main__":
    cli.run(main)
