"""Settings of attacks: they refuse what is wrong, and give what the attack itself gives."""

from inspect import signature

import pytest
import torch
from pydantic import ValidationError

from friendfoe import attacks
from friendfoe.attacks import AttackConfig, Threat, craft, fgsm
from friendfoe.attacks.craft import crafted
from friendfoe.runtime.kinds import kinds, summary

LINF, L2 = Threat("linf", 0.1), Threat("l2", 1.0)
SAME = {  # what config and function are given alike, what the config alone, and what the function alone
    "apgd": ({"steps": 3, "loss": "dlr"}, {}, {"seed": 4}),
    "assist": ({}, {}, {}),
    "autoattack": ({"steps": 3, "n_target_classes": 2, "n_queries": 9}, {}, {"seed": 4}),
    "cw_l0": ({"steps": 9, "trials": 2, "removed": 0.5}, {"eps": 0.5}, {"threat": Threat("l0", 0.5)}),
    "cw_linf": ({"steps": 9, "trials": 2, "shrink": 0.5}, {}, {}),
    "cw_l2": ({"steps": 9, "binary_search_steps": 2, "initial_const": 2, "lr": 0.1}, {"eps": 1}, {"threat": L2}),
    "fab_t": ({"steps": 3, "n_target_classes": 2}, {}, {}),
    "fgsm": ({"goal": "friend"}, {}, {}),
    "jsma": ({"output": "logits"}, {"eps": 0.2}, {"threat": Threat("l0", 0.2)}),
    "margin_pgd": ({"steps": 3}, {}, {"seed": 4}),
    "noise": ({"kind": "extreme"}, {}, {"seed": 4}),
    "pgd": ({"steps": 3, "restarts": 2}, {"rel_step": 0.5}, {"step_size": 0.05, "seed": 4}),
    "square": ({"n_queries": 9}, {}, {"seed": 4}),
    "temperature_pgd": ({"steps": 3, "temperature": 5}, {}, {"seed": 4}),
}


def config(attack, **settings):
    return AttackConfig.model_validate({"attack": attack, **settings})


def test_every_attack_is_tried_here():
    assert SAME.keys() == kinds(AttackConfig).keys()
    summaries = [summary(kind) for kind in kinds(AttackConfig).values()]
    assert all(text.endswith(".") and len(text) < 120 for text in summaries)


@pytest.mark.parametrize("name", SAME)
def test_every_setting_reaches_the_attack(name):
    elsewhere = {"attack", "eps", "norm", "patch", "rel_step", "label", "precision"}  # they become other arguments
    elsewhere |= {"temperature"} if name == "temperature_pgd" else set()
    kind = kinds(AttackConfig)[name]
    assert set(kind.model_fields) - elsewhere <= signature(kind.function).parameters.keys()


@pytest.mark.parametrize("name", SAME)
def test_a_config_gives_what_the_attack_gives(conv_net, batch, name):
    shared, settings, arguments = SAME[name]
    net, (images, labels) = conv_net(), batch()
    perturbed = craft(config(name, **shared, **settings), net, images, labels, eps=0.1, seed=4)
    arguments = {"threat": LINF, **shared, **arguments}
    if name == "noise":
        assert torch.equal(perturbed, attacks.random_noise(images, **arguments))
    else:
        assert torch.equal(perturbed, getattr(attacks, name)(net, images, labels, **arguments))


@pytest.mark.parametrize("name", ["square", "autoattack"])
def test_random_search_in_l2(conv_net, batch, name):
    net, (images, labels) = conv_net(), batch()
    budget = {"n_queries": 9} if name == "square" else {"n_queries": 9, "steps": 3, "n_target_classes": 1}
    perturbed = craft(config(name, norm="l2", eps=1.0, **budget), net, images, labels, eps=0.1, seed=4)
    assert torch.equal(perturbed, getattr(attacks, name)(net, images, labels, threat=L2, seed=4, **budget))


@pytest.mark.parametrize("name", SAME)
def test_the_configs_own_eps_comes_first_and_zero_changes_nothing(conv_net, batch, name):
    shared, settings, _ = SAME[name]
    net, (images, labels) = conv_net(), batch()
    still = config(name, **shared, **{**settings, "eps": 0.0})
    assert torch.equal(craft(still, net, images, labels, eps=0.1, seed=0), images)


def test_a_patch_is_placed_in_shares_of_the_image(conv_net, batch):
    net, (images, labels) = conv_net(), batch()
    settings = config("fgsm", patch={"side": 0.5, "top": 1.0, "left": 0.0})
    change = craft(settings, net, images, labels, eps=0.1, seed=0) - images
    assert (change[..., :4, :] == 0).all()
    assert (change[..., 4:] == 0).all()
    assert (change[..., 4:, :4] != 0).any()


@pytest.mark.parametrize("name", ["fgsm", "pgd"])
def test_the_label_may_be_the_models_own_answer(conv_net, batch, name):
    net, (images, _) = conv_net(), batch()
    own = net.eval()(images).argmax(1)
    wrong = (own + 1) % 4
    settings = config(name, label="own")
    perturbed = craft(settings, net, images, wrong, eps=0.1, seed=4)
    assert torch.equal(perturbed, craft(config(name), net, images, own, eps=0.1, seed=4))
    assert not torch.equal(perturbed, craft(config(name), net, images, wrong, eps=0.1, seed=4))
    assert craft(settings, net, images[:0], wrong[:0], eps=0.1, seed=4).shape == (0, 1, 8, 8)


@pytest.mark.parametrize("name", ["fgsm", "assist"])
def test_gradients_may_be_of_low_precision(conv_net, batch, name):
    net, (images, labels) = conv_net(), batch()
    perturbed = craft(config(name, precision="bfloat16"), net, images, labels, eps=0.1, seed=4)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(perturbed, getattr(attacks, name)(net, images, labels, threat=LINF))
    assert not torch.is_autocast_enabled("cpu")


def test_images_that_leave_the_pixel_range_cannot_be_stored(conv_net, batch):
    net, (images, labels) = conv_net(), batch()
    settings = config("fgsm", clip=False)
    perturbed = craft(settings, net, images, labels, eps=0.3, seed=0)
    assert torch.equal(perturbed, fgsm(net, images, labels, threat=Threat("linf", 0.3), clip=False))
    assert perturbed.min() < 0
    assert not settings.storable
    assert not config("noise", clip=False).storable
    assert all(config(name, **shared, **own).storable for name, (shared, own, _) in SAME.items())


def test_batches_are_rounded_towards_the_clean_images(conv_net):
    net, pgd = conv_net(), config("pgd", steps=2)
    images, labels = torch.randint(256, (260, 1, 8, 8)).to(torch.uint8), torch.arange(260) % 4
    batches = [*crafted(pgd, net, images, labels, eps=0.1, seed=4)]
    assert [len(stored) for _, stored in batches] == [250, 10]
    last, ids = slice(250, 260), torch.arange(250, 260)
    alone = craft(pgd, net, images[last] / 255, labels[last], eps=0.1, seed=4, sample_ids=ids)
    assert torch.equal(batches[1][0], alone)
    assert ((batches[1][1].int() - images[last].int()).abs() <= 25).all()


@pytest.mark.parametrize(
    "settings",
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
def test_bad_settings_are_refused(settings):
    with pytest.raises(ValidationError):
        AttackConfig.model_validate(settings)
