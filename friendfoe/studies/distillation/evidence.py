"""What the study derives from the outcomes of single images."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from friendfoe.evaluation.outcomes import Key, Outcomes
from friendfoe.evaluation.sample import Sample
from friendfoe.studies.distillation.names import (
    CONDITIONS,
    HALVES,
    JSMA,
    RETRAINED,
    SURROGATE,
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

    jsma-temperature at T = 1, where it is jsma. worst: whether an image withstands each of the attacks. transferred
    (confident, bare) and the models `CHOSEN` and `RETRAINED`: as their names say. change (clean): of accuracy, against
    the undistilled network. median (gradient): of the decimal logarithm, where float32 has any gradient left. forward,
    backward: passes per attack of JSMA. alike (above chance): less what guessing among the wrong classes gives.
    """
    evidence = Evidence(_outcomes(study), classes=study.evidence.classes, partial=study.evidence.partial)
    accuracy = {model: evidence("accuracy", model, "clean") for model in study.models}
    more: dict[Key, Sample] = {}
    for model in study.models:
        more["change", model, "clean"] = accuracy[model] - accuracy[UNDISTILLED]
        gradients = (evidence.outcomes[metric, model, "gradient"] for metric in ("log10", "vanished"))
        more["median", model, "gradient"] = Sample.of_replicates(median_of_the_rest(*gradients))
    for (network, kind), rows in study.table("passes", part="jsma").sort_values("replicate").groupby(["model", "kind"]):
        for passes in ("forward", "backward"):
            more[passes, str(network), str(kind)] = Sample.of_replicates((rows[passes] / rows["attacks"]).to_numpy())
    guessed = 1 / max(len(evidence.classes) - 1, 1)
    more |= {("alike", name, "above chance"): evidence("alike", name, "transferred") - guessed for name in HALVES}
    return evidence.also(more)


def _outcomes(study: Results[Settings]) -> dict[Key, Outcomes]:
    """Of single images: what `derived` says up to `change`."""
    models, settings, found = study.models, study.settings, dict(study.evidence.outcomes)
    for model in models:
        if temperature(model) == 1:
            for metric in ("success", "features", "robustness"):
                found[metric, model, "jsma-temperature"] = found[metric, model, "jsma"]
        found["accuracy-crafted", model, "worst"] = worst([found["accuracy-crafted", model, name] for name in ATTACKS])
    leads = [confidence(lead) for lead in settings.transfer.confidences]
    given = [lead for lead in leads if lead == leads[0] or asked(found["distance", SURROGATE, lead]) > 0.5]
    for model in models:
        found["transferred", model, BARE] = found["transferred", model, leads[0]]
        found["transferred", model, CONFIDENT] = found["transferred", model, given[-1]]
    for metric, condition in (("fooled", "noise"), ("fooled", "driven"), ("recognised", "driven")):
        found[metric, RETRAINED, condition] = found[metric, retrained(settings.fooling.rounds), condition]
    for metric, conditions, best in (
        ("success", [*list(JSMA)[:3], "cw-l2"], np.argmin),
        ("transferred", [CONFIDENT], np.argmin),
        ("accuracy-crafted", [*ATTACKS, "worst"], np.argmax),
    ):
        for condition in conditions:
            found[metric, CHOSEN, condition] = chosen(
                [found[metric, model, condition] for model in students(models)], best
            )
    before = found["accuracy", UNDISTILLED, "clean"].values
    after = [found["accuracy", model, "clean"] for model in students(models)]
    changes = [replace(one, values=one.values - before) for one in after]
    found["change", CHOSEN, "clean"] = chosen(changes, lambda values: np.argmax(np.abs(values)))
    return found


def worst(attacked: Sequence[Outcomes]) -> Outcomes:
    """Whether each image is right under all of several attacks."""
    return replace(attacked[0], values=np.min([one.values for one in attacked], axis=0))


def asked(outcomes: Outcomes) -> float:
    """The share of images that was asked, in the replicate that has fewest."""
    return float((~np.isnan(outcomes.values)).mean(1).min())


def chosen(candidates: Sequence[Outcomes], best: Callable[[NDArray[np.float64]], np.intp]) -> Outcomes:
    """The outcomes of the candidate that is best on other images.

    On every second image it is the one that is best on the rest, over all replicates, and the other way round: the best
    one of the same images would look better than it is.

    Args:
        candidates: of the same images.
        best: which of the means of all candidates is it; one that was asked of no image of a half is none of them.
    """
    first = np.arange(len(candidates[0].samples)) % 2 == 0
    halves = (first, ~first)
    known = [one for one in candidates if all((~np.isnan(one.values[:, half])).any() for half in halves)]
    values = np.full_like(candidates[0].values, np.nan)
    for judged_on in halves if known else ():
        means = np.array([np.nanmean(one.values[:, ~judged_on], dtype=np.float64) for one in known])
        values[:, judged_on] = known[int(best(means))].values[:, judged_on]
    return replace(candidates[0], values=values)


def median_of_the_rest(log10: Outcomes, vanished: Outcomes) -> NDArray[np.float64]:
    """The median [replicates] over images whose gradient has not vanished; nan where all have."""
    rest = np.where(vanished.values > 0, np.nan, log10.values)
    return np.array([np.nanmedian(row) if (~np.isnan(row)).any() else np.nan for row in rest], dtype=np.float64)
