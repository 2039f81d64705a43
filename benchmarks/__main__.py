"""`python -m benchmarks`: make an environment of its own, .bench-venv, and compare the libraries in it."""

import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent
HOME = ROOT / ".bench-venv"
PYTHON = HOME / "bin" / "python"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
READY = HOME / ".ready"


def main() -> int:
    if not READY.exists() or READY.read_text() != REQUIREMENTS.read_text():
        print(f"setting up {HOME.name} (torch and four libraries, about 6 GB)", file=sys.stderr)
        if not PYTHON.exists():
            venv.create(HOME, with_pip=True)
        subprocess.run([PYTHON, "-m", "pip", "install", "--quiet", "--requirement", REQUIREMENTS], check=True)
        READY.write_text(REQUIREMENTS.read_text())
    return subprocess.run([PYTHON, "-m", "benchmarks.compare", *sys.argv[1:]], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
