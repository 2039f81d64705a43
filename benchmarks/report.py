"""Make README.md of results.json: `python -m benchmarks.report [folder]`."""

import json
import sys
from pathlib import Path
from typing import Any

ABOUT = """\
# Attacks beside other libraries

{summary}
`make bench` (with `FRIENDFOE_DATA` set to where FashionMNIST/raw lies) makes an environment of its own, trains two
networks, runs the comparison and writes this page.

{setting}

Time is CPU time, because it hardly depends on what else the machine does; the libraries take turns, and a ratio is the
median of the ratios within replicates: how many times longer a library takes than friendfoe. Each library runs at its
fastest batch size (of 64, 128, 256, 512). Passes are counted in images.
"""
CRAFTING = """
## Crafting: {kind} network (clean accuracy {clean:.1%})

All steps for all images; the image of the last step, as in the other libraries.
"""
EVALUATION = """
## Robust accuracy: {kind} network

friendfoe stops working on a sample once it has fallen, and counts it as fallen if any step fooled the model; with the
others one crafts everything and predicts.
"""
BFLOAT16 = """
## bfloat16

Crafting {images} images in float32 and under autocast. This processor ({capability}) has no bfloat16 arithmetic, so
that bfloat16 is emulated: on such a machine it only costs time, and the speed that it brings elsewhere could not be
measured.
"""
AUTOATTACK = """
## AutoAttack: verdicts of the reference implementation

{count} images; the standard attacks (APGD-CE, APGD-T, FAB-T, Square) with {queries} queries for Square.

| network | eps | library | robust accuracy | CPU seconds | ratio | forward | backward |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""


def write(folder: Path) -> None:
    results = json.loads((folder / "results.json").read_text())
    (folder / "README.md").write_text(page(results))


def page(results: dict[str, Any]) -> str:
    about = results["setting"]
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    setting = (
        f"Measured {about['date']} (commit {about['code']}) on {about['cpu']}; {about['threads']} thread(s),\n"
        f"{about['replicates']} replicates, "
        f"{about['images']} test images of Fashion-MNIST. {about['attack']}.\n{versions}."
    )
    kinds = [name for name in ("standard", "adversarial") if name in results]
    text = ABOUT.format(setting=setting, summary=summary(results, kinds))
    for kind in kinds:
        found = results[kind]
        for title, part in ((CRAFTING, "crafting"), (EVALUATION, "evaluation")):
            text += title.format(kind=kind, clean=found["clean accuracy"]) + table(found[part], found["batch"])
    if "bfloat16" in results:
        capability = about["cpu"].rsplit(", ", 1)[1]
        text += BFLOAT16.format(images=results["bfloat16"]["images"], capability=capability)
        text += table(results["bfloat16"]["crafting"], {})
    if "autoattack" in results:
        found = results["autoattack"]
        text += AUTOATTACK.format(count=found["images"], queries=found["queries"])
        for kind, row in found["networks"].items():
            for name in ("friendfoe", "pyautoattack"):
                of = row[name]
                ratio = of["seconds"] / row["friendfoe"]["seconds"]
                text += f"| {kind} | {row['eps']} | {name} | {of['robust accuracy']:.1%} | {of['seconds']:.1f} | "
                text += f"{ratio:.2f} | {of['forward']} | {of['backward']} |\n"
    return text


def summary(results: dict[str, Any], kinds: list[str]) -> str:
    """How much faster friendfoe is than the fastest of the others, and what both reach."""
    text = "| PGD-20 | network | times faster than | robust accuracy (theirs) |\n| --- | --- | --- | --- |\n"
    for part, title in (("evaluation", "robust accuracy"), ("crafting", "crafting, all steps")):
        for kind in kinds:
            rows = dict(results[kind][part])
            ours = rows.pop("friendfoe")
            name = min(rows, key=lambda other: rows[other]["ratio"])
            reached = f"{ours['robust accuracy']:.2%} ({rows[name]['robust accuracy']:.2%})"
            text += f"| {title} | {kind} | **{rows[name]['ratio']:.2f}** {name} | {reached} |\n"
    return text


def table(rows: dict[str, Any], batch: dict[str, int]) -> str:
    text = "\n| library | batch | CPU seconds (range) | ratio | robust accuracy | forward | backward |\n"
    text += "| --- | --- | --- | --- | --- | --- | --- |\n"
    for name, row in rows.items():
        size = "own" if name.startswith("friendfoe") else batch[name]
        low, high = row["range"]
        text += f"| {name} | {size} | {row['seconds']:.2f} ({low:.2f} to {high:.2f}) | {row['ratio']:.2f} | "
        text += f"{row['robust accuracy']:.2%} | {row['forward']} | {row['backward']} |\n"
    return text


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
