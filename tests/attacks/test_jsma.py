"""JSMA against a slow, literal implementation of its definition; and its budget, which is never exceeded."""

import time
from itertools import combinations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from friendfoe.attacks import Threat, jsma
from friendfoe.attacks.jsma import best_pair

OUTPUTS = {
    "softmax": lambda z: z.softmax(0),
    "log-softmax": lambda z: z.softmax(0),  # the same attack, with gradients that do not underflow
    "logits": lambda z: z,
}


def network(seed=0, classes=4, side=3):
    torch.manual_seed(seed)
    features = side * side
    return nn.Sequential(
        nn.Flatten(), nn.Linear(features, 12), nn.Tanh(), nn.Linear(12, classes), nn.Flatten()
    ).double().requires_grad_(False)  # fmt: skip


def literal(net, image, target, pairs, output):
    """Papernot et al. 2016, algorithm 2, word by word: all pairs are tried, one image at a time."""
    x = image.clone()
    for _ in range(pairs):
        if net(x.unsqueeze(0)).argmax() == target:
            break
        jacobian = torch.autograd.functional.jacobian(lambda flat: output(net(flat.view(1, *x.shape))[0]), x.flatten())
        best, chosen = 0.0, None
        for p, q in combinations([p for p in range(x.numel()) if x.flatten()[p] < 1], 2):
            alpha = jacobian[target, p] + jacobian[target, q]
            beta = sum(jacobian[j, p] + jacobian[j, q] for j in range(len(jacobian)) if j != target)
            if alpha > 0 and beta < 0 and -alpha * beta > best:
                best, chosen = -alpha * beta, [p, q]
        if chosen is None:
            break
        x.view(-1)[chosen] = 1.0
    return x


@pytest.mark.parametrize(
    ("name", "temperature"), [("softmax", 1.0), ("softmax", 7.0), ("log-softmax", 1.0), ("logits", 1.0)]
)
def test_jsma_is_its_definition(name, temperature):
    net = network()
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(12, 1, 3, 3, generator=generator, dtype=torch.float64) * 0.8
    labels = net(images).argmax(1)
    targets = (labels + 1 + torch.arange(12) % 3) % 4
    perturbed = jsma(
        net, images, labels, threat=Threat("l0", 6 / 9), targets=targets, output=name, temperature=temperature
    )
    for image, target, result in zip(images, targets, perturbed, strict=True):
        expected = literal(net, image, int(target), 3, lambda z: OUTPUTS[name](z / temperature))
        assert torch.equal(result, expected)
    assert (perturbed != images).any()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), share=st.floats(0, 1), output=st.sampled_from(list(OUTPUTS)))
def test_the_budget_is_never_exceeded(seed, share, output):
    net = network(seed)
    images = torch.rand(5, 1, 3, 3, dtype=torch.float64)
    labels = torch.arange(5) % 4
    perturbed = jsma(net, images, labels, threat=Threat("l0", share), targets=(labels + 1) % 4, output=output)
    changed = perturbed != images
    assert (changed.flatten(1).sum(1) <= share * 9 + 1e-6).all()
    assert (perturbed[changed] == 1).all()


def test_a_budget_larger_than_the_image_is_refused():
    with pytest.raises(ValueError, match=r"^eps: for norm l0 a share of the features, at most 1, got 1\.5"):
        Threat("l0", 1.5)


def test_a_number_that_is_added_to_all_logits_changes_logits_as_they_are_alone():
    """The softmax and its logarithm do not know of such a number."""

    class Shifted(nn.Module):
        def __init__(self, net):
            super().__init__()
            self.net = net

        def forward(self, images):
            return self.net(images) + 5 * images.flatten(1).sum(1, keepdim=True).sin()

    net = network(3)
    images = torch.rand(20, 1, 3, 3, dtype=torch.float64) * 0.8
    labels = net(images).argmax(1)
    attack = {"threat": Threat("l0", 4 / 9), "targets": (labels + 1) % 4}
    for output in OUTPUTS:
        plain, shifted = (jsma(n, images, labels, output=output, **attack) for n in (net, Shifted(net)))
        assert torch.equal(plain, shifted) == (output != "logits")


def test_saturation_stops_jsma_on_the_softmax_and_not_on_its_logarithm():
    """What distillation does: the logits grow, the gradients of the softmax underflow, and the images are no safer."""
    net = network(3).float()
    images = torch.rand(20, 1, 3, 3) * 0.8
    labels = net(images).argmax(1)
    targets = (labels + 1) % 4
    attack = {"threat": Threat("l0", 6 / 9), "targets": targets}

    def saturated(images):
        return 1e5 * net(images)

    def reached(model, output):
        return (net(jsma(model, images, labels, output=output, **attack)).argmax(1) == targets).sum()

    assert reached(net, "softmax") == reached(net, "log-softmax") > 0
    assert reached(saturated, "softmax") == 0
    assert reached(saturated, "log-softmax") > 0


@pytest.mark.parametrize("kind", ["random", "opposed", "equal", "ties"])
def test_best_pair_is_the_best_of_all_pairs(kind):
    generator = torch.Generator().manual_seed(0)
    gain = torch.randn(60, 15, generator=generator)
    loss = {
        "random": torch.randn(60, 15, generator=generator),
        "opposed": 0.3 * torch.randn(60, 15, generator=generator) - gain,
        "equal": gain,
        "ties": (2 * gain).round(),
    }[kind]
    if kind == "ties":
        gain = (2 * torch.randn(60, 15, generator=generator)).round()
    free = torch.rand(60, 15, generator=generator) < 0.8
    free[0] = False
    free[1] = torch.arange(15) == 3
    pairs, exists = best_pair(gain, loss, free)
    for row in range(60):
        best = None
        for p in range(15):
            for q in range(p):
                both = (gain[row, p] + gain[row, q]).double(), (loss[row, p] + loss[row, q]).double()
                if free[row, p] and free[row, q] and both[0] > 0 and both[1] > 0:
                    best = max(best or 0, (both[0] * both[1]).item())
        assert exists[row] == (best is not None)
        if best is not None:
            p, q = pairs[row]
            assert p != q
            assert free[row, p]
            assert free[row, q]
            reached = (gain[row, p] + gain[row, q]).double() * (loss[row, p] + loss[row, q]).double()
            assert reached.item() == pytest.approx(best, rel=1e-6)


