"""Unpack a bundle on a machine that has torch and NumPy, and no network: `python3 -m benchmarks.gpu.unpack --help`.

Needs nothing of the bundle, and nothing of friendfoe.
"""

import argparse
import hashlib
import io
import json
import lzma
import subprocess
import sys
from pathlib import Path
from typing import TypedDict

import numpy as np

MANIFEST = "manifest.json"
PLANES = "planes"
"""In a data set: images as green, red - green, blue - green."""


class Entry(TypedDict):
    """A file of the bundle."""

    pieces: int
    sha256: str


Manifest = dict[str, Entry]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m benchmarks.gpu.unpack", description=__doc__)
    parser.add_argument("bundle", type=Path, help="the folder with the parts 1, 2, ... that are here")
    parser.add_argument("--to", type=Path, required=True, help="packages go to TO/site, data sets to TO/data")
    options = parser.parse_args()
    parts = sorted(path.parent for path in options.bundle.glob(f"*/{MANIFEST}"))
    if not parts:
        print(f"error: {options.bundle} holds no part of a bundle; `make gpu-bundle` makes it", file=sys.stderr)
        return 1
    manifest: Manifest = json.loads((parts[0] / MANIFEST).read_text())
    wheels = options.to / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    for name, entry in manifest.items():
        pieces = [part / f"{name}.{number:03d}" for number in range(entry["pieces"]) for part in parts]
        pieces = [piece for piece in pieces if piece.exists()]
        if len(pieces) < entry["pieces"]:
            print(f"note: {name}: {len(pieces)} of {entry['pieces']} pieces are here", file=sys.stderr)
            continue
        content = b"".join(piece.read_bytes() for piece in pieces)
        if hashlib.sha256(content).hexdigest() != entry["sha256"]:
            print(f"error: {name} is damaged; carry its parts again", file=sys.stderr)
            return 1
        if name.endswith(".whl"):
            (wheels / name).write_bytes(content)
        else:
            unpack_set(content, options.to / "data" / f"{Path(name).stem}.npz")
    return install(wheels, options.to / "site")


def install(wheels: Path, site: Path) -> int:
    """Install all wheels of a folder into another, from there alone."""
    files = sorted(map(str, wheels.glob("*.whl")))
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    command += ["--find-links", str(wheels), "--no-deps", "--no-compile", "--no-cache-dir", "--upgrade"]
    return subprocess.run([*command, "--target", str(site), *files], check=False).returncode if files else 0


def unpack_set(content: bytes, target: Path) -> None:
    """Write a data set in the form that the source `npz` reads."""
    with np.load(io.BytesIO(lzma.decompress(content))) as arrays:
        found = {name: arrays[name] for name in arrays.files}
    for split in ("train", "test"):
        if (planes := found.pop(f"{split}_{PLANES}", None)) is not None:
            green, red, blue = planes[:, 0], planes[:, 1] + planes[:, 0], planes[:, 2] + planes[:, 0]
            found[f"{split}_images"] = np.stack([red, green, blue], 1)
        found[f"{split}_labels"] = found[f"{split}_labels"].astype(np.int64)
    target.parent.mkdir(parents=True, exist_ok=True)
    np.savez(target, **found)


if __name__ == "__main__":
    sys.exit(main())
