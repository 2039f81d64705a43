"""Check params, and write down what will be run: a file for each thing, with all its settings resolved."""

import sys

from friendfoe.plan.write import in_plan, read_plan
from friendfoe.runtime import cli, paths
from friendfoe.runtime.files import atomic_directory
from friendfoe.runtime.outputs import outputs


def main() -> None:
    """Write plan/DATA/STUDY/NAME.json for everything that is run; what cannot finish is said in one line."""
    planned = read_plan()
    files = in_plan(planned)
    with outputs(paths.PLAN), atomic_directory(paths.PLAN) as partial:
        for path, text in files.items():
            target = partial / path.relative_to(paths.PLAN)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
    for warning in planned.warnings():
        print(warning, file=sys.stderr)


if __name__ == "__main__":
    cli.run(main)
