"""results.json as a page: `python -m benchmarks.report [folder]`."""

import json
import statistics
import sys
from pathlib import Path
from typing import Any

ABOUT = """\
# Attacks beside other libraries

{summary}
How many times faster than the fastest of foolbox, ART and torchattacks; in brackets what that one reaches.

`make bench` (with `FRIENDFOE_DATA` set to where FashionMNIST/raw lies) makes an environment of its own, trains two
networks, runs the comparison and writes this page.

Measured {date} (commit {code}) on {cpu}, {cores} cores, {instructions}, {bfloat16} bfloat16 arithmetic;
{replicates} replicates, {images} test images of Fashion-MNIST. {attack}.
{versions}.

Time is CPU time of one thread, because it hardly depends on what else the machine does; the libraries take turns, and a
ratio is the median of the ratios within replicates: how many times longer a library takes than friendfoe. Each library
runs at its fastest batch size (of 64, 128, 256, 512). Passes are counted in images.

bfloat16 is the precision of friendfoe's gradients (`precision: bfloat16`); what was crafted is judged in float32.
"""
CRAFTING = """
## Crafting: {title}

All steps for all images; the image of the last step, as in the other libraries.
"""
EVALUATION = """
## Robust accuracy: {title}

friendfoe stops working on a sample once it has fallen, and counts it as fallen if any step fooled the model; with the
others one crafts everything and predicts.
"""
AUTOATTACK = """
## AutoAttack: verdicts of the reference implementation

{images} images; the standard attacks (APGD-CE, APGD-T, FAB-T, Square) with {queries} queries for Square.

| network | norm | eps | library | robust accuracy | CPU seconds | ratio | forward | backward |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""
TRAINING = """
## Training: AdvProp beside vanilla training

An epoch with K attack steps, in epochs of vanilla training; it may cost K + 2.5: K forward and backward passes for the
images, two for the losses, and half of one for all else. `python -m benchmarks.training`; {date}, commit {code},
{replicates} replicates, CPU time of one thread. The backward pass for images is the cheaper one.

| network | batch | K | CPU seconds of an epoch (range) | ratio (range) | at most |
| --- | --- | --- | --- | --- | --- |
"""
PARTS = {"evaluation": ("robust accuracy", EVALUATION), "crafting": ("crafting, all steps", CRAFTING)}
Measures = dict[str, dict[str, Any]]
"""Of each library: seconds of every replicate, robust accuracy, passes."""


def write(folder: Path) -> None:
    results = json.loads((folder / "results.json").read_text())
    (folder / "README.md").write_text(page(results))


def page(results: dict[str, Any]) -> str:
    about = results["setting"]
    titles = {
        "standard": "standard network",
        "adversarial": "adversarially trained network",
        "all cores": f"adversarially trained network, {about['cores']} threads, seconds on the clock",
    }
    titles = {kind: title for kind, title in titles.items() if kind in results}
    text = ABOUT.format(
        **about
        | {
            "summary": summary(results, titles),
            "bfloat16": "with" if about["bfloat16"] else "without",
            "versions": ", ".join(f"{name} {number}" for name, number in about["versions"].items()),
        }
    )
    for kind, title in titles.items():
        result = results[kind]
        clock = "seconds" if kind == "all cores" else "CPU seconds"
        for part, (_, heading) in PARTS.items():
            with_clean = f"{title} (clean accuracy {result['clean accuracy']:.1%})"
            text += heading.format(title=with_clean) + table(result[part], result["batch"], clock)
    if "autoattack" in results:
        text += autoattack(results["autoattack"])
    if "training" in results:
        text += training(results["training"])
    return text


def summary(results: dict[str, Any], titles: dict[str, str]) -> str:
    """How much faster friendfoe is than the fastest of the others, and what both reach."""
    text = "| PGD-20 | network | float32 | bfloat16 | robust accuracy |\n| --- | --- | --- | --- | --- |\n"
    for part, (name, _) in PARTS.items():
        for kind, title in titles.items():
            rows: Measures = results[kind][part]
            fastest = min(others(rows), key=lambda other: ratio(rows, other))
            low = "friendfoe, bfloat16"
            faster = [ratio(rows, fastest), ratio(rows, fastest, low) if low in rows else None]
            cells = " | ".join("–" if value is None else f"**{value:.2f}**" for value in faster)
            accuracies = [rows[row]["robust accuracy"] for row in ("friendfoe", low, fastest) if row in rows]
            *own, other = (f"{value:.2%}" for value in accuracies)
            text += f"| {name} | {title} | {cells} | {', '.join(own)} ({other}) |\n"
    return text


def others(rows: Measures) -> list[str]:
    return [name for name in rows if not name.startswith("friendfoe")]


def ratio(rows: Measures, library: str, yardstick: str = "friendfoe") -> float:
    """How many times longer a library takes than another: the median over the replicates."""
    pairs = zip(rows[library]["seconds"], rows[yardstick]["seconds"], strict=True)
    return statistics.median(seconds / unit for seconds, unit in pairs)


def table(rows: Measures, batch: dict[str, int], clock: str) -> str:
    text = f"\n| library | batch | {clock} (range) | ratio | robust accuracy | forward | backward |\n"
    text += "| --- | --- | --- | --- | --- | --- | --- |\n"
    for name, row in rows.items():
        seconds = row["seconds"]
        size = "own" if name.startswith("friendfoe") else batch[name]
        text += f"| {name} | {size} | {statistics.median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f}) | "
        text += f"{ratio(rows, name):.2f} | {row['robust accuracy']:.2%} | {row['forward']} | {row['backward']} |\n"
    return text


def autoattack(result: dict[str, Any]) -> str:
    text = AUTOATTACK.format(**result)
    for case in result["cases"]:
        for name in ("friendfoe", "pyautoattack"):
            row = case[name]
            text += f"| {case['network']} | {case['norm']} | {case['eps']} | {name} | {row['robust accuracy']:.1%} | "
            text += f"{row['seconds']:.1f} | {row['seconds'] / case['friendfoe']['seconds']:.2f} | "
            text += f"{row['forward']} | {row['backward']} |\n"
    return text


def training(result: dict[str, Any]) -> str:
    text = TRAINING.format(**result)
    for case in result["cases"]:
        vanilla = case["seconds"]["vanilla"]
        for name, seconds in case["seconds"].items():
            steps = "vanilla" if name == "vanilla" else name.split()[0]
            times = [value / unit for value, unit in zip(seconds, vanilla, strict=True)]
            limit = "–" if name == "vanilla" else f"{int(steps) + 2.5}"
            text += (
                f"| {case['network']} | {case['batch']} | {steps} | {spread(seconds)} | {spread(times)} | {limit} |\n"
            )
    return text


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
