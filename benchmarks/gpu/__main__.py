"""`python -m benchmarks.gpu`: what only a GPU can show, section by section, within so many seconds."""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from benchmarks.gpu import attacks, cifar10, environment, equality, page, studies, suite, throughput
from benchmarks.gpu.run import Interrupted, Section, fresh, has_gpu, run
from benchmarks.gpu.setting import Setting

PAGE = Path(__file__).parents[1] / "gpu.md"

# Seconds that are set aside, in the order of what is most worth knowing. The first four take these on an H100; the
# others use what they get, and what earlier ones have left over.
SECTIONS = (
    Section("environment", "The machine", 5, environment.measure),
    Section("equality", "The card against the CPU", 15, equality.measure),
    Section("tests", "`pytest -m gpu`", 50, suite.measure),
    Section("training", "Training beside its floors", 20, throughput.measure),
    Section("cifar10", "CIFAR-10: PGD-7 training of PreActResNet-18", 70, cifar10.measure),
    Section("attacks", "Attacks beside other libraries", 60, attacks.measure),
    Section("studies", "The studies, stage by stage", 60, studies.measure),
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--seconds", type=float, default=480, help="what does not fit into these is left out (480)")
    parser.add_argument("--out", type=Path, required=True, help="folder of the results: a JSON per section, and a page")
    parser.add_argument("--data", type=Path, default=Path("data/raw"), help="folder of the raw data (data/raw)")
    parser.add_argument("--sections", nargs="+", choices=[section.name for section in SECTIONS], help="these alone")
    parser.add_argument(
        "--tiny", action="store_true", help="everything, on the CPU, at sizes that say nothing of speed"
    )
    parser.add_argument("--commit", help="of the code, where there is no Git to ask")
    options = parser.parse_args()
    os.environ["FRIENDFOE_DEVICE"] = "cpu" if options.tiny else "cuda"
    if not options.tiny and not has_gpu():
        print("error: there is no GPU here; --tiny runs all of it on the CPU", file=sys.stderr)
        return 1
    sections = [section for section in SECTIONS if section.name in (options.sections or [section.name])]
    out = options.out.resolve()
    fresh(out, sections)
    status = 0
    with tempfile.TemporaryDirectory(prefix="friendfoe-gpu-") as work:
        setting = Setting(options.data.resolve(), Path(work), out, options.tiny)
        try:
            records = run(sections, setting, options.seconds, options.commit)
            status = int(any(of.state == "failed" for of in records))
        except Interrupted as interrupted:
            status = interrupted.status
    text = page.page(out, SECTIONS)
    print(text)
    for file in [out / "gpu.md", *([] if options.tiny or options.sections else [PAGE])]:
        file.write_text(text)
    return status


if __name__ == "__main__":
    sys.exit(main())
