"""What the numbers of a report rest on: images, replicates, networks and epochs, as the weights files say."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pandas as pd

from friendfoe.report.tables import Table


def budget(data: str, facts: Mapping[str, Any], pixels: str = "perturbed images rounded to 8 bits") -> str:
    """What stands below every table: a sentence, and what has to be known of this data set.

    `pixels` says on which images accuracies are counted.
    """
    height, width = facts["shape"][1:]
    models = facts["models"].values()
    networks = sorted({network(model) for model in models})
    epochs = sorted({model["job"]["training"]["epochs"] for model in models if not _is_given(model)})
    replicates = facts["replicates"]
    seeds = f"{replicates} replicates (independent seeds); mean ± half the 95 % interval"
    remarks = [facts["remark"] or "", *facts["notes"]]
    return (
        f"{data}: {seeds if replicates > 1 else 'one replicate, so that there is no interval'}; "
        f"{facts['test_images']} test images of {height}×{width}; eps {facts['eps']:g}; {' / '.join(networks)}; "
        f"{_epochs(epochs)}{pixels}. {' '.join(remarks)}".strip()
    )


def model_table(
    facts: Mapping[str, Any],
    names: Mapping[str, str],
    images: Mapping[str, int] | int,
    stopped: Mapping[str, int] = MappingProxyType({}),
) -> Table:
    """What every model was trained on, and for how long.

    By model: what the source calls it, the number of training images (or that of all models), and the epochs that it
    was trained for where these may be fewer than its budget (`stopped`).
    """
    rows = []
    for name, model in facts["models"].items():
        training = model["job"]["training"]
        rows.append(
            {
                "model": names.get(name, name),
                "recipe": name,
                "trained on": " + ".join(model["job"]["images"]),
                "images": images if isinstance(images, int) else images[name],
                "network": network(model),
                "epochs": stopped.get(name, training["epochs"]),
                "optimiser": f"{training['optimizer']}, {training['schedule']}, learning rate "
                f"{training['learning_rate']:g}, batch {training['batch']}",
            }
        )
        if _is_given(model):
            rows[-1] |= dict.fromkeys(("trained on", "images", "epochs", "optimiser"), "given")
    data = pd.DataFrame(rows)
    cells = data.set_index("model").astype({"images": str, "epochs": str})
    note = f"{facts['replicates']} replicates of each, which differ in their seed alone."
    return Table("models", "Models", cells, data, (note,))


def _epochs(numbers: list[int]) -> str:
    """Epochs of training, and what separates them from what follows; nothing where nothing is trained."""
    return f"{' / '.join(map(str, numbers))} epoch{'s' * (numbers != [1])}; " if numbers else ""


def _is_given(model: Mapping[str, Any]) -> bool:
    """Whether a model was trained elsewhere."""
    return bool(model["job"].get("method", {}).get("method") == "given")


def network(model: Mapping[str, Any]) -> str:
    """A model's network in a few words."""
    return f"{model['network']} ({model['parameters']} weights)"
