"""`make gpu-bundle`: pack what a bare machine with torch needs into parts that are small enough to be carried there.

Wheels of what it lacks, and data sets. Parts are folders 1, 2, ... of the bundle; a file that does not fit into what is
left of one goes on in the next. Each part knows what all of them hold, so that those that have arrived can be unpacked
(`benchmarks.gpu.unpack`), whatever is still missing.
"""

import argparse
import hashlib
import io
import json
import lzma
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from benchmarks.gpu.unpack import MANIFEST, PLANES, Manifest
from benchmarks.gpu.workspace import ROOT, source_of
from friendfoe.data.sources.config import Pixels, SourceConfig
from friendfoe.data.stratified import stratified
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.provenance import commit

WHEELS = Path(__file__).with_name("wheels.txt")
MB = 1_000_000
_LEFT_OUT = (".pt", ".pth")  # in wheels: trained networks that nobody here asks for


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu.bundle", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data/raw"), help="folder of the raw data (data/raw)")
    parser.add_argument(
        "--sets", nargs="*", default=["fashion_mnist", "cifar10"], help="NAME, or NAME:IMAGES of a split"
    )
    parser.add_argument("--megabytes", type=float, default=60, help="of a part with the project itself, at most (60)")
    parser.add_argument("--python", default="3.12", help="of the machine (3.12)")
    parser.add_argument("--machine", default="x86_64", help="its processor (x86_64)")
    parser.add_argument("--to", type=Path, default=ROOT / ".gpu-bundle", help="folder of the bundle (.gpu-bundle)")
    options = parser.parse_args()
    try:
        room = int(options.megabytes * MB) - _project()
        if room < MB:
            raise UserError(f"the project alone takes {_project() / MB:.0f} MB; raise --megabytes")
        files = [*wheels(options.to / "wheels", options.python, options.machine)]
        files += [packed(name, options.data, options.to / "sets") for name in options.sets]
        parts = divide(files, room, options.to)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for part in parts:
        size = sum(file.stat().st_size for file in part.iterdir())
        print(f"{part}: {size / MB:.1f} MB, {(size + _project()) / MB:.1f} MB with the project")
    print(f"\nThere, in the root of the project, with {options.to.name} beside it:\n\n    {command(options.to.name)}")
    return 0


def command(bundle: str) -> str:
    """What unpacks the bundle and runs all, on a machine without a network."""
    return (
        f"python3 -m benchmarks.gpu.unpack {bundle} --to /tmp/gpu && PYTHONPATH=/tmp/gpu/site "
        f"python3 -m benchmarks.gpu --data /tmp/gpu/data --seconds 480 --commit {commit()} --out OUT"
    )


def _project() -> int:
    """Bytes of the files that travel with the project: those that Git knows, or would know."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    files = (ROOT / name for name in listed.stdout.split("\0") if name)
    return sum(file.stat().st_size for file in files if file.is_file())


def wheels(folder: Path, python: str, machine: str) -> Iterable[Path]:
    """The wheels of wheels.txt for another machine, downloaded where they are not there yet.

    Raises:
        UserError: pip has failed.
    """
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in (28, 27, 24, 17)]
    platforms += [f"manylinux2014_{machine}", f"manylinux1_{machine}"]
    arguments = [word for platform in platforms for word in ("--platform", platform)]
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
         "--only-binary=:all:", "--implementation", "cp", "--python-version", python, *arguments,
         "--find-links", folder, "--dest", folder, "--requirement", WHEELS],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise UserError(f"pip cannot download the wheels: {' '.join(done.stderr.split())[-300:]}")
    for wheel in sorted(folder.glob("*.whl")):
        _slim(wheel)
        yield wheel


def _slim(wheel: Path) -> None:
    """Leave out what makes a wheel large, and its line in the list of files."""
    with zipfile.ZipFile(wheel) as whole:
        names = [name for name in whole.namelist() if not name.endswith(_LEFT_OUT)]
        if len(names) == len(whole.namelist()):
            return
        kept = wheel.with_suffix(".partial")
        with zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as slim:
            for name in names:
                content = whole.read(name)
                if name.endswith(".dist-info/RECORD"):
                    lines = content.decode().splitlines(keepends=True)
                    content = "".join(line for line in lines if not line.split(",")[0].endswith(_LEFT_OUT)).encode()
                slim.writestr(whole.getinfo(name), content)
    kept.replace(wheel)


def packed(words: str, data: Path, folder: Path) -> Path:
    """A data set, `NAME` or `NAME:IMAGES` of each split with the classes in proportion, as FOLDER/NAME.xz.

    Raises:
        UserError: its files are missing.
    """
    name, _, limit = words.partition(":")
    if limit and not limit.isdigit():
        raise UserError(f"--sets {words}: after the colon stands how many images of a split, such as {name}:20000")
    target = folder / f"{words.replace(':', '-')}" / f"{name}.xz"
    if target.exists():
        return target
    raw = SourceConfig.model_validate(source_of(name, data)).read(data)
    arrays = {"classes": np.array(raw.classes)}
    for split, whole in (("train", raw.train), ("test", raw.test)):
        count = len(whole.labels)
        rows = stratified(whole.labels, int(limit), seed=0) if limit and int(limit) < count else np.arange(count)
        images = whole.read(rows)
        arrays |= {f"{split}_{PLANES}": _planes(images)} if images.shape[1] == 3 else {f"{split}_images": images}
        arrays[f"{split}_labels"] = whole.labels[rows].astype(np.int16)
    content = io.BytesIO()
    np.savez(content, **arrays)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    partial.write_bytes(lzma.compress(content.getbuffer()))
    partial.replace(target)
    return target


def _planes(images: Pixels) -> Pixels:
    """Green, red - green, blue - green of uint8 [N, 3, H, W]: differences of colours pack better."""
    red, green, blue = images[:, 0], images[:, 1], images[:, 2]
    return np.stack([green, red - green, blue - green], 1)


def divide(files: Iterable[Path], room: int, bundle: Path) -> list[Path]:
    """Fill the folders 1, 2, ... of the bundle with so many bytes each; earlier ones are replaced."""
    for part in bundle.glob("[0-9]*"):
        shutil.rmtree(part)
    manifest: Manifest = {}
    parts: list[Path] = []
    left = 0
    for file in files:
        content, pieces, start = file.read_bytes(), 0, 0
        while start < len(content) or not pieces:
            if left <= 0:
                parts.append(bundle / str(len(parts) + 1))
                parts[-1].mkdir(parents=True)
                left = room - 16_384  # for the manifest
            taken = content[start : start + left]
            (parts[-1] / f"{file.name}.{pieces:03d}").write_bytes(taken)
            start, left, pieces = start + len(taken), left - len(taken), pieces + 1
        manifest[file.name] = {"pieces": pieces, "sha256": hashlib.sha256(content).hexdigest()}
    for part in parts:
        (part / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
    return parts


if __name__ == "__main__":
    sys.exit(main())
