"""Draw friend-and-foe.png, the picture of README.md, from a network of the assistive study on Fashion-MNIST.

Run from the root of the project, after
`dvc repro pipelines/assistive/dvc.yaml:train@fashion_mnist-clean`: `python docs/friend_and_foe.py`.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from torch import Tensor

from friendfoe import runtime
from friendfoe.attacks import Goal, Threat, fgsm
from friendfoe.diagnosis.data import read
from friendfoe.models.weights import load

WEIGHTS = Path("models/fashion_mnist/assistive/clean/replicate-0.safetensors")
THREAT = Threat("linf", 0.1)
ITEMS = ["Shirt", "Sandal", "Bag"]
FRIEND, FOE, PLAIN = "#1a7f5a", "#c0392b", "#444444"


def main() -> None:
    """Craft, choose three images, and draw."""
    network, data = load(WEIGHTS), read("fashion_mnist", runtime.data_root())
    clean, labels = data.images.float() / 255, data.labels
    foe = fgsm(network, clean, labels, threat=THREAT)
    friend = fgsm(network, clean, labels, threat=THREAT, goal=Goal.FRIEND)
    with torch.no_grad():
        chances = {name: network(x).softmax(1) for name, x in (("foe", foe), ("clean", clean), ("friend", friend))}
    right = {name: of.argmax(1) == labels for name, of in chances.items()}
    truth = {name: of.gather(1, labels[:, None]).squeeze(1) for name, of in chances.items()}
    # the first of each class that the network knows, though not for sure, so that a friend has something to add
    shown = right["clean"] & ~right["foe"] & right["friend"] & (truth["clean"] < 0.9)
    rows = [(shown & (labels == data.classes.index(item))).nonzero()[0].item() for item in ITEMS]

    plt.rcParams.update({"font.size": 9, "font.family": "DejaVu Sans"})
    figure, grid = plt.subplots(
        len(rows), 6, figsize=(9.6, 5.2), width_ratios=[1, 1, 1, 1, 1, 1.25], layout="constrained"
    )
    heads = ["foe", "foe − clean", "clean", "friend − clean", "friend"]
    colours = [FOE, FOE, PLAIN, FRIEND, FRIEND]
    for line, row in zip(grid, rows, strict=True):
        said = {name: of[row].max(0) for name, of in chances.items()}
        _image(line[0], foe[row], data.classes, said["foe"], FOE)
        _change(line[1], foe[row] - clean[row])
        _image(line[2], clean[row], data.classes, said["clean"], PLAIN)
        _change(line[3], friend[row] - clean[row])
        _image(line[4], friend[row], data.classes, said["friend"], FRIEND)
    for axes, head, colour in zip(grid[0], heads, colours, strict=False):
        axes.set_title(head, color=colour, fontweight="bold")
    for axes in grid[:, 5]:
        axes.remove()
    bars = figure.add_subplot(grid[0, 5].get_gridspec()[:, 5])
    shares = [right[name].float().mean().item() for name in ("foe", "clean", "friend")]
    for place, bar in enumerate(bars.bar(["foe", "clean", "friend"], shares, color=[FOE, PLAIN, FRIEND], width=0.62)):
        bars.annotate(f"{shares[place]:.1%}", (place, bar.get_height()), ha="center", va="bottom", fontweight="bold")
    bars.set_ylim(0, 1.1)
    bars.set_yticks([])
    bars.spines[["top", "right", "left"]].set_visible(False)
    bars.set_title(f"accuracy,\n{len(labels):,} test images".replace(",", " "), color=PLAIN)
    figure.savefig(Path(__file__).with_name("friend-and-foe.png"), dpi=110, facecolor="white")


def _image(axes: Axes, image: Tensor, classes: list[str], said: tuple[Tensor, Tensor], colour: str) -> None:
    """An image, and below it what the network says of it."""
    axes.imshow(image[0], cmap="gray", vmin=0, vmax=1)
    axes.set_xlabel(f"“{classes[int(said[1])]}” {float(said[0]):.0%}", color=colour)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def _change(axes: Axes, change: Tensor) -> None:
    """A perturbation: blue where pixels are darker, red where they are lighter."""
    axes.imshow(change[0], cmap="coolwarm", vmin=-3 * THREAT.eps, vmax=3 * THREAT.eps)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


main()