@pytest.mark.parametrize("settings", [{}, {"output": "logits"}, {"temperature": 20.0}])
def test_jsma_on_a_linear_model_takes_the_heaviest_features(linear_net, settings):
    net = linear_net(classes=2)
    images = torch.full((3, 1, 8, 8), 0.25, dtype=torch.float64)
    labels = net(images).argmax(1)
    targets = 1 - labels
    weight = (net[1].weight[targets] - net[1].weight[labels]).detach()
    out = jsma(net, images, labels, threat=Threat("l0", 1.0), targets=targets, **settings)
    changed = (out != images).flatten(1)
    assert (out[out != images] == 1).all()
    assert (net(out).argmax(1) == targets).all()
    if settings.get("output") != "logits":  # the probabilities of two classes depend on the difference alone
        for row in range(3):
            heaviest = weight[row].topk(int(changed[row].sum())).indices
            assert changed[row, heaviest].all()


def test_jsma_keeps_its_budget_and_stops_at_its_target(conv_net, batch):
    net, (images, labels) = conv_net(1), batch(count=12)
    few, many = (jsma(net, images, labels, threat=Threat("l0", share)) for share in (4 / 64, 40 / 64))
    changed = [(out != images).flatten(1).sum(1) for out in (few, many)]
    assert (changed[0] <= 4).all()
    assert (changed[1] >= changed[0]).all()
    assert torch.equal(jsma(net, images, labels, threat=Threat("l0", 0.0)), images)
    reached = net.eval()(images).argmax(1)
    others = (reached + 1) % 4  # an image that is taken for its target already stays as it is
    assert torch.equal(jsma(net, images, others, threat=Threat("l0", 0.5), targets=reached), images)


def test_jsma_is_blind_where_the_softmax_saturates_and_not_on_logits(linear_net):
    net = linear_net(classes=4, dtype=torch.float32)
    with torch.no_grad():
        net[1].weight *= 4000
        net[1].bias *= 4000
    images = torch.rand(20, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 0.5
    labels = net(images).argmax(1)
    fooled = {
        name: (net(jsma(net, images, labels, threat=Threat("l0", 0.5), **variant)).argmax(1) != labels).float().mean()
        for name, variant in {
            "softmax": {},
            "logits": {"output": "logits"},
            "temperature": {"temperature": 4000.0},
        }.items()
    }
    assert fooled["softmax"] < 0.3
    assert fooled["logits"] > 0.9
    assert fooled["temperature"] > 0.9


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"temperature": 0.0}, "temperature: must be finite and above 0, got 0.0"),
        ({"temperature": -1.0}, "temperature: must be finite and above 0, got -1.0"),
        ({"targets": torch.tensor([1, 0])}, "targets: must differ from the labels"),
        ({"targets": torch.tensor([1, 4])}, "targets: must be below 4"),
        ({"threat": Threat("linf", 0.1)}, "threat: this attack knows the norm l0, got linf"),
        ({"output": "probabilities"}, "output: must be one of softmax, log-softmax, logits, got 'probabilities'"),
        ({"model": lambda images: images.detach().flatten(1)[:, :4]}, "model: its output has no gradient"),
    ],
)
def test_what_cannot_be_is_refused(wrong, message):
    arguments = {"model": network(), "threat": Threat("l0", 0.5), "targets": torch.tensor([1, 2])} | wrong
    images = torch.rand(2, 1, 3, 3, dtype=torch.float64)
    with pytest.raises(ValueError, match="^" + message):
        jsma(images=images, labels=torch.tensor([0, 0]), **arguments)


@pytest.mark.slow
def test_900_attacks_on_the_papers_network_take_less_than_2_minutes_on_2_cores():
    """At their dearest: an untrained network, where most attacks spend the whole budget of 112 features."""
    torch.manual_seed(0)
    layers, asked = [], []
    for inputs, units in ((1, 32), (32, 64)):
        layers += [nn.Conv2d(inputs, units, 3), nn.ReLU(), nn.Conv2d(units, units, 3), nn.MaxPool2d(2), nn.ReLU()]
    for inputs, units in ((1024, 200), (200, 200)):
        layers += [nn.Flatten(), nn.Linear(inputs, units), nn.ReLU()]
    net = nn.Sequential(*layers, nn.Linear(200, 10))

    def standardise(_, inputs):
        asked.append(len(inputs[0]))
        return (inputs[0] - 0.13) / 0.31

    net.register_forward_pre_hook(standardise)
    images, labels = (torch.rand(100, 1, 28, 28) * 0.5).repeat_interleave(9, 0), torch.arange(900) // 9 % 10
    targets = (labels + 1 + torch.arange(900) % 9) % 10
    before = time.process_time()
    perturbed = jsma(net, images, labels, threat=Threat("l0", 0.1428572), targets=targets)
    taken = time.process_time() - before
    assert ((perturbed != images).flatten(1).sum(1) <= 112).all()
    assert sum(asked) > 900 * 10
    assert taken < 2 * 120, f"{taken:.0f} CPU seconds"
