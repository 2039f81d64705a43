"""The sections in results/ as a page: `python -m benchmarks.report [folder]`."""

import json
import statistics
import sys
from pathlib import Path
from typing import Any

from benchmarks.networks import KINDS, NETWORKS

ABOUT = """\
# Attacks beside other libraries

{summary}
How many times faster than the fastest of foolbox, ART and torchattacks; in brackets what that one reaches.
{counted}

`make bench` (with `FRIENDFOE_DATA` set to where FashionMNIST/raw and cifar-10-batches-py lie) makes an environment of
its own, trains the networks, measures what was not measured in its setting yet and writes this page. Trainings are
short, since it is speed that is measured: a weaker network falls sooner, and gains more from stopping early. SGD with
momentum, batches of 100, 2 epochs of the first 10 000 training images (3000 for the two residual networks);
adversarial training is 2 more epochs from there, on a step of FGSM from a random start (`benchmarks/networks.py`).

Time is CPU time of one thread, because it hardly depends on what else the machine does; the libraries take turns, and a
ratio is the median of the ratios within replicates: how many times longer a library takes than friendfoe. Each library
runs at its fastest batch size (of 16 to 512, as far as there are images). Passes are counted in images.

bfloat16 is the precision of friendfoe's gradients (`precision: bfloat16`); what was crafted is judged in float32.
Crafting is all steps for all images, and gives the image of the last step, as in the other libraries. Of robust
accuracy friendfoe knows as soon as a step fools the model, and works no more on that image; with the others one crafts
everything and predicts.

Measured on {machine}.
"""
PGD = """
## {network}, {training} training

{data}, {images} test images, clean accuracy {clean accuracy:.1%}; PGD-{steps}, linf, eps {eps:.4g}, step eps / 4,
random start; replicates: {setting[replicates]}; {date}, commit {setting[code]}.

CPU seconds (range) and ratios of crafting, then of robust accuracy, whose passes are counted.

| library | batch | crafting | ratio | evaluation | ratio | robust accuracy | forward | backward |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""
AUTOATTACK = """
## AutoAttack: {title}, verdicts of the reference implementation

{images} images; the standard attacks (APGD-CE, APGD-T, FAB-T, Square) with {queries} queries for Square; {date}, commit
{setting[code]}.

| network | training | norm | eps | library | robust accuracy | CPU seconds | ratio | forward | backward |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""
FLOOR = """
## The floor of crafting in float32

A gradient of {network} for its images takes {gigaflops} gigaflops, forward and back; in a product of large matrices one
thread computes {peak} a second, which makes {least:.1f} ms an image. So only arithmetic that is not direct convolution
could gain a multiple. Ways to compute the same, equal but for rounding; {images} images at once, in turns; {date},
commit {setting[code]}:

| way | CPU milliseconds an image (range) | times faster than plain | largest difference, of the largest slope |
| --- | --- | --- | --- |
"""
CW = """
## Carlini & Wagner, L2, with early abort

{images} images; {search[steps]} steps for each of {search[binary_search_steps]} weights; replicates:
{setting[replicates]}; {date}, commit {setting[code]}. friendfoe ends each image's search
by itself, foolbox that of the batch.

| network | training | library | mean distance | fooled | CPU seconds (range) | ratio | backward |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""
JSMA = """
## JSMA

{images} images, for each of which both have the same target and may set {share:.1%} of the features to 1; replicates:
{setting[replicates]}; {date}, commit {setting[code]}. ART sets the two features by which the target's logit rises most,
friendfoe the pair that the saliency map of the paper puts first, of the softmax or of the logits.

| network | training | library | succeed | features changed (mean, most) | CPU seconds (range) | ratio | backward |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""
TRAINING = """
## Training: AdvProp beside vanilla training

An epoch with K attack steps, in epochs of vanilla training; it may cost K + 2.5: K forward and backward passes for the
images, two for the losses, and half of one for all else. `python -m benchmarks.training`; {date}, commit {code},
{replicates} replicates, CPU time of one thread. The backward pass for images is the cheaper one.

| network | batch | K | CPU seconds of an epoch (range) | ratio (range) | at most |
| --- | --- | --- | --- | --- | --- |
"""
LOW = "friendfoe, bfloat16"
Measures = dict[str, dict[str, Any]]
"""Of each library: seconds of every replicate, robust accuracy, passes."""


def write(folder: Path) -> None:
    files = sorted((folder / "results").glob("*.json"))
    (folder / "README.md").write_text(page({file.stem: json.loads(file.read_text()) for file in files}))


def page(sections: dict[str, dict[str, Any]]) -> str:
    races = [section for section in sections.values() if "crafting" in section]
    machines = "; ".join(dict.fromkeys(machine(race) for race in races))
    text = ABOUT.format(summary=summary(races), counted=counted(races, [*sections]), machine=machines)
    text += "".join(PGD.format(**race) + table(race) for race in races)
    parts = {"autoattack": autoattack, "autoattack-resnet18": autoattack, "cw": cw, "jsma": jsma}
    parts |= {"floor": floor, "training": training}
    for name, part in parts.items():
        text += part(sections[name]) if name in sections else ""
    return text


