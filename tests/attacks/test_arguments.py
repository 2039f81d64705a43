"""Arguments that are nearly right: they work, or one line names the argument and says what to do."""

from collections import namedtuple
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from friendfoe import attacks
from friendfoe.attacks import (
    Threat,
    apgd,
    autoattack,
    craft,
    cw_l0,
    cw_l2,
    cw_linf,
    fab_t,
    fgsm,
    jsma,
    pgd,
    random_noise,
    square,
    square_patch,
    temperature_pgd,
)
from friendfoe.attacks.config import AttackConfig
from friendfoe.data.corruptions import corrupt
from friendfoe.evaluation.robust import PassCounter, robustness

IMAGES, LABELS = torch.rand(3, 1, 8, 8), torch.tensor([0, 1, 2])
FGSM = {"one": AttackConfig.model_validate({"attack": "fgsm"})}
SOME = {
    "fgsm": partial(fgsm, threat=Threat("linf", 0.1)),
    "pgd": partial(pgd, threat=Threat("linf", 0.1), steps=2),
    "apgd": partial(apgd, threat=Threat("linf", 0.1), steps=2),
    "fab_t": partial(fab_t, threat=Threat("linf", 0.1), steps=2),
    "square": partial(square, threat=Threat("linf", 0.1), n_queries=2),
    "autoattack": partial(autoattack, threat=Threat("linf", 0.1), steps=2, n_queries=2),
    "cw_l0": partial(cw_l0, threat=Threat("l0", 0.5), steps=2),
    "cw_l2": partial(cw_l2, threat=Threat("l2", 0.5), steps=2),
    "cw_linf": partial(cw_linf, threat=Threat("linf", 0.5), steps=2),
    "jsma": partial(jsma, threat=Threat("l0", 0.1)),
    "robustness": partial(robustness, attacks=FGSM, eps=0.1, seed=0),
}
TARGETED = ["apgd", "pgd", "cw_l2", "jsma"]


def refused(message, call, *args, **more):
    with pytest.raises(ValueError, match=f"^{message}") as refusal:
        call(*args, **more)
    assert "\n" not in str(refusal.value)


WRONG = {
    "images: must be a torch.Tensor, got numpy.ndarray; torch.as_tensor": (IMAGES.numpy(), LABELS),
    "images: must be a torch.Tensor, got list": (IMAGES.tolist(), LABELS),
    r"images: must be floating point in \[0, 1\], got torch.uint8; divide 0, ..., 255 by 255": (
        (IMAGES * 255).to(torch.uint8),
        LABELS,
    ),
    r"images: must lie in \[0, 1\], got values from 0.0 to 1.0000001.*; take a rounding off by images.clamp\(0, 1\)": (
        torch.cat([IMAGES[:1] * 0, IMAGES[:1] * 0 + 1 + 2**-23, IMAGES[:1]]),
        LABELS,
    ),
    r"images: must lie in .* to 255.0; divide them by 255": (IMAGES * 0 + 255, LABELS),
    "images: must lie in .*; the model has to normalise them itself": (IMAGES * 4 - 2, LABELS),
    "images: must have the shape": (IMAGES[0], LABELS),
    "labels: must be a torch.Tensor, got numpy.ndarray; torch.as_tensor": (IMAGES, LABELS.numpy()),
    "labels: must be a torch.Tensor, got list": (IMAGES, [0, 1, 2]),
    r"labels: must be int64, got torch.int32; labels.long\(\)": (IMAGES, LABELS.int()),
    r"labels: must have the shape \[3\].*; labels.argmax\(1\) makes classes": (IMAGES, F.one_hot(LABELS, 4)),
    r"labels: must have the shape .*; labels.squeeze\(1\)": (IMAGES, LABELS[:, None]),
    "labels: must have the shape": (IMAGES, LABELS[:2]),
    "labels: must be below 4": (IMAGES, LABELS + 2),
    "labels: must be on the device of the images, cpu, got meta": (IMAGES, LABELS.to("meta")),
}


@pytest.mark.parametrize("message", WRONG)
@pytest.mark.parametrize("attack", SOME)
def test_a_wrong_batch_is_refused_alike_by_all(conv_net, attack, message):
    refused(message, SOME[attack], conv_net(), *WRONG[message])


@pytest.mark.parametrize("attack", sorted({*SOME} - {"fgsm", "pgd"}))
def test_soft_labels_are_refused_where_they_mean_nothing(conv_net, attack):
    soft = torch.full((3, 4), 0.25)
    refused(r"labels: must be int64, got torch.float32; labels.argmax\(1\)", SOME[attack], conv_net(), IMAGES, soft)


@pytest.mark.parametrize("bad", [torch.nan, -0.5, 3.0])
def test_soft_labels_are_probabilities(conv_net, bad):
    refused("labels: probabilities must lie in", SOME["pgd"], conv_net(), IMAGES, torch.full((3, 4), bad))
    refused("labels: probabilities must be .*; classes are int64", SOME["pgd"], conv_net(), IMAGES, LABELS.float())


