"""Drawn params: a change makes all run again that reads it, and nothing else.

What reads a setting is said here by the params alone, without the code of the plan.
"""

import json
import random

import pytest

from friendfoe.plan.write import read_plan
from tests.studies.workspaces import entered, lay_out, params

STUDY, DATA = "assistive", "digits"
EXPLORED = ("attack", "attack-self")  # conditions that the explorer of the page shows images of
ATTACKS = [
    {"attack": "fgsm"},
    {"attack": "fgsm", "goal": "friend"},
    {"attack": "pgd", "steps": 3},
    {"attack": "pgd", "norm": "l2", "eps": 1.0},
    {"attack": "noise"},
    {"attack": "square", "n_queries": 10},
]


def drawn(draw):
    """Params of the study with further attacks, sets, models, conditions and checks."""
    section = params(STUDY) | {"data": {DATA: {}}}
    for number in range(draw.randint(1, 3)):
        section["attacks"][f"a{number}"] = draw.choice(ATTACKS)
    for number in range(draw.randint(0, 3)):
        split = draw.choice(["train", "test"])
        storable = [name for name, attack in section["attacks"].items() if attack.get("clip", True)]
        section["sets"][split][f"s{number}"] = {"attack": draw.choice(storable)}
    for number in range(draw.randint(0, 2)):
        images = draw.sample(["train", *section["sets"]["train"]], draw.randint(1, 2))
        section["augmented"][f"m{number}"] = {"method": "standard", "images": images, "share": draw.choice([0.5, 1.0])}
    for number in range(draw.randint(0, 3)):
        section["evaluate"][f"c{number}"] = draw.choice(
            [
                {"images": draw.choice(["train", "test", "own"])},
                {"set": draw.choice([*section["sets"]["train"]])},
                {"attack": draw.choice([*section["attacks"]]), "on": draw.choice(["self", "source"])},
                {"worst": ["fgsm"]},
            ]
        )
    section["checked"] = ["clean", *draw.sample([*section["augmented"]], draw.randint(0, 2))]
    return {"digits": params()["data"]["digits"]}, section


def models(section):
    return [*section["models"], *section["augmented"]]


def evaluations(section):
    return {f"evaluate-{name}" for name in models(section)}


def sets(section):
    return {**section["sets"]["train"], **section["sets"]["test"]}


def checks(section):
    return {f"check-gradients-{name}" for name in section["checked"]}


def change_an_attack(draw, data, section):
    name = draw.choice([*section["attacks"]])
    section["attacks"][name]["eps"] = 0.0123
    used = {
        one
        for condition in section["evaluate"].values()
        for one in [condition.get("attack"), *condition.get("worst", [])]
    }
    explored = {section["evaluate"][condition]["attack"] for condition in EXPLORED}
    return (
        {key for key, one in sets(section).items() if one["attack"] == name}
        | (evaluations(section) if name in used else set())
        | ({"analyse"} if name in explored else set())
    )


def add_an_attack(draw, data, section):
    section["attacks"]["unused"] = {"attack": "pgd"}
    return set()


def change_a_set(draw, data, section):
    name = draw.choice([*sets(section)])
    sets(section)[name]["attack"] = "new"
    section["attacks"]["new"] = {"attack": "pgd", "steps": 17}
    return {name}


def change_a_condition(draw, data, section):
    section["evaluate"][draw.choice(EXPLORED)] = {"attack": "assist"}
    return {*evaluations(section), "analyse"}


def change_a_budget(draw, data, section):
    name = draw.choice(models(section))
    part = section["models" if name in section["models"] else "augmented"]
    part[name]["training"] = {"learning_rate": 0.0123}
    return {name}


def change_the_images_of_a_model(draw, data, section):
    name = draw.choice([*section["augmented"]])
    section["augmented"][name]["images"] = ["assist-train", "assist-train"]
    return {name}


def change_one_model_on_the_data_set(draw, data, section):
    name = draw.choice(models(section))
    section["data"][DATA]["models"] = {name: {"network": {"kind": "mlp", "hidden": [3]}}}
    return {name}


def change_the_budget_of_all(draw, data, section):
    data[DATA]["training"]["epochs"] = 3
    return {*models(section)}


def change_eps(draw, data, section):
    data[DATA]["eps"] = 0.0321
    return {*sets(section), *evaluations(section), *checks(section), "analyse"}


def change_replicates(draw, data, section):
    data[DATA]["replicates"] = 7
    return {*models(section), *sets(section), *evaluations(section), "analyse"}


def change_the_seed(draw, data, section):
    data[DATA]["seed"] = 7
    return {*models(section), *sets(section), *evaluations(section), *checks(section), "analyse"}


def change_a_setting_of_the_study(draw, data, section):
    section["gallery"] = [7]
    return {"analyse"}


def change_how_many_images_are_attacked(draw, data, section):
    section["data"][DATA]["images"] = 17
    return {*evaluations(section), *checks(section), "analyse"}


def change_a_budget_of_the_checks(draw, data, section):
    section["checks"]["queries"] = 17
    return checks(section)


def change_the_source(draw, data, section):
    section["source"] = "assistive/clean-half"
    return {*sets(section), *evaluations(section), "analyse"}


def change_the_source_of_images(draw, data, section):
    data[DATA]["source"] = {"kind": "digits", "limit": 100}
    return set()  # prepare alone, and what it makes


CHANGES = [change for name, change in globals().items() if name.startswith(("change_", "add_"))]


def planned(path, data, section):
    """Every job as it is written down, by its name."""
    lay_out(path, data, **{STUDY: section})
    with entered(path):
        return {name: job.model_dump_json() for name, job in read_plan().on_data(DATA, STUDY).jobs.items()}


@pytest.mark.parametrize("seed", range(12))
def test_a_change_runs_again_what_reads_it_and_nothing_else(tmp_path, seed):
    draw = random.Random(seed)
    data, section = drawn(draw)
    before = planned(tmp_path / "before", data, section)
    for change in draw.sample(CHANGES, 8):
        changed_data, changed_section = json.loads(json.dumps([data, section]))
        expected = change(draw, changed_data, changed_section)
        after = planned(tmp_path / change.__name__, changed_data, changed_section)
        assert before.keys() == after.keys()
        assert {name for name in before if before[name] != after[name]} == expected, change.__name__


def test_no_name_is_left_out_where_dvc_compares(tmp_path):
    def keys(value):
        if isinstance(value, dict):
            yield from value
            for inner in value.values():
                yield from keys(inner)

    for job in planned(tmp_path, *drawn(random.Random(0))).values():
        assert {"size", "nfiles"}.isdisjoint(keys(json.loads(job)))
