"""The tables of the assistive study."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from friendfoe.report.tables import Table, estimate
from friendfoe.studies.assistive.settings import NAMES, Settings
from friendfoe.studies.comparison import comparison
from friendfoe.studies.estimates import accuracies, over_replicates
from friendfoe.studies.published import published
from friendfoe.studies.results import Results

LABEL_KNOWN = (
    "An assistive signal is computed from the true label, which must be known before perturbing: accuracy on assistive "
    "images says nothing about images of unknown class."
)
HALVES = ("clean-half", "assist-half")
CONDITIONS = {
    "assist-train": "assistive train",
    "clean": "clean test",
    "assist": "assistive test (crafted on A)",
    "assist-self": "assistive test (crafted on the model itself)",
    "attack": "attacked test (crafted on A)",
    "attack-self": "attacked test (crafted on the model itself)",
}


def budget(study: Results[Settings], facts: Mapping[str, Any]) -> str:
    """One sentence with what the numbers rest on."""
    height, width = facts["shape"][1:]
    networks = {_network(model["network"], model["parameters"]) for model in facts["models"].values()}
    epochs = {model["training"]["epochs"] for model in facts["models"].values()}
    replicates = facts["replicates"]
    return (
        f"Mean ± half the 95 % t interval over {replicates} replicate{'s' if replicates > 1 else ''} (independent seeds). "
        f"{study.data}: {facts['test_images']:,} test images of {height}×{width}; eps {facts['eps']:g}; "
        f"{' / '.join(sorted(networks))}, {' / '.join(map(str, sorted(epochs)))} epochs; images rounded to 8 bits."
    ).replace(",", " ", 0)


def models(study: Results[Settings], facts: Mapping[str, Any]) -> Table:
    """What every model was trained on, and for how long."""
    sizes = study.evaluations.query("condition == 'own-train' and replicate == 0").groupby("model")["n"].sum()
    rows = []
    for name in study.settings.models:
        model = facts["models"][name]
        training = model["training"]
        rows.append(
            {
                "model": NAMES.get(name, name),
                "recipe": name,
                "trained on": " + ".join(model["recipe"]["images"]),
                "images": int(sizes[name]),
                "network": _network(model["network"], model["parameters"]),
                "epochs": training["epochs"],
                "optimiser": f"{training['optimizer']}, {training['schedule']}, lr {training['learning_rate']:g}, "
                f"batch {training['batch']}",
            }
        )
    data = pd.DataFrame(rows)
    cells = data.set_index("model").astype({"images": str, "epochs": str})
    note = (
        f"{facts['replicates']} replicates: independent seeds of weights and order; replicate r is trained on signals "
    )
    return Table("models", "Models", cells, data, (note + "from replicate r of A.",))


def table_1(study: Results[Settings], note: str) -> Table:
    """Accuracy of A, B, C (both readings) and any further model under all conditions."""
    columns = {name: NAMES.get(name, name) for name in study.settings.models if name not in HALVES}
    return comparison(
        "table-1",
        "Accuracy by training images (models) and input images",
        over_replicates(accuracies(study.evaluations)),
        _published("table 1", also={"mixed-matched": "mixed"}, readings={"attack-self": "attack"}),
        data=study.data,
        rows=CONDITIONS,
        columns=columns,
        notes=(
            LABEL_KNOWN,
            "The article does not say whether C saw all images of both kinds (C) or half of each (C (half)), nor whether "
            "the attacked images were crafted on A or on the model itself: its numbers stand beside both readings.",
            note,
        ),
    )


def table_2(study: Results[Settings], note: str) -> Table:
    """Accuracy of A′ and B′, trained on half as many images."""
    return comparison(
        "table-2",
        "Half the training images: does an assistive image teach more?",
        over_replicates(accuracies(study.evaluations)),
        _published("table 2"),
        data=study.data,
        rows={"own-train": "train (of its own kind)", "clean": "clean test"},
        columns={name: NAMES[name] for name in HALVES},
        notes=(
            f"A′ and B′ take the same half of the training images. For B′ they carry the signal. {LABEL_KNOWN}",
            note,
        ),
    )


def rounding(study: Results[Settings]) -> Table:
    """Accuracy before and after rounding to 8 bits, where that changes anything."""
    both = {pixels: accuracies(study.evaluations, pixels=pixels) for pixels in ("float", "uint8")}
    frame = pd.DataFrame(both).dropna()
    frame["difference"] = frame["uint8"] - frame["float"]
    differ = [key for key, part in frame.groupby(level=["model", "condition"], sort=False) if part["difference"].any()]
    records, rows, heads = [], [], []
    for model, condition in differ:
        part = frame.loc[(model, condition)]
        heads.append(f"{NAMES.get(model, model)}, {CONDITIONS.get(condition, condition)}")
        row = {}
        for column in ("float", "uint8", "difference"):
            estimates = over_replicates(
                part[column].rename_axis("replicate").to_frame().assign(of=column).set_index("of", append=True)[column]
            )
            mean, low, high = estimates.loc[column, ["mean", "low", "high"]]
            row[column] = estimate(mean, low, high)
            records.append(
                {"model": model, "condition": condition, "pixels": column, "mean": mean, "low": low, "high": high}
            )
        rows.append((row["float"], row["uint8"], row["difference"]))
    columns = ["as crafted (float)", "as saved (8 bits)", "difference"]
    cells = pd.DataFrame(rows, columns=columns, index=pd.Index(heads, name="model, input images"))
    data = pd.DataFrame(records, columns=["model", "condition", "pixels", "mean", "low", "high"])
    note = (
        "Everywhere else the two agree in every replicate." if differ else "Nowhere does rounding change an accuracy."
    )
    return Table("rounding", "Accuracy before and after rounding to 8 bits", cells, data, (note, LABEL_KNOWN))


def _network(network: Mapping[str, Any], parameters: int) -> str:
    kind = {"cnn": "CNN, width {width}", "mlp": "MLP, {hidden}", "torchvision": "{name}"}[network["kind"]]
    return f"{kind.format(**network)} ({parameters:,} weights)"


def _published(table: str, also: Mapping[str, str] = {}, readings: Mapping[str, str] = {}) -> pd.DataFrame:
    """The published rows of a table, standing under every reading of an ambiguous model or condition."""
    rows = published("assistive")
    rows = rows[rows["table"] == table]
    for column, copies in (("model", also), ("condition", readings)):
        for copy, original in copies.items():
            rows = pd.concat([rows, rows[rows[column] == original].assign(**{column: copy})])
    return rows