def counted(races: list[dict[str, Any]], measured: list[str]) -> str:
    """What the ratios rest on, and what is not among them."""
    replicates = sorted({race["setting"]["replicates"] for race in races})
    several = " or ".join(map(str, replicates))
    text = f"\nEach is of {several} replicate{'s' * (replicates != [1])}"
    text += ", so that nothing says how far it may be off." if replicates == [1] else "."
    every = [
        *(f"{name}-{kind}" for name in NETWORKS for kind in KINDS),
        "cw",
        "autoattack",
        "autoattack-resnet18",
        "jsma",
    ]
    missing = [name for name in every if name not in measured]
    return text + f" Not measured yet: {', '.join(missing)}." * bool(missing)


def machine(section: dict[str, Any]) -> str:
    about = section["setting"]
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    bfloat16 = "with" if about["bfloat16"] else "without"
    return (
        f"{about['cpu']}, {about['cores']} cores, {about['instructions']}, {bfloat16} bfloat16 arithmetic; {versions}"
    )


def summary(races: list[dict[str, Any]]) -> str:
    """How much faster friendfoe is than the fastest of the others, and what both reach."""
    columns = "robust accuracy by PGD-20, times | bfloat16 | crafting, times | bfloat16 | robust accuracy"
    text = f"| network | training | {columns} |\n| --- | --- | --- | --- | --- | --- | --- |\n"
    for race in races:
        cells = []
        for part in ("evaluation", "crafting"):
            rows: Measures = race[part]
            fastest = min(others(rows), key=lambda other: ratio(rows, other))
            cells += [f"{ratio(rows, fastest):.2f}", f"{ratio(rows, fastest, LOW):.2f}"]
        rows = race["evaluation"]
        own, low, other = (f"{rows[name]['robust accuracy']:.1%}" for name in ("friendfoe", LOW, fastest))
        text += f"| {race['network']} | {race['training']} | {' | '.join(cells)} | {own}, {low} ({other}) |\n"
    return text


def others(rows: Measures) -> list[str]:
    return [name for name in rows if not name.startswith("friendfoe")]


def ratio(rows: Measures, library: str, yardstick: str = "friendfoe") -> float:
    """How many times longer a library takes than another: the median over the replicates."""
    pairs = zip(rows[library]["seconds"], rows[yardstick]["seconds"], strict=True)
    return statistics.median(seconds / unit for seconds, unit in pairs)


def table(race: dict[str, Any]) -> str:
    text = ""
    for name, row in race["evaluation"].items():
        size = "own" if name.startswith("friendfoe") else race["batch"][name]
        times = (
            f"{spread(race[part][name]['seconds'])} | {ratio(race[part], name):.2f}"
            for part in ("crafting", "evaluation")
        )
        text += f"| {name} | {size} | {' | '.join(times)} | {row['robust accuracy']:.1%} | "
        text += f"{row['forward']} | {row['backward']} |\n"
    return text


def autoattack(result: dict[str, Any]) -> str:
    title = ", ".join(dict.fromkeys(case["network"] for case in result["cases"]))
    text = AUTOATTACK.format(title=title, **result)
    for case in result["cases"]:
        for name in ("friendfoe", "pyautoattack"):
            row = case[name]
            text += f"| {case['network']} | {case['training']} | {case['norm']} | {case['eps']:.4g} | {name} | "
            text += f"{row['robust accuracy']:.1%} | {row['seconds']:.1f} | "
            text += f"{row['seconds'] / case['friendfoe']['seconds']:.2f} | {row['forward']} | {row['backward']} |\n"
    differing = sum(case["verdicts that differ"] for case in result["cases"])
    text += f"\nVerdicts that differ between the two: {differing} of {result['images'] * len(result['cases'])}.\n"
    return text + (
        "Where images withstand, both ask the network about equally often: of a large one its own passes are most\n"
        "of the time (the floor, below).\n"
    )


def cw(result: dict[str, Any]) -> str:
    text = CW.format(**result)
    for case in result["cases"]:
        rows = {name: case[name] for name in ("friendfoe", "foolbox")}
        for name, row in rows.items():
            text += (
                f"| {case['network']} | {case['training']} | {name} | {row['distance']:.4f} | {row['fooled']:.1%} | "
            )
            text += f"{spread(row['seconds'])} | {ratio(rows, name):.2f} | {row['backward']} |\n"
    return text


def jsma(result: dict[str, Any]) -> str:
    text = JSMA.format(**result)
    for case in result["cases"]:
        rows = {name: row for name, row in case.items() if isinstance(row, dict)}
        for name, row in rows.items():
            text += f"| {case['network']} | {case['training']} | {name} | {row['reached']:.1%} | "
            text += f"{row['changed']:.1f}, {row['most']} | {spread(row['seconds'])} | {ratio(rows, name):.2f} | "
            text += f"{row['backward']} |\n"
    return text


def floor(result: dict[str, Any]) -> str:
    text = FLOOR.format(**result, least=1000 * result["gigaflops"] / result["peak"])
    usual = result["ways"]["plain"]["milliseconds"]
    for name, row in result["ways"].items():
        gain = statistics.median(plain / own for plain, own in zip(usual, row["milliseconds"], strict=True))
        text += f"| {name} | {spread(row['milliseconds'])} | {gain:.2f} | {row['difference']:.1e} |\n"
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
    middle = f"{statistics.median(values):.2f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.2f} to {max(values):.2f})"


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
