"""What the study derives from the outcomes of single images."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from friendfoe.evaluation.outcomes import Key, Outcomes
from friendfoe.evaluation.sample import Sample, mean
from friendfoe.studies.distillation.names import (
    CONDITIONS,
    HALVES,
    JSMA,
    RETRAINED,
    UNDISTILLED,
    confidence,
    retrained,
    students,
    temperature,
)
from friendfoe.studies.distillation.settings import Settings
from friendfoe.studies.evidence import Evidence
from friendfoe.studies.results import Results

CHOSEN = "chosen"
"""In place of a model: the student at the temperature where the defence looks best, chosen on other images."""
CONFIDENT, BARE = "confident", "bare"
"""Transfer from images with the greatest lead that most images could be given, and with the least."""
ATTACKS = [name for name in CONDITIONS if name != "clean"]


def derived(study: Results[Settings]) -> Evidence:
    """The study's evidence with what follows from it.

    change (clean): of accuracy, against the undistilled network. jsma-temperature at T = 1, where it is jsma. worst:
    whether an image withstands each of the attacks. median (gradient): of the decimal logarithm, where float32 has
    any gradient left. forward, backward: passes per attack of JSMA. transferred (confident, bare) and the models
    `CHOSEN` and `RETRAINED` (the last round): as their names say. alike (above chance): less what guessing gives.
    """
    models, settings = study.models, study.settings
    found = dict(study.evidence.outcomes)
    for model in models:
        if temperature(model) == 1:
            same = {metric: found[metric, model, "jsma"] for metric in ("success", "features", "robustness")}
            found |= {(metric, model, "jsma-temperature"): outcomes for metric, outcomes in same.items()}
        found["accuracy-crafted", model, "worst"] = worst([found["accuracy-crafted", model, name] for name in ATTACKS])
        leads = [found["transferred", model, confidence(lead)] for lead in settings.transfer.confidences]
        found["transferred", model, BARE] = leads[0]
        found["transferred", model, CONFIDENT] = [one for one in leads if asked(one) > 0.5 or one is leads[0]][-1]
    for metric, condition in (("fooled", "noise"), ("fooled", "driven"), ("recognised", "driven")):
        found[metric, RETRAINED, condition] = found[metric, retrained(settings.fooling.rounds), condition]
    evidence = Evidence(found, classes=study.evidence.classes)
    more: dict[Key, Sample] = {}
    for model in models:
        more["change", model, "clean"] = evidence("accuracy", model, "clean") - evidence(
            "accuracy", UNDISTILLED, "clean"
        )
        gradients = found["log10", model, "gradient"], found["vanished", model, "gradient"]
        more["median", model, "gradient"] = Sample.of_replicates(median_of_the_rest(*gradients))
    for (network, kind), rows in study.table("passes", part="jsma").groupby(["model", "kind"]):
        for passes in ("forward", "backward"):
            each = (rows.sort_values("replicate")[passes] / rows.sort_values("replicate")["attacks"]).to_numpy()
            more[passes, str(network), str(kind)] = Sample.of_replicates(each)
    for name in HALVES:
        more["alike", name, "above chance"] = evidence("alike", name, "transferred") - 1 / (
            max(len(evidence.classes) - 1, 1)
        )
    distilled = students(models)
    for metric, condition, best in (
        *(("success", kind, np.argmin) for kind in list(JSMA)[:3]),
        ("success", "cw-l2", np.argmin),
        ("transferred", CONFIDENT, np.argmin),
        *(("accuracy-crafted", name, np.argmax) for name in (*ATTACKS, "worst")),
    ):
        candidates = [found[metric, model, condition] for model in distilled]
        more[metric, CHOSEN, condition] = chosen(candidates, best)
    clean, before = [found["accuracy", model, "clean"] for model in distilled], found["accuracy", UNDISTILLED, "clean"]
    changes = [replace(one, values=one.values - before.values) for one in clean]
    more["change", CHOSEN, "clean"] = chosen(changes, lambda values: np.argmax(np.abs(values)))
    return evidence.also(more)


def worst(attacked: Sequence[Outcomes]) -> Outcomes:
    """Whether each image is right under all of several attacks."""
    return replace(attacked[0], values=np.min([one.values for one in attacked], axis=0))


def asked(outcomes: Outcomes) -> float:
    """The share of images that was asked, in the replicate that has fewest."""
    return float((~np.isnan(outcomes.values)).mean(1).min())


def chosen(candidates: Sequence[Outcomes], best: Callable[[NDArray[np.float64]], np.intp]) -> Sample:
    """The outcome of the candidate that is best on other images.

    It is chosen by every second image, over all replicates, and judged on the rest, and the other way round; the mean
    of both. Of the same images the best one would look better than it is.

    Args:
        candidates: of the same images.
        best: which of the means of all candidates is it; one without any in a half is none of them.
    """
    first = np.arange(len(candidates[0].samples)) % 2 == 0
    halves = (first, ~first)
    known = [one for one in candidates if all((~np.isnan(one.values[:, half])).any() for half in halves)]
    parts = []
    for chosen_on, judged_on in (halves, halves[::-1]) if known else ():
        means = np.array([np.nanmean(one.values[:, chosen_on], dtype=np.float64) for one in known])
        parts.append(Sample.of(known[int(best(means))], judged_on))
    return mean(parts) if parts else Sample.of(candidates[0])


def median_of_the_rest(log10: Outcomes, vanished: Outcomes) -> NDArray[np.float64]:
    """The median [replicates] over images whose gradient has not vanished; nan where all have."""
    rest = np.where(vanished.values > 0, np.nan, log10.values)
    return np.array([np.nanmedian(row) if (~np.isnan(row)).any() else np.nan for row in rest], dtype=np.float64)
