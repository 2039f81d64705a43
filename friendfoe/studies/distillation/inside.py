"""The part of the report on what happens inside the networks."""

import pandas as pd

from friendfoe.report.study import StudyReport
from friendfoe.studies.distillation import drawings, inner_tables
from friendfoe.studies.distillation.evidence import lookup, over_temperature, students
from friendfoe.studies.distillation.settings import Settings
from friendfoe.studies.results import Results


def inside(
    study: Results[Settings],
    report: StudyReport,
    estimates: pd.DataFrame,
    values: pd.Series,
    rows: pd.DataFrame,
    note: str,
) -> None:
    """Write the sections on gradients, logits and distances, and fooling images.

    Args:
        study: the results.
        report: where they are written.
        estimates: over replicates.
        values: per replicate (`evidence.measured`).
        rows: published ones.
        note: the budget.
    """
    models = study.models
    report.heading("Gradients")
    shares = inner_tables.bin_shares(study.table("gradients"))
    images = len(study.table("gradients").query("model == @models[0] and replicate == 0"))
    amplitude = (
        f"Mean absolute derivative of the softmax's outputs by the features, of {images} test images, computed in "
        "log-space from the derivatives of the logits, so that none is lost; float32 ends at 1e-45, float64 at 1e-324."
    )
    report.table(inner_tables.gradients(estimates, shares, models, (amplitude, note)))
    report.figure("gradients", drawings.gradients(shares, models), amplitude, "Stacked bars: gradients shrink with T.")
    report.heading("Logits and distances")
    by_temperature = over_temperature(lookup(values), "distance", "cw-l2", students(models))
    correlation = by_temperature.T.corrwith(pd.Series(by_temperature.columns, by_temperature.columns, dtype=float))
    theirs_too = rows[rows["metric"] == "correlation"]["value"]
    told = f" (published: {theirs_too.iloc[0]:.2f})" if len(theirs_too) else ""
    budget = study.facts()["distances"]
    about = (
        "Mean absolute logit: the L1 norm over the number of classes, as we read the published number.",
        f"CW-L2: {budget['binary_search_steps']} searches of {budget['steps']} steps, on logits / T, from "
        f"{budget['images']} test images (those classified correctly); distances of the images as crafted.",
        f"Correlation of T with the mean distance, over the students: {correlation.mean():.2f} on average over "
        f"replicates{told}.",
    )
    report.table(inner_tables.distances(estimates, rows, study.data, models, (*about, note)))
    report.figure(
        "distances",
        drawings.distances(estimates, students(models)),
        " ".join(about),
        "Mean absolute logit, which grows with T, and the distance of adversarial images, which hardly does.",
    )
    report.heading("Fooling images")
    fooling = study.settings.fooling
    seen = (
        f"Uniform noise, {fooling.images} images per class, driven to the class by at most {fooling.steps} signed "
        f"gradient steps of {fooling.step:g}; as saved."
    )
    report.table(inner_tables.fooling(estimates, fooling.confidence, (seen, note)))
    report.figure(
        "fooling",
        drawings.fooling_gallery(study.arrays("fooling-gallery")["images"], study.table("fooling-gallery")),
        f"{seen} With the answers of replicate 0.",
        "Noise that the networks take for digits.",
    )
