"""The plan as tables for the terminal: what will be trained, and with which network, budget and attack."""

from collections.abc import Iterator
from typing import Any

from rich.table import Table
from rich.text import Text

from friendfoe.attacks.config import AttackConfig
from friendfoe.evaluation.job import EvaluationJob
from friendfoe.plan.resolve import StudyOnData
from friendfoe.plan.whole import Plan
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.strict import nearest
from friendfoe.studies.job import PerturbJob
from friendfoe.training.job import Job


def tables(plan: Plan, data: str = "", study: str = "") -> Iterator[Table | Text]:
    """What is run on a data set for a study; for all of its studies; or, of all data sets, which studies they are in.

    Raises:
        UserError: there is no such data set or study; or the study lacks what it needs there.
    """
    check_known(plan, data, study)
    if not data:
        yield _overview(plan)
        return
    for name in [study] if study else plan.studies:
        if data in plan.studies[name].params.data:
            yield from _study(plan.on_data(data, name))
            yield Text(plan.on_data(data, name).cost())
        elif study:
            raise UserError(f"{study} is not planned on {data}: {plan.lacking(data, name)}")
        else:
            yield Text(f"{name}: not planned on {data}: {plan.lacking(data, name)}")


def check_known(plan: Plan, data: str, study: str) -> None:
    """Refuse names of data sets and studies that there are not; empty ones stand for all."""
    if data and data not in plan.root.data:
        raise UserError(f"there is no data set '{data}'; {nearest(data, [*plan.root.data])}")
    if study and study not in plan.studies:
        raise UserError(f"there is no study '{study}'; {nearest(study, [*plan.studies])}")


def _overview(plan: Plan) -> Table:
    table = plain("data sets", "data set", "source", "eps", "replicates", *plan.studies)
    for data, section in plan.root.data.items():
        marks = ["yes" if data in study.params.data else "" for study in plan.studies.values()]
        table.add_row(data, section.source.kind_name, f"{section.eps:g}", str(section.replicates), *marks)
    return table


def _study(on_data: StudyOnData) -> Iterator[Table]:
    name = on_data.study.name
    trained = plain(
        f"{name} on {on_data.data}: {on_data.replicates} replicates, eps {on_data.eps:g}",
        *("model", "method", "trained on", "network", "epochs", "optimiser", "attack while training"),
    )
    for job in on_data.trained.values():
        for each in job.each():
            trained.add_row(*_trained(each))
    yield trained
    jobs = [*on_data.jobs.values()]
    if sets := [job for job in jobs if isinstance(job, PerturbJob)]:
        table = plain(f"{name}: perturbed sets", "set", "images", "attack", "crafted on")
        for perturbed in sets:
            table.add_row(perturbed.name, perturbed.split, describe(perturbed.attack), perturbed.source)
        yield table
    if evaluation := next((job for job in jobs if isinstance(job, EvaluationJob)), None):
        images = f"{evaluation.images} test images" if evaluation.images else "all test images"
        table = plain(f"{name}: evaluations, {images}", "condition", "images", "attack", "crafted on")
        for condition, section in evaluation.conditions.items():
            attacks = "; ".join(describe(evaluation.attacks[attack]) for attack in section.attacks)
            source = evaluation.source if section.on == "source" else "the model itself" if attacks else ""
            table.add_row(condition, section.set or section.images, attacks, source)
        yield table


def _trained(job: Job) -> tuple[str, ...]:
    training, method = job.training, job.method
    share = "" if job.share == 1 else f" ({job.share:.0%} of each)"
    share += "" if job.train_images is None else f" ({job.train_images} images)"
    budget = f"{training.optimizer}, {training.learning_rate:g}, {training.schedule}, batch {training.batch}"
    attack = getattr(method, "attack", None)
    inner = "" if job.eps is None else f"eps {job.eps:g}"
    if isinstance(attack, AttackConfig):
        inner = f"{describe(attack)}, {inner}"
    elif job.inner_attack is not None:
        inner += f", {job.inner_attack.steps} steps of {job.inner_attack.rel_step:g} eps"
    title, images = str(getattr(method, "objective", method.kind_name)), " + ".join(job.images) + share
    return (job.name, title, images, job.network.describe(), str(training.epochs), budget, inner)


def describe(config: AttackConfig) -> str:
    """An attack in a line: its kind, and the settings that are not its defaults."""
    settings: dict[str, Any] = config.model_dump(mode="json", exclude_defaults=True)
    kind = settings.pop(config.tag)
    said = ", ".join(f"{name} {value}" for name, value in settings.items())
    return f"{kind} ({said})" if said else str(kind)


def plain(title: str, *columns: str) -> Table:
    """An empty table for the terminal."""
    return Table(*columns, title=title, title_justify="left", box=None, pad_edge=False)
