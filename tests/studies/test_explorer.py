"""What the explorer shows: the images that the evaluations have counted, few enough, for every study."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from friendfoe import studies
from friendfoe.attacks.config import AttackConfig
from friendfoe.data.pixels import to_float
from friendfoe.evaluation import outcomes
from friendfoe.models.predict import predict
from friendfoe.runtime import paths
from friendfoe.runtime.errors import UserError
from friendfoe.studies.advprop import analyse as advprop
from friendfoe.studies.advprop.explored import explored as advprop_explored
from friendfoe.studies.distillation.explored import explored as distillation_explored
from friendfoe.studies.explorer import VALUES, Choice, Perturbation, Shown, crafted_by
from friendfoe.studies.fgsm.explored import explored as fgsm_explored
from friendfoe.studies.job import ExplorerSettings, StudySettings, WithExplorer
from stages import plan
from tests.studies.workspaces import DIGITS, entered, lay_out, params

COUNTED = {  # attack, goal -> the condition of the evaluations
    ("attack", "friend"): "assist",
    ("attack", "foe"): "attack",
    ("attack-self", "friend"): "assist-self",
    ("attack-self", "foe"): "attack-self",
}


@pytest.fixture
def arrays(inside):
    return dict(np.load(paths.analysis("digits", "assistive", "analyse") / "explorer.npz"))


def test_at_the_whole_size_answers_are_those_that_the_evaluations_have_counted(arrays):
    compared = 0
    for number, model in enumerate(arrays["models"].tolist()):
        known = outcomes.read(paths.outcomes("digits", "assistive", model))
        for (attack, goal), condition in COUNTED.items():
            one = known["accuracy", model, condition]
            rows = [row for label in range(10) for row in np.flatnonzero(one.labels == label)[:2]]
            answers = arrays[f"{attack}/{goal}/probabilities"][number, -1].argmax(-1)
            np.testing.assert_array_equal(answers == arrays["labels"], one.values[0, rows] == 1)
            np.testing.assert_array_equal(arrays["labels"], one.labels[rows])
            compared += len(rows)
    assert compared >= 6 * 4 * 10


def test_images_are_changed_by_shares_of_eps(arrays):
    for attack, goal in COUNTED:
        sizes, pictures = (arrays[f"{attack}/{goal}/{name}"] for name in ("sizes", "images"))
        np.testing.assert_allclose(sizes, [0.05, 0.1, 0.2])
        change = np.abs(pictures.astype(int) - arrays["images"]).max((0, 2, 3, 4, 5))
        np.testing.assert_array_equal(change, np.floor(sizes * 255 + 1e-3))


def test_on_the_source_all_models_are_shown_the_same(arrays):
    for goal in ("friend", "foe"):
        shared, own = (arrays[f"{attack}/{goal}/images"] for attack in ("attack", "attack-self"))
        assert (shared == shared[:1]).all()
        assert not (own == own[:1]).all()


def test_the_page_has_it(inside):
    blocks = json.loads((paths.report("digits", "assistive") / "study.json").read_text())["blocks"]
    (block,) = [block for block in blocks if block["kind"] == "explorer"]
    assert block["models"] == ["A", "B", "C", "C (half)", "A′", "B′"]
    assert len(block["attacks"]) == 2
    assert block["map"]["columns"][0]["title"] == "clean test"
    assert all(value is not None for row in block["map"]["percent"][0] for value in row)


def test_large_images_are_fewer():
    ways = [
        Perturbation(attack, goal, (0.5, 1.0), lambda *_: None) for attack in ("a", "b") for goal in ("friend", "foe")
    ]
    choice = Choice([*range(20)], 2, [*"ABCDEF"], ways)
    shown = {values: choice.fitted(values) for values in (64, 3072, 150_528, 10 * VALUES)}
    assert shown[64] == choice
    for values, one in shown.items():
        assert one.pictures * values <= VALUES or values > VALUES
        assert one.pictures >= 3  # an image, a friend and a foe
    assert [len(one.classes) for one in shown.values()] == [20, 20, 3, 1]
    assert [len(one.models) for one in shown.values()] == [6, 3, 1, 1]
    assert all(way.sizes == (1.0,) for way in shown[3072].perturbations)


class Foreign(nn.Module):
    """A network that is not ours: .view, and a head for a channel each."""

    def __init__(self, channels=1, classes=4):
        super().__init__()
        self.features, self.head = nn.Conv2d(channels, 3, 3), nn.Linear(3 * 5 * 4, classes)

    def forward(self, images):
        return self.head(self.features(images).tanh().view(len(images), -1))


@pytest.fixture(params=[1, 3], ids=["grey", "colour"])
def shown(request):
    torch.manual_seed(1)
    pixels = torch.randint(0, 256, (6, request.param, 7, 6), dtype=torch.uint8)
    return Shown(pixels, torch.tensor([0, 1, 2, 3, 0, 1]), torch.tensor([0, 3, 4, 7, 8, 9]))


def study(shown, **more):
    """What perturbations ask of a study."""
    settings = SimpleNamespace(explorer=ExplorerSettings(), jsma=SimpleNamespace(features=0.2))
    test = SimpleNamespace(classes=[*"wxyz"], images=shown.pixels)
    job = SimpleNamespace(eps=0.1, seed=0, explored={}, **more)
    other = Foreign(shown.pixels.shape[1])
    return SimpleNamespace(
        settings=settings, test=test, job=job, data="made-up", network=lambda name, number: other, seed=lambda *_: 7
    )


def true(network, shown, pixels):
    return predict(network, pixels)[torch.arange(len(shown.labels)), shown.labels]


@pytest.mark.parametrize(
    "attack", [{"attack": "fgsm"}, {"attack": "pgd", "steps": 5}, {"attack": "pgd", "norm": "l2", "eps": 1.0}]
)
def test_any_network_has_friends_and_foes(shown, attack):
    network = Foreign(shown.pixels.shape[1])
    clean = true(network, shown, shown.pixels)
    for goal, better in (("friend", 1), ("foe", -1)):
        perturb = crafted_by(AttackConfig.model_validate({**attack, "goal": goal}), study(shown))
        change = [better * (true(network, shown, perturb(network, shown, size)) - clean).mean() for size in (0.02, 0.1)]
        assert 0 < change[0] < change[1]


def test_a_picture_is_the_same_whatever_is_beside_it(shown):
    network, perturb = (
        Foreign(shown.pixels.shape[1]),
        crafted_by(AttackConfig.model_validate({"attack": "pgd"}), study(shown)),
    )
    one = Shown(shown.pixels[2:3], shown.labels[2:3], shown.rows[2:3])
    assert torch.equal(perturb(network, shown, 0.1)[2:3], perturb(network, one, 0.1))


def test_fgsm_is_a_step_along_the_cost_of_the_network_or_of_another(shown):
    network, made = Foreign(shown.pixels.shape[1]), study(shown)
    ways = {(way.attack, way.goal): way.perturb for way in fgsm_explored(made)}
    friend, foe = (ways["fgsm", goal](network, shown, 0.1) for goal in ("friend", "foe"))
    assert true(network, shown, friend).mean() > true(network, shown, shown.pixels).mean()
    assert true(network, shown, foe).mean() < true(network, shown, shown.pixels).mean()
    on_another = ways["on-maxout-other", "foe"](network, shown, 0.1)
    assert torch.equal(on_another, ways["fgsm", "foe"](made.network("", 0), shown, 0.1))
    assert not torch.equal(on_another, foe)


def test_corruptions_are_those_that_networks_are_evaluated_on(shown):
    made = study(shown, inner_attack=SimpleNamespace(steps=2, rel_step=0.75))
    ways = [way for way in advprop_explored(made) if way.goal == "neither"]
    some = Shown(shown.pixels[3:], shown.labels[3:], torch.tensor([3, 4, 5]))
    for way in ways[:3]:
        counted = advprop._corrupted(made, way.attack).view(5, *shown.pixels.shape)
        for number, severity in enumerate(way.sizes):
            assert torch.equal(way.perturb(None, some, severity), counted[number, 3:])


def test_jsma_changes_a_share_of_the_features(shown):
    network = Foreign(shown.pixels.shape[1])
    (way,) = [way for way in distillation_explored(study(shown)) if way.attack == "jsma"]
    for size in way.sizes:
        changed = (way.perturb(network, shown, size) != shown.pixels).flatten(1).double().mean(1)
        assert 0 < changed.max() <= size
    towards = (shown.labels + 1) % 4
    rows = torch.arange(len(towards))
    before, after = (
        predict(network, pixels)[rows, towards] for pixels in (to_float(shown.pixels), way.perturb(network, shown, 0.2))
    )
    assert (after >= before).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"images": 0}, "explorer.images: 0"),
        ({"shares": [0.5]}, "explorer.shares: must ascend to 1"),
        ({"shares": [1.0, 0.5]}, "explorer.shares: must ascend to 1"),
        ({"shares": [0, 1.0]}, "explorer.shares.0: 0"),
        ({"shares": []}, "explorer.shares: list should have at least 1 item"),
        ({"share": [1.0]}, "unknown key 'share'; did you mean 'shares'"),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else None,
)
def test_settings_are_refused_in_one_line(tmp_path, settings, message):
    section = {**params("assistive"), "data": {"digits": {}}, "explorer": settings}
    lay_out(tmp_path, {"digits": DIGITS}, assistive=section)
    with entered(tmp_path), pytest.raises(UserError) as error:
        plan.main()
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_study_without_an_explorer_has_no_settings_of_one():
    with pytest.raises(ValueError, match="explorer"):
        StudySettings.model_validate({"explorer": {}})
    assert all(issubclass(studies.settings(name), WithExplorer) for name in studies.names())


def test_what_is_shown_cannot_be_missing():
    for name in ("assistive", "classwise", "distillation"):
        kind = studies.settings(name)
        assert set(kind.explored) <= set(kind.needed_conditions), name
