"""What rounding perturbed images to 8 bits does to the accuracy."""

from collections.abc import Mapping
from itertools import product

import pandas as pd

from friendfoe.report.tables import Table
from friendfoe.studies.estimates import accuracies, over_replicates, shown

_SHOWN = {"float": "as crafted (float)", "uint8": "as saved (8 bits)", "difference": "difference"}


def rounding_table(
    evaluations: pd.DataFrame, models: Mapping[str, str], conditions: Mapping[str, str], notes: tuple[str, ...] = ()
) -> Table:
    """Accuracy before and after rounding, where a replicate differs.

    Args:
        evaluations: class-wise counts (`Results.evaluations`).
        models: model -> name, in the order of the rows.
        conditions: condition -> name, likewise.
        notes: below the table.
    """
    both = pd.DataFrame({pixels: accuracies(evaluations, pixels=pixels) for pixels in ("float", "uint8")}).dropna()
    both["difference"] = both["uint8"] - both["float"]
    differs = both["difference"].ne(0).groupby(level=["model", "condition"]).transform("any")
    estimates = pd.concat({name: over_replicates(both.loc[differs, name]) for name in _SHOWN}, names=["pixels"])
    keys = [key for key in product(models, conditions) if ("difference", *key) in estimates.index]
    cells = {title: [shown(estimates, name, *key, digits=4) for key in keys] for name, title in _SHOWN.items()}
    headings = [f"{models[model]}: {conditions[condition]}" for model, condition in keys]
    frame = pd.DataFrame(cells, index=pd.Index(headings, name="model: input images"))
    rest = "Everywhere else the two agree in every replicate." if keys else "Rounding changes no accuracy anywhere."
    caption = "Accuracy before and after rounding to 8 bits"
    return Table("rounding", caption, frame, estimates.reset_index(), (rest, *notes))