@pytest.mark.parametrize("attack", TARGETED)
def test_targets_are_other_classes_in_every_attack(conv_net, attack):
    for targets, message in (
        (LABELS, "targets: must differ from the labels, 3 do not"),
        ([1, 2, 3], "targets: must be a torch.Tensor, got list"),
        (LABELS + 3, "targets: must be below 4"),
        (LABELS + 1.0, "targets: must be int64"),
    ):
        refused(message, SOME[attack], conv_net(), IMAGES, LABELS, targets=targets)
    assert SOME[attack](conv_net(), IMAGES, LABELS, targets=LABELS + 1).shape == IMAGES.shape


@pytest.mark.parametrize("eps", [Fraction(1, 4), np.float32(0.25), np.array(0.25), torch.tensor(0.25), 0.25])
def test_sizes_are_numbers_of_any_kind(conv_net, eps):
    assert Threat("linf", eps) == Threat("linf", 0.25)
    more = {"threat": Threat("linf", 0.25), "steps": 2}
    stepped = pgd(conv_net(), IMAGES, LABELS, step_size=eps, **more)
    assert torch.equal(stepped, pgd(conv_net(), IMAGES, LABELS, step_size=0.25, **more))
    warm = temperature_pgd(conv_net(), IMAGES, LABELS, temperature=eps, **more)
    assert torch.equal(warm, temperature_pgd(conv_net(), IMAGES, LABELS, temperature=0.25, **more))
    cw_l2(conv_net(), IMAGES, LABELS, threat=Threat("l2", eps), steps=2, lr=eps, initial_const=eps, confidence=eps)
    jsma(conv_net(), IMAGES, LABELS, threat=Threat("l0", eps), temperature=eps)


@pytest.mark.parametrize("value", ["8/255", True, np.True_, None, [0.1], 1j])
def test_what_is_no_number_is_refused(conv_net, value):
    refused("eps: must be a number, got ", Threat, "linf", value)
    attack = partial(pgd, conv_net(), IMAGES, LABELS, threat=Threat("linf", 0.1), steps=1)
    if value is not None:
        refused("step_size: must be a number, got ", attack, step_size=value)
    for name in ("lr", "initial_const", "confidence"):
        refused(f"{name}: must be a number, got ", SOME["cw_l2"], conv_net(), IMAGES, LABELS, **{name: value})
    refused("temperature: must be a number", SOME["jsma"], conv_net(), IMAGES, LABELS, temperature=value)


def test_counts_are_integers_of_any_kind(conv_net):
    net, more = conv_net(), {"threat": Threat("linf", 0.1), "seed": np.int64(3)}
    assert torch.equal(pgd(net, IMAGES, LABELS, steps=np.int64(2), **more), pgd(net, IMAGES, LABELS, steps=2, **more))
    square(net, IMAGES, LABELS, n_queries=np.int32(2), **more)
    for wrong in (True, 2.0, "2", np.float64(2)):
        refused("steps: must be an integer", pgd, net, IMAGES, LABELS, steps=wrong, **more)
        refused("n_queries: must be an integer", square, net, IMAGES, LABELS, n_queries=wrong, **more)
    for wrong in (0.0, "0", None, True):
        for attack in ("pgd", "apgd", "square", "autoattack"):
            refused("seed: must be an integer", SOME[attack], net, IMAGES, LABELS, seed=wrong)
    refused("seed: must be an integer", random_noise, IMAGES, threat=Threat("linf", 0.1), seed=0.5)


@pytest.mark.parametrize("eps", [8, 16.0, 255])
def test_sizes_in_levels_of_255_are_refused(eps):
    refused(rf"eps: for norm linf .* at most 1, got {eps:g}; is it {eps:g} / 255\?", Threat, "linf", eps)
    with pytest.raises(ValueError, match="at most 1"):
        AttackConfig.model_validate({"attack": "pgd", "eps": eps})


@pytest.mark.parametrize(
    ("norm", "meant"),
    [
        *((norm, "linf") for norm in ("Linf", "l_inf", "L-inf", "inf", np.inf, float("inf"))),
        *((norm, "l2") for norm in ("L2", "l_2", "2", 2)),
        *((norm, "l0") for norm in ("L0", 0)),
    ],
)
def test_other_names_of_norms_are_recognised(norm, meant):
    refused(rf"norm: must be one of linf, l2, l0, got .*; did you mean '{meant}'\?", Threat, norm, 0.1)
    refused("norm: must be one of linf, l2, l0, got 'l1'$", Threat, "l1", 0.1)


