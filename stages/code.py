"""Fingerprint the code, so that a stage runs again when code that it uses changes, and only then."""

from friendfoe.runtime import cli, paths
from friendfoe.runtime.files import atomic_directory
from friendfoe.runtime.fingerprints import fingerprints
from friendfoe.runtime.outputs import outputs


def main() -> None:
    """Write a file per module: the fingerprint of all code that it uses."""
    with outputs(paths.FINGERPRINTS), atomic_directory(paths.FINGERPRINTS) as partial:
        for module, digest in fingerprints().items():
            (partial / module).write_text(digest + "\n")


if __name__ == "__main__":
    cli.run(main)
