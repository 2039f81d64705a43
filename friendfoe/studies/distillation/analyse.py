"""What the study computes from networks and images, beyond attacks: answers, gradients, distances, fooling images."""

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from torch import nn

from friendfoe.data.store import Split
from friendfoe.models.predict import logits
from friendfoe.studies.analysis import Record, side_by_side, write_table
from friendfoe.studies.distillation.distances import distances
from friendfoe.studies.distillation.fooling import fool
from friendfoe.studies.distillation.gradients import amplitudes
from friendfoe.studies.distillation.names import ENDS, temperature
from friendfoe.studies.distillation.settings import Settings
from friendfoe.studies.facts import write_facts
from friendfoe.studies.gallery import Gallery, answered, join
from friendfoe.studies.inputs import Inputs


def analyse(study: Inputs[Settings], out: Path) -> None:
    """Write facts.json and, of every network, the tables below into `out`.

    answers.csv: model, replicate, n, correct, logits (mean absolute logit), over all test images.
    gradients.csv: model, replicate, log10 (of the amplitude of the softmax's gradient), a row per image.
    distances.csv: model, replicate and the columns of `distances`, likewise.
    fooling.csv: model, replicate, class, before, after (confidence in the noise, and in the class at the end), and a
    gallery of them.

    Raises:
        UserError: a network is missing or damaged.
    """
    settings, test, budget = study.settings, study.every_test_image, study.settings.distances
    write_facts(study, out, images=study.train_images, test_images=len(test), distances=budget.model_dump())

    def replicate(number: int, step: Callable[[], None]) -> tuple[dict[str, list[Record]], list[Gallery]]:
        records: dict[str, list[Record]] = defaultdict(list)
        galleries: list[Gallery] = []
        for model in study.job.models:
            network = study.network(model, number)
            near = test.some(budget.images)
            tables: dict[str, list[Record]] = {
                "answers": [_answers(network, test)],
                "gradients": [{"log10": a} for a in amplitudes(network, test.images[test.some(settings.gradients)])],
                "distances": distances(network, test.images[near], test.labels[near], temperature(model), budget),
                "fooling": [],
            }
            if model in ENDS:
                noise = fool(network, test.shape, len(test.classes), settings.fooling, study.seed("fooling", number))
                tables["fooling"] = noise.records()
                first = slice(len(test.classes))  # one of each class
                gallery = answered(network, noise.images[first], noise.classes[first], test.classes)
                galleries.append(gallery.assign(model=model))
            for name, rows in tables.items():
                records[name] += [{"model": model, "replicate": number, **row} for row in rows]
            step()
        return records, galleries

    count = len(study.replicates)
    results = side_by_side(f"networks on {study.data}", count, replicate, len(study.job.models))
    for name in results[0][0]:
        write_table([row for records, _ in results for row in records[name]], out, name)
    join(results[0][1]).write(out, "fooling-gallery")


def _answers(network: nn.Module, test: Split) -> Record:
    answers = logits(network, test.images)
    correct = int((answers.argmax(1).cpu() == test.labels).sum())
    return {"n": len(test), "correct": correct, "logits": answers.abs().double().mean().item()}