@pytest.mark.parametrize("threat", ["linf", 0.1, ("linf", 0.1), None])
def test_a_threat_is_a_threat(conv_net, threat):
    for name in set(SOME) - {"robustness"}:
        refused("threat: must be a Threat, like", SOME[name], conv_net(), IMAGES, LABELS, threat=threat)
    refused("threat: must be a Threat, like", random_noise, IMAGES, threat=threat)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"mask": np.ones((1, 1, 8, 8))}, "mask: must be a torch.Tensor, got numpy.ndarray"),
        ({"radii": [0.1, 0.1, 0.1]}, "radii: must be a torch.Tensor, got list"),
        ({"radii": torch.tensor([0.1, 8.0, 0.1])}, "radii: for norm linf .* at most 1, got 8"),
        ({"radii": 0.1}, "radii: must be a torch.Tensor, got float"),
        ({"radii": torch.ones(3, device="meta")}, "radii: must be on the device"),
        ({"sample_ids": [0, 1, 2]}, "sample_ids: must be a torch.Tensor, got list"),
        ({"loss": "cross_entropy"}, "loss: must be a function"),
        ({"loss": F.cross_entropy}, r"loss: must give one value per image, \[3\], got \[\]; reduction='none'"),
    ],
)
def test_other_arguments_are_refused_by_name(conv_net, more, message):
    refused(message, SOME["pgd"], conv_net(), IMAGES, LABELS, **more)


Output = namedtuple("Output", ["logits"])


@pytest.mark.parametrize("attack", SOME)
@pytest.mark.parametrize(
    "wrap", [lambda z: (z, z), lambda z: [z], lambda z: {"logits": z}, Output], ids=["pair", "list", "dict", "named"]
)
def test_a_model_that_gives_more_than_logits(conv_net, attack, wrap):
    net = conv_net().eval()
    message = r"model: must give logits \[3, K\] with K at least 2, got (tuple|list|dict|Output); take the logits out"
    for model in (lambda images: wrap(net(images)), PassCounter(lambda images: wrap(net(images)))):
        refused(message, SOME[attack], model, IMAGES, LABELS)


def test_unknown_attacks_and_models_that_are_none(conv_net):
    for name in SOME:
        refused("model: must be a function of images, .*, got 'resnet'", SOME[name], "resnet", IMAGES, LABELS)
    with pytest.raises(AttributeError, match=r"has no attribute 'autoatack'; did you mean 'autoattack'\?"):
        attacks.autoatack  # noqa: B018


@pytest.mark.parametrize("attack", SOME)
def test_probabilities_are_warned_of_and_logits_are_not(conv_net, attack, recwarn):
    net = conv_net().eval()
    SOME[attack](net, IMAGES, LABELS)
    SOME[attack](lambda images: net(images).log_softmax(1), IMAGES, LABELS)
    SOME[attack](lambda images: net(images).sigmoid(), IMAGES, LABELS)
    assert not recwarn.list
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        with pytest.warns(UserWarning, match="^model: seems to give probabilities"):
            SOME[attack](lambda images, dtype=dtype: net(images).to(dtype).softmax(1), IMAGES, LABELS)


def test_recipes_are_settings_by_name(conv_net):
    ask = partial(robustness, conv_net(), IMAGES, LABELS, eps=0.1, seed=0)
    refused("attacks: must map names to settings, got list", ask, list(FGSM.values()))
    refused("attacks: must map names to settings, got FGSMConfig", ask, FGSM["one"])
    refused("attacks: 'one' must be an AttackConfig, got dict; AttackConfig.model", ask, {"one": {"attack": "fgsm"}})
    refused("attacks: 'one' must be an AttackConfig, got function", ask, {"one": fgsm})
    refused("config: must be an AttackConfig, got str", craft, "fgsm", conv_net(), IMAGES, LABELS, eps=0.1, seed=0)
    refused("eps: must be a number", ask, FGSM, eps="8/255")
    with pytest.raises(ValueError, match=r"there is no attack 'autoatack'; did you mean 'autoattack'\?"):
        AttackConfig.model_validate({"attack": "autoatack"})


@pytest.mark.parametrize("attack", SOME)
def test_an_empty_batch_is_left_as_it_is(conv_net, attack):
    for dtype in (torch.float32, torch.bfloat16):
        out = SOME[attack](conv_net().to(dtype), IMAGES[:0].to(dtype), LABELS[:0])
        out = out.images if attack == "robustness" else out
        assert (out.shape, out.dtype) == ((0, 1, 8, 8), dtype)


def test_patches_and_corruptions_are_as_strict():
    refused("side: must be an integer", square_patch, (8, 8), 2.5, 0, 0)
    refused("side: must be an integer", square_patch, (8, 8), True, 0, 0)
    assert square_patch((8, 8), np.int64(2), np.int64(1), 0).sum() == 4
    refused("images: must be a torch.Tensor, got numpy.ndarray", corrupt, IMAGES.numpy(), "fog", 1, seed=0)
