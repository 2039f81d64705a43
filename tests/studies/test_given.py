"""Models that were trained elsewhere: in every study, in place of one of its own or beside them."""

import json

import pandas as pd
import pytest
import torch
from sklearn.datasets import load_digits
from torchvision.models import get_model

from friendfoe.data.store import load_images, load_split
from friendfoe.evaluation import outcomes
from friendfoe.evaluation.intervals import wilson
from friendfoe.evaluation.sample import SINGLE
from friendfoe.models.predict import logits
from friendfoe.models.weights import load, read_header
from friendfoe.runtime import paths
from stages import analyse, check_gradients, evaluate, perturb, plan, plot, prepare, train
from tests.studies.test_classwise import OWN as BUDGET
from tests.studies.test_distillation import CHECKED, SMALL
from tests.studies.workspaces import DIGITS, entered, lay_out, params

NETS = '''
"""A network of one's own."""

from torch import nn


def make(classes=10):
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, classes))
'''
OWN = {"method": "given", "network": {"kind": "import", "object": "own/nets.py:make"}, "weights": "own/nets.pt"}
ZOO = {"method": "given", "network": {"kind": "torchvision", "name": "shufflenet_v2_x0_5"}, "weights": "own/zoo.pt"}
IN_PLACE = {"method": {key: OWN[key] for key in ("method", "weights")}, "network": OWN["network"]}


def give(path):
    """A network of one's own that has learned something, and one of torchvision that has not."""
    torch.manual_seed(0)
    (path / "own").mkdir()
    (path / "own/nets.py").write_text(NETS)
    scope: dict = {}
    exec(NETS, scope)
    network, digits = scope["make"](), load_digits()
    images, labels = torch.tensor(digits.images[:, None] / 16).float(), torch.tensor(digits.target)
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    for _ in range(30):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(images), labels).backward()
        optimizer.step()
    torch.save(network.state_dict(), path / "own/nets.pt")
    torch.save(get_model("shufflenet_v2_x0_5", num_classes=10).state_dict(), path / "own/zoo.pt")


def page(study):
    """What a report says of its budget, and the rows of its table of given models: heading -> cells."""
    report = json.loads((paths.report("digits", study) / "study.json").read_text())
    (table,) = [block for block in report["blocks"] if block["kind"] == "table" and block["name"] == "given"]
    rows = {row["head"]: [cell["text"] for cell in row["cells"]] for row in table["rows"]}
    return report["budget"], rows


def interval(cell):
    """The ends of an interval as a table has it."""
    mean, _, rest = cell.partition(" ")
    if rest.startswith("("):
        return tuple(map(float, rest.strip("()").split("–")))
    half = float(rest.removeprefix("± "))
    return float(mean) - half, float(mean) + half


@pytest.fixture
def workspace(tmp_path):
    """A study on a few digits, after its models were trained or taken over."""

    def made(study, section, own, **others):
        section["data"] = {"digits": own}
        sets = section.get("sets", {})
        lay_out(tmp_path, {"digits": DIGITS}, **{study: section}, **others)
        give(tmp_path)
        with entered(tmp_path):
            plan.main()
            prepare.main("digits")
            if others:
                train.main("digits", "assistive", ["clean"])
            train.main("digits", study, [*section["models"]])
            for name in (*sets.get("train", ()), *sets.get("test", ())):
                perturb.main("digits", study, name)
            train.main("digits", study, [*section.get("augmented", ())])
            for model in section["checked"] if study != "distillation" else ():
                check_gradients.main("digits", study, model)
        return tmp_path

    return made


@pytest.mark.slow
def test_classwise(workspace):
    """One in place of the defence that is looked into, so that homing is left out; one beside the defences."""
    section = params("classwise") | {"homing": {"removals": 2, "group": 2}, "standard": {"images": 5}}
    section["models"]["mine"] = ZOO
    section["checked"] = ["mine", *section["checked"]]
    own = {**BUDGET, "models": {"pgd-at": IN_PLACE}}
    path = workspace("classwise", section, own, assistive=params("assistive") | {"data": {"digits": {}}})
    with entered(path):
        for model in section["models"]:
            evaluate.main("digits", "classwise", model)
        analyse.main("digits", "classwise")
        plot.main("digits", "classwise")
        budget, rows = page("classwise")
        claims = pd.read_csv(paths.report("digits", "classwise") / "tables/claims.csv")
        bits = outcomes.read(paths.outcomes("digits", "classwise", "pgd-at"))
        headers = [read_header(paths.replicate(paths.model("digits", "classwise", "pgd-at"), n)) for n in range(2)]
    assert [row for row in rows if row.startswith("mine")] == [
        *("mine: clean", "mine: transfer", "mine: Square", "mine: FGSM", "mine: PGD", "mine: T-PGD, 1/T = 2"),
        *("mine: T-PGD, 1/T = 5", "mine: T-PGD, 1/T = 10", "mine: T-PGD, 1/T = 50"),
        *("mine: margin PGD", "mine: reduced AutoAttack"),
    ]
    clean = bits["accuracy", "pgd-at", "clean"].values
    low, high = wilson(int(clean[0].sum()), clean.shape[1])
    assert clean.shape == (2, 50)
    assert rows["pgd-at: clean"][0].startswith(f"{clean[0].mean():.3f}")
    assert pytest.approx((low, high), abs=0.01) == interval(rows["pgd-at: clean"][0])
    assert "Homing, which trains PGD-AT again, is left out: PGD-AT is given." in budget
    assert headers[0].provenance["file"] == "own/nets.pt"
    assert headers[0] == headers[1]
    of_given = claims["expression"].str.contains("pgd-at,")
    assert (claims.loc[of_given, "reason"] == SINGLE).all()
    assert "homing rate minus that of the control" in claims.loc[of_given, "measured"].tolist()


