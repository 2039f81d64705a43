"""Models that are given: their files are part of the plan, and what does not fit is refused before anything runs."""

import json
import pickle

import pytest
import torch
from torch import nn

from friendfoe.models.weights import load
from friendfoe.plan.write import texts
from friendfoe.runtime import paths
from friendfoe.runtime.errors import UserError
from stages import plan, prepare, train
from tests.studies.workspaces import DIGITS, entered, lay_out, params, write

NETS = """
from torch import nn
from sizes_of_given import side

def make(classes=10):
    return nn.Sequential(nn.Flatten(), nn.Linear(side * side, classes))

def pair():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10), nn.LSTM(10, 10))
"""
NETWORK = {"kind": "import", "object": "own/nets.py:make"}


@pytest.fixture
def folder(tmp_path):
    """The assistive study on a few digits, with a network of one's own and files of weights."""
    own = tmp_path / "own"
    own.mkdir()
    (own / "nets.py").write_text(NETS)
    (own / "sizes_of_given.py").write_text("side = 8\n")
    for seed, (name, classes) in enumerate((("mine", 10), ("mine-0", 10), ("mine-1", 10), ("seven", 7))):
        torch.manual_seed(seed)
        network = nn.Sequential(nn.Flatten(), nn.Linear(64, classes))
        torch.save(network.state_dict(), own / f"{name}.pt")
    torch.save({"ema": network.state_dict(), "model": network.state_dict()}, own / "several.pt")
    (own / "pickled.pt").write_bytes(pickle.dumps(nn.Flatten()))
    lay_out(tmp_path, {"digits": DIGITS})
    with entered(tmp_path):
        yield tmp_path


def lay(folder, study="assistive", model="clean", **method):
    """The params of a study with a model that is given in the place of its own."""
    section = params(study)
    given = {"network": method.pop("network", NETWORK), "method": {"method": "given", **method}}
    section["data"] = {"digits": {**section["data"]["digits"], "models": {model: given}}}
    write(folder / "pipelines" / study / "params.yaml", section)


def test_files_for_each_replicate_may_stand_in_folders(folder):
    from friendfoe.training.methods.given import GivenConfig

    for number in (0, 1, 3):
        (folder / f"own/{number}").mkdir()
        (folder / f"own/{number}/w.pt").touch()
    method = GivenConfig(method="given", weights="own/{replicate}/w.pt")
    assert [str(file) for file in method.files] == ["own/0/w.pt", "own/1/w.pt"]


def changed(before, after):
    return {path.stem for path in after if before.get(path) != after[path]}


def test_a_model_is_planned_again_when_its_file_changes(folder):
    lay(folder, weights="own/mine.pt")
    before = texts()
    (folder / "own/seven.pt").write_bytes(b"another file")
    assert texts() == before
    torch.save(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)).state_dict(), folder / "own/mine.pt")
    assert changed(before, texts()) == {"clean"}
    before = texts()
    (folder / "own/sizes_of_given.py").write_text(
        "side = 4 * 2\n"
    )  # which nets.py imports; all that builds the network
    built = {
        "clean",
        "evaluate-clean",
        "check-gradients-clean",
        "analyse",
        "assist-train",
        "assist-test",
        "attack-test",
    }
    assert changed(before, texts()) >= built
    assert not changed(before, texts()) & {"assist", "mixed", "evaluate-likely", "prepare", "plot"}


