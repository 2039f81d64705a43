"""What the assistive study computes from images and models, beyond the class-wise evaluations."""

import json
from pathlib import Path

from friendfoe.studies.assistive import sticker_counts
from friendfoe.studies.assistive.settings import Settings
from friendfoe.studies.confidence import histograms
from friendfoe.studies.examples import examples, write
from friendfoe.studies.facts import facts
from friendfoe.studies.inputs import Inputs

IMAGES = {"clean": None, "assist": "assist-test", "attack": "attack-test"}  # condition -> perturbed set
MODELS = ("clean", "assist", "mixed")  # A, B, C


def analyse(study: Inputs[Settings], out: Path) -> None:
    """Write facts.json, confidence.csv, the gallery and the sticker's tables into `out`.

    Raises:
        UserError: an input is missing or damaged, or the data set has no class of a number in `gallery`.
    """
    (out / "facts.json").write_text(json.dumps(facts(study), indent=1) + "\n")
    gallery = examples(study, "clean", IMAGES, study.settings.gallery, place="studies.assistive.gallery")
    write(gallery, out, "gallery")
    histograms(study, MODELS, IMAGES).to_csv(out / "confidence.csv", index=False, float_format="%.6g")
    sticker_counts.analyse(study, "clean", out)
