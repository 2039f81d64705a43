"""What happens inside the networks: the sections on gradients, logits and distances, and fooling images."""

from itertools import pairwise

import numpy as np
import pandas as pd

from friendfoe.studies.distillation import drawings
from friendfoe.studies.distillation.names import ENDS, NORMS, label, retrained, students, temperature
from friendfoe.studies.distillation.settings import Settings
from friendfoe.studies.page import Page
from friendfoe.studies.tables import Comparison, sheet

BINS = (-324, -45, -30, -20, -10, -5, -3)  # decimal exponents; at the first two float64 and float32 end


def gradients(page: Page[Settings]) -> None:
    """How large the gradients of the softmax are."""
    models, outcomes = page.models, page.evidence.outcomes
    shares = bin_shares(
        pd.concat(
            pd.DataFrame({"model": model, "log10": outcomes["log10", model, "gradient"].values.ravel()})
            for model in models
        )
    ).loc[models]
    images = len(outcomes["log10", models[0], "gradient"].samples)
    about = (
        f"Mean absolute derivative of the softmax's outputs by the features, of {images} test images, computed in "
        "log-space from the derivatives of the logits, so that none is lost; float32 ends at 1e-45, float64 at 1e-324.",
        "Zero in float32: the images for which an attacker who differentiates the softmax as it is finds nothing but "
        "zeros; median of the rest: of all others.",
    )
    cells = {
        "mean of log10": page.column("log10", "gradient", models, 1),
        "zero in float32": page.column("vanished", "gradient", models),
        "median of the rest": page.column("median", "gradient", models, 1),
    }
    cells |= {str(name): [f"{share:.3f}" for share in shares[name]] for name in shares.columns}
    caption = "Amplitude of the softmax's gradient at T = 1: share of images by powers of ten"
    data = page.data(["log10", "vanished", "median"], models).merge(shares.reset_index(), on="model")
    page.table(sheet("gradients", caption, "network", map(label, models), cells, data, *about))
    figure = drawings.gradients(shares, models)
    page.report.figure("gradients", figure, " ".join(about), "Stacked bars: gradients shrink with T.")


def bin_shares(gradients: pd.DataFrame) -> pd.DataFrame:
    """The share of images by amplitude of the gradient: a row per model, a column per bin, smallest first."""
    edges = [float("-inf"), *BINS, float("inf")]
    between = [f"1e{low} to 1e{high}" for low, high in pairwise(BINS)]
    names = [f"< 1e{BINS[0]}", *between, f"≥ 1e{BINS[-1]}"]
    bins = pd.cut(gradients["log10"], edges, labels=names, right=False)
    return pd.crosstab(gradients["model"], bins, normalize="index", dropna=False)


def distances(page: Page[Settings]) -> None:
    """Size of the logits, and the least change that Carlini & Wagner's attacks need."""
    models, published, budget = page.models, page.published, page.facts["distances"]
    about = (
        "Mean absolute logit: the L1 norm over the number of classes, as we read the published number.",
        f"CW-L2: {budget['l2']['binary_search_steps']} searches of {budget['l2']['steps']} steps, on logits / T, from "
        f"{budget['images']} test images (those classified correctly); distances of the images as crafted. CW-L0 and "
        "CW-Linf likewise, on the undistilled network and at T = 100 alone; L0 counts pixels.",
        _correlation(page),
    )
    comparison = Comparison(page.estimates, {page.source: published})
    columns = [("logits", "clean", "mean absolute logit", 1)]
    for norm, title in NORMS.items():
        columns += [
            ("success", norm, f"CW-{title}: success", 3),
            ("distance", norm, f"CW-{title}: mean distance", 1 if norm == "cw-l0" else 3),
        ]
    for metric, condition, title, digits in columns:
        keys = [(metric, model, condition) for model in models]
        comparison.add(title, keys, digits=digits, published_digits=digits)
    caption = "What distillation does: larger logits; and what it does not: farther adversarial images"
    data = page.data(["logits", "success", "distance"], models, published=True)
    page.table(comparison.sheet("distances", caption, "network", map(label, models), data, *about))
    page.report.figure(
        "distances",
        drawings.distances(page.estimates, students(models)),
        " ".join(about),
        "Mean absolute logit, which grows with T, and the distance of adversarial images, which hardly does.",
    )


def _correlation(page: Page[Settings]) -> str:
    """Of temperature and distance; over a few temperatures, which is to be said."""
    hot = students(page.models)
    at = np.array([temperature(model) for model in hot], dtype=float)
    far = np.stack([page.evidence("distance", model, "cw-l2").values for model in hot])
    if len(at) < 3 or not np.isfinite(far).all():
        return "A correlation of T with the mean distance needs three temperatures."
    each = np.array([np.corrcoef(at, column)[0, 1] for column in far.T])
    known = page.published[page.published["metric"] == "correlation"]["value"]
    beside = f"; published: {known.iloc[0]:.2f}" if len(known) else ""
    return (
        f"Correlation of T with the mean distance over {len(at)} temperatures: {each.mean():.2f} on average over "
        f"replicates, from {each.min():.2f} to {each.max():.2f}{beside}."
    )


def fooling(page: Page[Settings]) -> None:
    """How much noise is taken for a class, before and after it is driven there, and after that was learned."""
    settings = page.study.settings.fooling
    about = (
        f"Uniform noise, {settings.images} images per class, driven to the class by at most {settings.steps} signed "
        f"gradient steps of {settings.step:g}; as saved."
    )
    again = (
        f"Trained again: on the same images and, as a further class, {settings.learned} fooling images per class and "
        "round, each round's crafted on the network of the round before. Recognised: images that fool "
        "the network of the round before, and were not trained on, and are now told from the classes."
    )
    rows = {model: label(model) for model in ENDS}
    rows |= {retrained(number): f"undistilled, trained again ({number})" for number in range(1, settings.rounds + 1)}
    cells = {
        "noise as it is": page.column("fooled", "noise", rows),
        "driven to a class": page.column("fooled", "driven", rows),
        "those before recognised": page.column("recognised", "driven", rows),
    }
    caption = f"Fooling images: share of noise images with a confidence above {settings.confidence:.0%}"
    data = page.data(["fooled", "recognised"], rows)
    page.table(sheet("fooling", caption, "network", rows.values(), cells, data, about, again))
    page.report.figure(
        "fooling",
        drawings.fooling_gallery(*page.study.gallery("fooling-gallery", "fooling")),
        f"{about} With the answers of replicate 0.",
        "Noise that the networks take for digits.",
    )