def test_the_plan_says_what_is_given(folder):
    lay(folder, weights="own/mine-{replicate}.pt")
    planned = {path.stem: json.loads(text) for path, text in texts().items()}
    method = {"method": "given", "weights": "own/mine-{replicate}.pt", "normalise": "none"}
    assert planned["clean"]["method"] == method
    assert planned["analyse"]["given"] == planned["plot"]["given"] == {"clean": "own/mine-{replicate}.pt"}
    assert "given" not in planned["assist"]


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ({"weights": "own/none.pt"}, "own/none.pt is missing; name a file of weights"),
        ({"weights": "mine.pt"}, "must be a file in own/, where the pipeline sees when it changes"),
        ({"weights": "own/../mine.pt"}, "must be a file in own/"),
        ({"weights": "own/pickled.pt"}, "own/pickled.pt holds Python objects"),
        ({"weights": "own/several.pt"}, "own/several.pt holds several networks (ema, model); say which one: key"),
        ({"weights": "own/mine-{replicate}.pt", "normalise": "imagnet"}, "must be none, imagenet, cifar10, half, or"),
        ({"network": {"kind": "cnn", "width": 4}}, "weights: name a file in own/; a fresh CNN of width 4 has random"),
        ({"weight": "own/mine.pt"}, "unknown key 'weight'; did you mean 'weights'?"),
    ],
)
def test_refused_before_anything_runs(folder, method, message):
    lay(folder, **method)
    with pytest.raises(UserError) as error:
        texts()
    assert message in str(error.value)
    assert "clean" in str(error.value)
    assert "\n" not in str(error.value)


def test_refused_where_images_are_prepared(folder):
    lay(folder, weights="own/mine.pt")
    plan.main()
    prepare.main("digits")
    seven = NETWORK | {"arguments": {"classes": 7}}
    for method, message in (
        ({"weights": "own/seven.pt"}, "It tells 7 classes apart, and the data set has 10"),
        ({"weights": "own/seven.pt", "network": seven}, "own/seven.pt gives torch.float32 [60, 7] for 60 images"),
        ({"network": NETWORK | {"object": "own/nets.py:pair"}}, "own/nets.py:pair gives tuple for 60 images"),
        ({"normalise": "0,0,0/1,1,1"}, "own/nets.py:make cannot be shown the images of digits, 1×8×8"),
        ({"weights": "own/mine.pt", "network": {"kind": "torchvision", "name": "alexnet"}}, "own/mine.pt does not fit"),
    ):
        lay(folder, **method)
        with pytest.raises(UserError) as error:
            texts()
        assert str(error.value).startswith("pipelines/assistive/params.yaml: data.digits: models.clean: ")
        assert message in str(error.value)
        assert str(error.value).endswith("(by the images in data/prepared/digits)")
        assert "\n" not in str(error.value)
    other = {**DIGITS, "source": {"kind": "digits", "limit": 80}}  # of which nothing is prepared yet
    write(folder / "params.yaml", {"datasets": ["digits"], "data": {"digits": other}})
    assert texts()


def weight(network):
    """Of the linear layer."""
    return network[1][1].weight.detach()


def test_weights_for_each_replicate_and_for_all(folder):
    lay(folder, weights="own/mine-{replicate}.pt")
    plan.main()
    prepare.main("digits")
    train.main("digits", "assistive", ["clean"])
    model = paths.model("digits", "assistive", "clean")
    first, second = (weight(load(paths.replicate(model, number))) for number in range(2))
    assert not torch.equal(first, second)
    lay(folder, weights="own/mine-0.pt")
    plan.main()
    train.main("digits", "assistive", ["clean"])
    assert all(torch.equal(weight(load(paths.replicate(model, number))), first) for number in range(2))


@pytest.mark.parametrize(
    ("study", "model", "message"),
    [
        ("distillation", "teacher-1", "distilled-1: teacher: 'teacher-1' cannot be given"),
        ("distillation", "distilled-100", "distilled-100.method: distillation trains it, so that it cannot be given"),
        ("fgsm", "maxout", "maxout.method: the study trains it again, on other images, so that it cannot be given"),
        ("advprop", "vanilla", "vanilla.method: it is trained at every size, so that it cannot be given"),
    ],
)
def test_what_is_trained_by_definition_cannot_be_given(folder, study, model, message):
    lay(folder, study, model, weights="own/mine.pt")
    with pytest.raises(UserError, match=f"data.digits: models.{message}"):
        texts()
