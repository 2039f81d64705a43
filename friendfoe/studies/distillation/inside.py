"""What happens inside the networks: the sections on gradients, logits and distances, and fooling images."""

from itertools import pairwise

import pandas as pd

from friendfoe.studies.distillation import drawings
from friendfoe.studies.distillation.names import ENDS, temperature
from friendfoe.studies.distillation.page import DistillationPage, labels
from friendfoe.studies.tables import Comparison, sheet

BINS = (-324, -45, -30, -20, -10, -5, -3)  # decimal exponents; at the first two float64 and float32 end


def gradients(page: DistillationPage) -> None:
    """How large the gradients of the softmax are."""
    models, table = page.models, page.study.table("gradients")
    shares = bin_shares(table).loc[models]
    images = len(table.query("model == @models[0] and replicate == 0"))
    about = (
        f"Mean absolute derivative of the softmax's outputs by the features, of {images} test images, computed in "
        "log-space from the derivatives of the logits, so that none is lost; float32 ends at 1e-45, float64 at 1e-324."
    )
    cells = {"median of log10": page.column("median", "gradient", models, 1)}
    cells |= {str(name): [f"{share:.3f}" for share in shares[name]] for name in shares.columns}
    caption = "Amplitude of the softmax's gradient at T = 1: share of images by powers of ten"
    page.table(sheet("gradients", caption, "network", labels(models), cells, shares.reset_index(), about))
    figure = drawings.gradients(shares, models)
    page.report.figure("gradients", figure, about, "Stacked bars: gradients shrink with T.")


def bin_shares(gradients: pd.DataFrame) -> pd.DataFrame:
    """The share of images by amplitude of the gradient: a row per model, a column per bin, smallest first."""
    edges = [float("-inf"), *BINS, float("inf")]
    between = [f"1e{low} to 1e{high}" for low, high in pairwise(BINS)]
    names = [f"< 1e{BINS[0]}", *between, f"≥ 1e{BINS[-1]}"]
    bins = pd.cut(gradients["log10"], edges, labels=names, right=False)
    return pd.crosstab(gradients["model"], bins, normalize="index", dropna=False)


def distances(page: DistillationPage) -> None:
    """Size of the logits, and the least change that CW-L2 needs."""
    models, published, budget = page.models, page.published, page.facts["distances"]
    by_temperature = pd.DataFrame(
        {temperature(model): page.measurements("distance", model, "cw-l2") for model in page.students}
    )
    correlation = by_temperature.T.corrwith(pd.Series(by_temperature.columns, by_temperature.columns, dtype=float))
    known = published[published["metric"] == "correlation"]["value"]
    beside = f" (published: {known.iloc[0]:.2f})" if len(known) else ""
    about = (
        "Mean absolute logit: the L1 norm over the number of classes, as we read the published number.",
        f"CW-L2: {budget['binary_search_steps']} searches of {budget['steps']} steps, on logits / T, from "
        f"{budget['images']} test images (those classified correctly); distances of the images as crafted.",
        f"Correlation of T with the mean distance, over the students: {correlation.mean():.2f} on average over "
        f"replicates{beside}.",
    )
    comparison = Comparison(page.estimates, {page.source: published})
    for metric, condition, title, digits in (
        ("logits", "clean", "mean absolute logit", 1),
        ("success", "cw-l2", "CW-L2: success", 3),
        ("distance", "cw-l2", "CW-L2: mean distance", 3),
    ):
        keys = [(metric, model, condition) for model in models]
        comparison.add(title, keys, digits=digits, published_digits=digits)
    caption = "What distillation does: larger logits; and what it does not: farther adversarial images"
    data = page.data(["logits", "success", "distance"], models, published=True)
    page.table(comparison.sheet("distances", caption, "network", labels(models), data, *about))
    page.report.figure(
        "distances",
        drawings.distances(page.estimates, page.students),
        " ".join(about),
        "Mean absolute logit, which grows with T, and the distance of adversarial images, which hardly does.",
    )


def fooling(page: DistillationPage) -> None:
    """How much noise is taken for a class, before and after it is driven there."""
    settings = page.study.settings.fooling
    about = (
        f"Uniform noise, {settings.images} images per class, driven to the class by at most {settings.steps} signed "
        f"gradient steps of {settings.step:g}; as saved."
    )
    cells = {
        "noise as it is": page.column("before", "fooling", ENDS),
        "driven to a class": page.column("after", "fooling", ENDS),
    }
    caption = f"Fooling images: share of noise images with a confidence above {settings.confidence:.0%}"
    data = page.data(["before", "after"], ENDS)
    page.table(sheet("fooling", caption, "network", labels(ENDS), cells, data, about))
    page.report.figure(
        "fooling",
        drawings.fooling_gallery(*page.study.gallery("fooling-gallery")),
        f"{about} With the answers of replicate 0.",
        "Noise that the networks take for digits.",
    )
