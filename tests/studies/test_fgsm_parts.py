"""The analyses of the FGSM study on two tiny models."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from friendfoe.data.pixels import to_float
from friendfoe.data.store import Split
from friendfoe.models.classifier import build
from friendfoe.models.networks.maxout import ConvolutionalMaxoutConfig, MaxoutConfig
from friendfoe.models.networks.mlp import MLPConfig
from friendfoe.models.networks.rbf import RBFConfig
from friendfoe.models.networks.saturating import SaturatingConfig
from friendfoe.models.predict import predict
from friendfoe.runtime.errors import UserError
from friendfoe.studies.fgsm import measures
from friendfoe.studies.fgsm.cost import log_binary
from friendfoe.studies.fgsm.detector import evaded
from friendfoe.studies.fgsm.growth import resized
from friendfoe.studies.fgsm.iterated import iterated
from friendfoe.studies.fgsm.lines import Lines, lines
from friendfoe.studies.fgsm.logistic import logistic, pick
from friendfoe.studies.fgsm.measures import answers, counted, direction, shifted
from friendfoe.studies.fgsm.pictures import filters, least_changes, radius, spread
from friendfoe.studies.fgsm.rubbish import fooling, rubbish
from friendfoe.studies.fgsm.saturation import unsaturated
from friendfoe.training.job import TrainingConfig

SHAPE = (1, 6, 6)
EPS = 0.1


def network(kind="mlp", seed=0):
    torch.manual_seed(seed)
    config = {
        "mlp": MLPConfig(kind="mlp", hidden=[]),
        "maxout": MaxoutConfig(kind="maxout", units=[8], pieces=2),
        "sigmoids": MaxoutConfig(kind="maxout", units=[8], pieces=2, output="sigmoids"),
        "rbf": RBFConfig(kind="rbf"),
    }[kind]
    model = build(config, SHAPE, 3, seed=seed).eval()
    if kind in ("maxout", "sigmoids"):  # its first weights are so small that nothing would matter
        torch.nn.init.normal_(model[1][2].weight)
    return model


@pytest.fixture
def split():
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (30, *SHAPE), dtype=torch.uint8, generator=generator)
    return Split("tiny", images, torch.arange(30) % 3, ["a", "b", "c"], "0", (0.5,), (0.3,))


PAIR = [network("mlp"), network("maxout")]


@pytest.mark.parametrize("model", PAIR)
def test_the_direction_is_the_sign_of_the_gradient(model, split):
    signs = direction(model, split.images, split.labels)
    pixels = (split.images.float() / 255).requires_grad_()
    (gradient,) = torch.autograd.grad(torch.nn.functional.cross_entropy(model(pixels), split.labels), pixels)
    clear = gradient.abs() > 1e-6
    assert torch.equal(signs[clear], gradient.sign()[clear].to(torch.int8))
    moved = shifted(split.images, signs, EPS)
    assert torch.allclose((moved - pixels).abs(), EPS * signs.abs().float(), atol=1e-6)
    assert shifted(split.images, signs, 3.0, clip=True).aminmax() == (0, 1)


@pytest.mark.parametrize("kind", ["rbf", "sigmoids"])
def test_a_network_of_independent_classes_is_attacked_through_its_own_cost(kind, split):
    model = network(kind)
    signs = direction(model, split.images, split.labels)
    pixels = (split.images.double() / 255).requires_grad_()
    truth = torch.nn.functional.one_hot(split.labels, 3).double()
    cost = torch.nn.functional.binary_cross_entropy_with_logits(model.double()(pixels), truth, reduction="sum")
    (gradient,) = torch.autograd.grad(cost, pixels)
    clear = gradient.abs() > 1e-4 * gradient.abs().max()
    assert torch.equal(signs[clear], gradient.sign()[clear].to(torch.int8))


@settings(max_examples=30, deadline=None)
@given(scale=st.floats(0.01, 200), seed=st.integers(0, 99))
def test_the_cost_of_independent_classes_keeps_its_sign_where_it_underflows(scale, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = (scale * torch.randn(5, 4, generator=generator)).requires_grad_()
    labels = torch.arange(5) % 4
    signs = 1 - 2 * torch.nn.functional.one_hot(labels, 4).double()
    usual = torch.nn.functional.softplus(signs * logits.double()).sum(1)
    assert torch.allclose(log_binary(logits, labels).double(), usual.log(), rtol=1e-3, atol=1e-3)
    (slopes,) = torch.autograd.grad(log_binary(logits, labels).sum(), logits)
    assert (slopes != 0).any(1).all()
    assert (slopes.gather(1, labels.unsqueeze(1)) <= 0).all()
    assert (slopes.scatter(1, labels.unsqueeze(1), 0) >= 0).all()


def test_counts_are_those_of_the_answers():
    counts = counted(torch.tensor([0.5, 0.75, 1.0, 0.25]), torch.tensor([0, 1, 2, 0]), torch.tensor([0, 1, 0, 1]))
    assert counts["error"].tolist() == [0, 0, 1, 1]
    assert counts["confidence"].tolist() == [0.5, 0.75, 1.0, 0.25]
    assert counts["confidence-wrong"].isnan().tolist() == [True, True, False, False]
    assert counts["confidence-wrong"].nanmean() == 0.625


@pytest.mark.parametrize("model", PAIR)
def test_errors_by_eps_begin_clean_and_rise(model, split):
    labels = predict(model, split.images).argmax(1)  # what it answers is right, so that eps 0 has no error
    signs = direction(model, split.images, labels)
    by_eps = measures.by_eps("m", model, split.images, labels, signs, 0.3, [0.0, 1.0, 10.0])
    assert by_eps["error", "m", "clean"].sum() == 0
    assert min(by_eps["error", "m", "fgsm"].sum(), by_eps["error", "m", "fgsm-10"].sum()) > 0
    own = measures.own("m", model, split.images, labels, signs, 0.3)
    assert own["error", "m", "clean"].sum() == 0
    assert torch.equal(own["error", "m", "fgsm"], by_eps["error", "m", "fgsm"])
    assert own["error", "m", "fgsm-clipped"].sum() <= own["error", "m", "fgsm"].sum()  # it moves less


def test_many_steps_find_what_one_does_not(split):
    """A network whose gradient at the images points the wrong way: one step climbs, and falls on the other side."""
    model = Bumpy().eval()
    labels = model(to_float(split.images)).argmax(1)
    signs = direction(model, split.images, labels)
    found = iterated("m", model, split.images, labels, signs, 0.4, [0.5, 1.0], 10, 0)
    assert found["error", "m", "one-step"].mean() < found["error", "m", "pgd"].mean()
    assert (found["error", "m", "autoattack"] >= found["error", "m", "pgd"]).all()
    assert (found["error", "m", "pgd"] >= found["error", "m", "pgd-0.5"]).all()
    assert ("error", "m", "autoattack-0.5") not in found


class Bumpy(torch.nn.Module):
    """Two classes by a wave of the mean pixel, which a step of 0.4 goes past."""

    def __init__(self):
        super().__init__()
        self.wave = torch.nn.Parameter(torch.tensor(16.0))

    def forward(self, images):
        height = torch.sin(self.wave * images.mean((1, 2, 3)) - 8.0 + 0.9)
        return torch.stack([height, -height, -9 + 0 * height], 1)


def test_transfer_meets_the_models_own_attack_on_the_diagonal(split):
    networks = dict(zip(("one", "two"), PAIR, strict=True))
    signs = {name: direction(model, split.images, split.labels) for name, model in networks.items()}
    values = measures.transfer(networks, split.images, split.labels, signs, EPS)
    for name, model in networks.items():
        expected = counted(*answers(model, shifted(split.images, signs[name], EPS)), split.labels)
        assert torch.equal(values["error", name, f"on-{name}"], expected["error"])
        assert ("agreement", name, f"on-{name}") not in values
    assert 0 <= values["agreement", "two", "on-one"].nanmean() <= 1
    apart = measures.transfer(networks, split.images, split.labels, {"else": signs["one"]}, EPS)
    assert not any(metric == "agreement" for metric, _, _ in apart)  # a source that is no target answers nothing


def test_agreement_and_chance_by_hand():
    labels = torch.tensor([0, 0, 0, 0, 1, 1])
    first = torch.tensor([1, 1, 2, 0, 1, 2])  # wrong on the first three and the last
    second = torch.tensor([1, 2, 2, 1, 0, 1])  # wrong on the first five
    shares = {name: values.nanmean().item() for name, values in measures.agreement(first, second, labels).items()}
    assert shares["agreement"] == 2 / 4
    assert shares["agreement-wrong"] == pytest.approx(2 / 3)
    # of the label 0: the first says 1, 1, 2 and the second 1, 2, 2
    assert shares["chance"] == pytest.approx(2 / 3 * 1 / 3 + 1 / 3 * 2 / 3)
    same = measures.agreement(first, labels, labels)
    assert same["agreement-wrong"].isnan().all()
    assert same["chance"].isnan().all()


def test_the_logits_of_a_linear_model_are_lines_and_those_of_rbf_are_not(split):
    explained = {}
    for kind in ("mlp", "rbf"):
        model = network(kind)
        signs = direction(model, split.images, split.labels)
        line = lines(model, split.images, signs, 15.0, 31)
        at = shifted(split.images, signs, float(line.eps[20]))
        assert torch.allclose(line.logits[:, 20], model(at), atol=1e-4)
        explained[kind] = {name: values.mean().item() for name, values in line.linearity().items()}
    assert explained["mlp"] == pytest.approx({"linear-uphill": 1.0, "linear-downhill": 1.0})
    assert all(0.9 < value < 0.97 for value in explained["rbf"].values())  # nearly parabolas


def test_a_parabola_has_the_linearity_that_claims_compare_with():
    eps = torch.linspace(-1, 1, 2001)
    parabola = Lines(eps, (eps**2).view(1, -1, 1).repeat(2, 1, 1)).linearity()
    assert parabola["linear-uphill"].tolist() == pytest.approx([0.9375] * 2, abs=1e-3)


def test_how_far_the_right_answer_holds():
    eps = torch.linspace(-2, 2, 5)
    right = torch.tensor([[1, 0, 1, 1, 0], [1, 1, 1, 1, 1], [1, 1, 0, 1, 1]]).float()
    held = Lines(eps, torch.stack([right, 1 - right], 2)).held(torch.zeros(3).long())
    assert {name: values.tolist() for name, values in held.items()} == {
        "held-uphill": [1, 2, 0],
        "held-downhill": [0, 2, 0],
    }


def test_rubbish_counts_what_a_network_is_sure_of():
    model = network("mlp")
    torch.nn.init.zeros_(model[1][1].weight)
    model[1][1].bias.data = torch.tensor([2.0, 0.0, 0.0])
    p = predict(model, torch.zeros(1, *SHAPE)).amax().item()
    sure = rubbish(model, SHAPE, 20, 0)
    assert sure["error"].tolist() == [1.0] * 20
    assert sure["confidence-wrong"].tolist() == pytest.approx([p] * 20)
    far = rubbish(network("rbf"), SHAPE, 20, 0)
    assert far["error"].sum() == 0
    assert far["confidence-wrong"].isnan().all()


@pytest.mark.parametrize("model", PAIR)
def test_a_step_towards_a_class_makes_it_likelier(model):
    images, (before, after) = fooling(model, SHAPE, 10, 0.3, 0)
    assert images.shape == (3, 10, *SHAPE)
    assert images.aminmax()[0] >= 0
    assert images.aminmax()[1] <= 1
    assert before.shape == (3, 10)
    assert after.mean() > before.mean()


def test_a_convolutional_network_is_measured_on_colour_images():
    torch.manual_seed(2)
    model = build(ConvolutionalMaxoutConfig(kind="maxout-conv", width=3, pieces=2), (3, 8, 8), 3).eval()
    images, labels = torch.randint(0, 256, (6, 3, 8, 8), dtype=torch.uint8), torch.arange(6) % 3
    signs = direction(model, images, labels)
    shown = {condition for _, _, condition in measures.own("m", model, images, labels, signs, EPS)}
    assert shown >= {"clean", "fgsm", "fgsm-stored"}
    assert lines(model, images, signs, 15.0, 7).logits.shape == (6, 7, 3)
    assert filters(model, (3, 8, 8)).shape == (6, 3, 3, 3)
    assert fooling(model, (3, 8, 8), 2, 0.1, 0)[0].shape == (3, 2, 3, 8, 8)


def test_filters_and_how_much_they_look_at():
    weights = filters(network("maxout"), SHAPE)
    assert weights.shape == (16, *SHAPE)
    one, all_, far = torch.zeros(1, 1, 4, 4), torch.ones(1, 1, 4, 4), torch.zeros(1, 1, 4, 4)
    one[0, 0, 1, 2], far[0, 0, 0, 0], far[0, 0, 3, 3] = -3, 1, 1
    assert (spread(one), radius(one)) == pytest.approx((1 / 16, 0))
    assert (spread(all_), radius(all_)) == pytest.approx((1, 1))
    assert (spread(far), radius(far)) == pytest.approx((2 / 16, math.sqrt(2 * 1.5**2 / (2 * 1.25))))
    assert radius(torch.cat([one, all_])) == pytest.approx(0.5)
    assert radius(torch.ones(1, 1, 1, 1)) == 1  # nowhere else to be


def test_logistic_regression_measures_the_closed_form(split):
    budget = TrainingConfig(epochs=20, batch=8, optimizer="sgd", learning_rate=0.1)
    on_test, on_training, losses = logistic(split, split, [0, 2], EPS, 5, budget)
    for name in ("logistic", "logistic-adversarial", "logistic-l1"):
        assert losses["loss", name, "fgsm"] == pytest.approx(losses["closed-form", name, "fgsm"], rel=1e-4)
    assert on_test["error", "logistic", "fgsm"].mean() > on_test["error", "logistic", "clean"].mean()
    assert losses["loss", "logistic-adversarial", "fgsm"] < losses["loss", "logistic", "fgsm"]
    assert on_training["error", "logistic", "train"].shape == (20,)
    # a weight decay of eps is a bound that adversarial training stays below
    strong = logistic(split, split, [0, 2], 1.0, 5, budget)[1]
    assert strong["error", "logistic-l1", "train"].mean() > on_training["error", "logistic", "train"].mean()


def test_units_that_saturate():
    model = build(SaturatingConfig(kind="saturating", hidden=[4], activation="sigmoid"), SHAPE, 3).eval()
    hidden, images = model[1][1], torch.zeros(5, *SHAPE, dtype=torch.uint8)
    torch.nn.init.zeros_(hidden.weight)
    hidden.bias.data = torch.tensor([0.0, 1.7, -1.8, 9.0])  # slopes of 1, 0.52, 0.49 and 0 of the highest
    assert unsaturated(model, images).tolist() == [0.5] * 5
    smooth = build(SaturatingConfig(kind="saturating", hidden=[4], activation="tanh"), SHAPE, 3).eval()
    assert unsaturated(smooth, images).tolist() == [1.0] * 5


def test_images_of_other_sizes_are_means_and_what_is_between(split):
    half = resized(split, 0.5)
    assert half.shape == (1, 3, 3)
    expected = split.images[4, 0, :2, :2].double().mean().item()
    assert half.images[4, 0, 0, 0].item() == pytest.approx(expected, abs=0.51)
    assert resized(split, 2).shape == (1, 12, 12)
    assert resized(split, 0.01).shape == (1, 1, 1)
    assert resized(split, 1) is split
    flat = replace(split, images=torch.full((30, *SHAPE), 77, dtype=torch.uint8))
    assert {*resized(flat, 2).images.flatten().tolist()} == {77}


def test_an_attack_on_both_counts_what_is_wrong_and_unseen(split):
    classifier, blind = network("maxout"), build(MLPConfig(kind="mlp", hidden=[]), SHAPE, 2).eval()
    torch.nn.init.zeros_(blind[1][1].weight)
    labels = predict(classifier, split.images).argmax(1)
    for bias, unseen in (((1.0, 0.0), True), ((0.0, 1.0), False)):
        blind[1][1].bias.data = torch.tensor(bias)
        wrong = evaded(blind, classifier, split.images, labels, 0.5, 5, 0)["error", "detector", "pgd-both"]
        assert (wrong.mean() > 0.5) if unseen else (wrong.sum() == 0)


@pytest.mark.parametrize(
    ("pair", "message"), [([3, 7], "3: tiny has the classes 0 to 2"), ([0, 1], "no image of class b")]
)
def test_classes_that_a_data_set_lacks_are_one_line(split, pair, message):
    without = Split(**{**vars(split), "labels": torch.zeros(30).long()})
    with pytest.raises(UserError, match=rf"pipelines/fgsm/params\.yaml: pair: .*{message}"):
        pick(without, pair)


@pytest.mark.parametrize("model", PAIR)
def test_the_least_change_is_the_least(model, split):
    labels = predict(model, split.images).argmax(1)
    labelled = Split(**{**vars(split), "labels": labels})
    classes = sorted(set(labels.tolist()))
    gallery = least_changes(model, labelled, classes)
    assert gallery.answers["part"].tolist() == ["clean", "signs", "attacked"] * len(classes)
    for row in range(len(classes)):
        clean, _, moved = gallery.images[3 * row : 3 * row + 3].long()
        levels = int(gallery.answers["levels"][3 * row])
        assert (moved - clean).abs().max() <= levels
        name, answer = gallery.answers["label"][3 * row], gallery.answers["answer"][3 * row + 2]
        assert (answer != name) or levels == 255
        assert gallery.answers["answer"][3 * row] == name
        signs = direction(model, clean.unsqueeze(0).to(torch.uint8), torch.tensor([classes[row]]))
        fewer = (clean + (levels - 1) * signs[0].long()).clamp(0, 255).to(torch.uint8)
        assert levels == 1 or predict(model, fewer.unsqueeze(0)).argmax() == classes[row]


def test_a_gallery_class_that_is_not_there(split):
    with pytest.raises(UserError, match=r"pipelines/fgsm/params\.yaml: gallery: 5: tiny has the classes 0 to 2"):
        least_changes(PAIR[0], split, [5])
