"""What a study would have written for its explorer, made up."""

import numpy as np

from friendfoe.evaluation.outcomes import Outcomes
from friendfoe.report.explorer import Attack, explorer
from friendfoe.report.page import write_study_page
from friendfoe.report.study import StudyReport

CLASSES = ['<b>&"x"', "plain", "{{ braces }}", "never seen"]
MODELS = {"a": "Model A", "b": "Model <B>"}
ATTACKS = {
    "step": Attack("One step", "eps {:g}", ("friendly", "attacked")),
    "fog": Attack("Fog", "severity {:g}", ("foggy",)),
}
CONDITIONS = {
    "clean": "clean",
    "friendly": "assisted",
    "attacked": "attacked",
    "foggy": "fog",
    "other": "another attack",
}


def arrays(shape=(1, 4, 5), classes=CLASSES, labels=(0, 0, 1, 1, 2), models=("a", "b"), steps=(0.1, 0.2), seed=0):
    """Random images and answers; pictures lie a few levels from their images, black ones among them."""
    draw = np.random.default_rng(seed)
    images = draw.integers(0, 256, (len(labels), *shape), dtype=np.uint8)
    images[0] = 0

    def answers(*sizes):
        raw = draw.random((len(models), *sizes, len(labels), len(classes)), dtype=np.float32) ** 8
        return raw / raw.sum(-1, keepdims=True)

    made = {"models": np.array(models), "classes": np.array(classes), "images": images, "labels": np.array(labels)}
    made["probabilities"] = answers()
    for key, sizes in {"step/friend": steps, "step/foe": steps, "fog/neither": (1.0, 3.0, 5.0)}.items():
        change = draw.integers(-30, 31, (len(models), len(sizes), *images.shape))
        made[f"{key}/sizes"] = np.array(sizes)
        made[f"{key}/images"] = (images + change).clip(0, 255).astype(np.uint8)
        made[f"{key}/probabilities"] = answers(len(sizes))
    return made


def accuracies(classes=3, models=("a", "b"), conditions=("clean", "friendly", "attacked", "foggy")):
    """Of ten images of each class, in two replicates; the last condition was asked of the first model alone."""
    draw = np.random.default_rng(1)
    labels = np.repeat(np.arange(classes), 10)
    return {
        (model, condition): Outcomes("test", np.arange(len(labels)), labels, draw.integers(0, 2, (2, len(labels))))
        for model in models
        for condition in conditions
        if (model, condition) != (models[-1], conditions[-1])
    }


def made(**changes):
    """The explorer of all this."""
    return explorer(arrays(**changes), MODELS, ATTACKS, accuracies(), CONDITIONS)


def write_page(directory, explored):
    """A page with nothing else; its file."""
    directory.mkdir(parents=True)
    report = StudyReport(directory, "assistive", "digits")
    report.title("Made up", "What?", ["someone"], "Of no replicates.")
    report.heading("Explorer")
    report.explorer(explored, "Friend beside foe", ["A note."])
    report.close()
    write_study_page(directory)
    return directory / "index.html"
