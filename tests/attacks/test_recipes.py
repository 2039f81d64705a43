"""Recipes: they need no torch, refuse what is wrong, and give what the attack itself gives."""

import subprocess
import sys

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from friendfoe.attacks import (
    Goal,
    Recipe,
    Threat,
    apgd,
    assist,
    autoattack,
    craft,
    cw_l2,
    fab_t,
    fgsm,
    jsma,
    margin_pgd,
    pgd,
    random_noise,
    square,
    temperature_pgd,
)
from friendfoe.attacks.recipes import known

ADAPTER = TypeAdapter(Recipe)
LINF = Threat("linf", 0.1)


def test_checking_a_recipe_does_not_import_torch():
    code = (
        "import sys; from pydantic import TypeAdapter; from friendfoe.attacks.recipes import Recipe;"
        "TypeAdapter(Recipe).validate_python({'attack': 'pgd'}); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


L2 = Threat("l2", 1.0)
SAME = {
    "apgd": ({"steps": 3, "loss": "dlr"}, lambda m, x, y: apgd(m, x, y, threat=LINF, steps=3, loss="dlr", seed=4)),
    "fab_t": ({"steps": 3, "classes": 2}, lambda m, x, y: fab_t(m, x, y, threat=LINF, steps=3, classes=2)),
    "square": ({"queries": 9}, lambda m, x, y: square(m, x, y, threat=LINF, queries=9, seed=4)),
    "autoattack": (
        {"steps": 3, "classes": 2, "queries": 9},
        lambda m, x, y: autoattack(m, x, y, threat=LINF, steps=3, classes=2, queries=9, seed=4),
    ),
    "cw_l2": (
        {"eps": 1, "steps": 9, "searches": 2},
        lambda m, x, y: cw_l2(m, x, y, threat=L2, steps=9, searches=2),
    ),
    "jsma": (
        {"eps": 0.2, "output": "logits"},
        lambda m, x, y: jsma(m, x, y, threat=Threat("l0", 0.2), output="logits"),
    ),
    "noise": ({}, lambda m, x, y: random_noise(x, threat=LINF, seed=4)),
    "fgsm": ({"goal": "friend"}, lambda m, x, y: fgsm(m, x, y, threat=LINF, goal=Goal.FRIEND)),
    "assist": ({}, lambda m, x, y: assist(m, x, y, threat=LINF)),
    "pgd": (
        {"steps": 3, "step": 0.5, "restarts": 2},
        lambda m, x, y: pgd(m, x, y, threat=LINF, steps=3, step_size=0.05, restarts=2, seed=4),
    ),
    "margin_pgd": ({"steps": 3}, lambda m, x, y: margin_pgd(m, x, y, threat=LINF, steps=3, seed=4)),
    "temperature_pgd": (
        {"steps": 3, "temperature": 5},
        lambda m, x, y: temperature_pgd(m, x, y, threat=LINF, steps=3, temperature=5, seed=4),
    ),
}


def test_every_attack_is_tried_here():
    assert SAME.keys() == known().keys()
    assert all(text.endswith(".") and len(text) < 120 for text in known().values())


@pytest.mark.parametrize("name", SAME)
def test_a_recipe_gives_what_the_attack_gives(conv_net, batch, name):
    settings, direct = SAME[name]
    net, (images, labels) = conv_net(), batch()
    crafted = craft(ADAPTER.validate_python({"attack": name, **settings}), net, images, labels, eps=0.1, seed=4)
    assert torch.equal(crafted, direct(net, images, labels))


def test_square_and_autoattack_in_l2(conv_net, batch):
    net, (images, labels) = conv_net(), batch()
    for attack, budget in ((square, {"queries": 9}), (autoattack, {"queries": 9, "steps": 3, "classes": 1})):
        recipe = ADAPTER.validate_python({"attack": attack.__name__, "norm": "l2", "eps": 1.0, **budget})
        made = craft(recipe, net, images, labels, eps=0.1, seed=4)
        assert torch.equal(made, attack(net, images, labels, threat=L2, seed=4, **budget))


@pytest.mark.parametrize("name", SAME)
def test_the_recipes_own_eps_comes_first_and_zero_changes_nothing(conv_net, batch, name):
    settings, _ = SAME[name]
    net, (images, labels) = conv_net(), batch()
    recipe = ADAPTER.validate_python({"attack": name, **settings, "eps": 0.0})
    assert torch.equal(craft(recipe, net, images, labels, eps=0.1, seed=0), images)


def test_a_patch_is_placed_in_shares_of_the_image(conv_net, batch):
    net, (images, labels) = conv_net(), batch()
    recipe = ADAPTER.validate_python({"attack": "fgsm", "patch": {"side": 0.5, "top": 1.0, "left": 0.0}})
    change = craft(recipe, net, images, labels, eps=0.1, seed=0) - images
    assert (change[..., :4, :] == 0).all()
    assert (change[..., 4:] == 0).all()
    assert (change[..., 4:, :4] != 0).any()


def test_a_recipe_may_ask_for_the_models_own_answer_as_label(conv_net, batch):
    net, (images, _) = conv_net(), batch()
    own = net.eval()(images).argmax(1)
    wrong = (own + 1) % 4
    for name in ("fgsm", "pgd"):
        recipe = ADAPTER.validate_python({"attack": name, "label": "own"})
        plain = ADAPTER.validate_python({"attack": name})
        made = craft(recipe, net, images, wrong, eps=0.1, seed=4)
        assert torch.equal(made, craft(plain, net, images, own, eps=0.1, seed=4))
        assert not torch.equal(made, craft(plain, net, images, wrong, eps=0.1, seed=4))
        assert craft(recipe, net, images[:0], wrong[:0], eps=0.1, seed=4).shape == (0, 1, 8, 8)


def test_a_recipe_may_ask_for_low_precision(conv_net, batch):
    net, (images, labels) = conv_net(), batch()
    for name, attack in {"fgsm": fgsm, "assist": assist}.items():
        recipe = ADAPTER.validate_python({"attack": name, "precision": "bfloat16"})
        made = craft(recipe, net, images, labels, eps=0.1, seed=4)
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(made, attack(net, images, labels, threat=Threat("linf", 0.1)))
        assert not torch.is_autocast_enabled("cpu")


def test_a_recipe_may_leave_the_pixel_range(conv_net, batch):
    net, (images, labels) = conv_net(), batch()
    made = craft(ADAPTER.validate_python({"attack": "fgsm", "clip": False}), net, images, labels, eps=0.3, seed=0)
    assert torch.equal(made, fgsm(net, images, labels, threat=Threat("linf", 0.3), clip=False))
    assert made.min() < 0


@pytest.mark.parametrize(
    "recipe",
    [
        {"attack": "nope"},
        {"attack": "pgd", "steps": -1},
        {"attack": "pgd", "stepsize": 0.1},
        {"attack": "pgd", "norm": "l1"},
        {"attack": "pgd", "restarts": 2, "random_start": False},
        {"attack": "temperature_pgd"},
        {"attack": "fgsm", "eps": -0.1},
        {"attack": "fgsm", "norm": "l2"},
        {"attack": "square", "norm": "l2"},
        {"attack": "jsma", "eps": 2},
        {"attack": "cw_l2"},
        {"attack": "pgd", "precision": "float8"},
        {"attack": "pgd", "label": "their"},
        {"attack": "pgd", "clip": False},
        {"attack": "fgsm", "patch": {"side": 0}},
    ],
)
def test_bad_recipes_are_refused(recipe):
    with pytest.raises(ValidationError):
        ADAPTER.validate_python(recipe)