@pytest.mark.slow
def test_assistive_sets_are_crafted_on_it(workspace):
    section = params("assistive")
    section["patch"] = {"eps": 1.0, "steps": 2, "areas": [0.1], "grid": 1, "images": 6,
                        "universal": {"steps": 2, "batch": 16}}  # fmt: skip
    section["likely"]["training"]["epochs"] = 1
    section["likely"]["tried"] = {}
    path = workspace("assistive", section, {"models": {"clean": IN_PLACE}})
    with entered(path):
        for model in (*section["models"], *section["augmented"]):
            evaluate.main("digits", "assistive", model)
        analyse.main("digits", "assistive")
        plot.main("digits", "assistive")
        bits = outcomes.read(paths.outcomes("digits", "assistive", "clean"))
        _, rows = page("assistive")
        source, test = (
            load(paths.replicate(paths.model("digits", "assistive", "clean"), 1)),
            load_split(paths.prepared("digits"), "test"),
        )
        perturbed = load_images(paths.replicate(paths.perturbed("digits", "assistive", "test", "attack-test"), 1))
    clean, attacked = (logits(source, images).argmax(1) == test.labels for images in (test.images, perturbed))
    right = {name: bits["accuracy", "clean", name].values.mean() for name in ("assist", "clean", "attack")}
    assert right["assist"] > right["clean"] > right["attack"]
    assert (clean.float().mean().item(), attacked.float().mean().item()) == pytest.approx(
        (right["clean"], right["attack"])
    )
    assert rows["clean: clean test"][0].startswith(f"{right['clean']:.3f}")


@pytest.mark.slow
def test_corruption_errors(workspace):
    section = params("advprop")
    section["models"]["mine"] = OWN
    section["models"]["attackers"]["sweep"] = {"strengths": [2], "steps": [2]}
    sizes = {name: {"network": {"kind": "cnn", "width": width}} for name, width in (("narrow", 1), ("wide", 3))}
    own = {
        "inner_attack": {"steps": 1, "rel_step": 1.0},
        "images": 10,
        "network": {"kind": "cnn", "width": 3},
        "sizes": sizes,
    }
    with entered(workspace("advprop", section, own)):
        analyse.main("digits", "advprop")
        plot.main("digits", "advprop")
        _, rows = page("advprop")
        bits = outcomes.read(paths.analysis("digits", "advprop", "analyse") / "outcomes.npz")
    errors = {
        name: sum(
            1 - one.values.mean()
            for (_, model, condition), one in bits.items()
            if model == name and condition != "clean"
        )
        for name in ("mine", "vanilla/narrow")
    }
    (cells,) = rows.values()
    assert cells[0].startswith(f"{bits['accuracy', 'mine', 'clean'].values.mean():.3f}")
    assert 0 < float(cells[1].split()[0]) < 100
    assert errors["mine"] < errors["vanilla/narrow"]


@pytest.mark.slow
def test_fgsm(workspace):
    tiny, section = {"kind": "maxout", "units": [6], "pieces": 2}, params("fgsm")
    own = section["data"]["digits"] | {"eps": 0.8, "training": {"epochs": 2, "batch": 20}}
    own["models"] = {name: {"network": tiny} for name in section["models"] if name.startswith("maxout")}
    own["models"]["maxout-sigmoids"] = {"network": tiny | {"output": "sigmoids"}}
    own["models"]["ensemble"] = {"network": {"kind": "ensemble", "members": 2, "of": tiny}}
    own["settings"] = {"iterated": {"images": 12, "steps": 2}, "rubbish": 20}
    own["settings"]["logits"] = {"reach": 15.0, "points": 11, "near_points": 5, "images": 5}
    section["models"]["mine"] = OWN
    with entered(workspace("fgsm", section, own)):
        analyse.main("digits", "fgsm")
        plot.main("digits", "fgsm")
        _, rows = page("fgsm")
    assert {"mine: clean", "mine: fgsm", "mine: on-softmax"} <= rows.keys()


@pytest.mark.slow
def test_distillation(workspace):
    """It is attacked beside the distilled networks; what asks for a temperature leaves it out."""
    section = params("distillation") | {"temperatures": [1, 100], **SMALL}
    section["models"]["mine"] = OWN
    own = {"images": 10, "network": {"kind": "vgg", "channels": [4], "dense": [8], "dropout": 0.1}}
    own |= {"attacks": {"autoattack": {"steps": 3, "n_target_classes": 2, "n_queries": 5}}}
    with entered(workspace("distillation", section, own)):
        for t in (1, 100):
            train.main("digits", "distillation", [f"teacher-{t}", f"distilled-{t}"])
        for model in CHECKED:
            check_gradients.main("digits", "distillation", model)
        evaluate.main("digits", "distillation")
        for part in ("analyse", "jsma", "fooling", "transfer"):
            analyse.main("digits", "distillation", part)
        plot.main("digits", "distillation")
        _, rows = page("distillation")
    assert {"mine: clean images", "mine: AutoAttack", "mine: transfer"} <= rows.keys()
