"""Whatever works as ``model(x)`` works in every attack, with the numbers that the plain way gives."""

import importlib
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from friendfoe.attacks import Threat, apgd, assist, autoattack, cw_l2, fab_t, fgsm, jsma, margin_pgd, pgd, square
from friendfoe.attacks import temperature_pgd as cooled
from friendfoe.attacks.pgd import PGDConfig
from friendfoe.evaluation.gradient_masking import gradient_masking
from friendfoe.evaluation.robust import robustness
from friendfoe.models.predict import predict

LINF, L2 = Threat("linf", 0.1), Threat("l2", 0.5)
ATTACKS = {
    "apgd": partial(apgd, threat=LINF, steps=2),
    "assist": partial(assist, threat=LINF),
    "autoattack": partial(autoattack, threat=LINF, steps=2, n_target_classes=1, n_queries=3),
    "cw_l2": partial(cw_l2, threat=L2, steps=2, binary_search_steps=1),
    "fab_t": partial(fab_t, threat=LINF, steps=2, n_target_classes=1),
    "fgsm": partial(fgsm, threat=LINF),
    "jsma": partial(jsma, threat=Threat("l0", 0.05)),
    "margin_pgd": partial(margin_pgd, threat=LINF, steps=2),
    "pgd": partial(pgd, threat=LINF, steps=2),
    "pgd_l2": partial(pgd, threat=L2, steps=2),
    "square": partial(square, threat=LINF, n_queries=4),
    "square_l2": partial(square, threat=L2, n_queries=4),
    "temperature_pgd": partial(cooled, threat=LINF, steps=2, temperature=2.0),
}


class Net(nn.Module):
    """Two convolutions; what comes between and after them is each network's own."""

    def __init__(self):
        super().__init__()
        self.conv1, self.norm = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.conv2, self.linear = nn.Conv2d(4, 6, 3, padding=1), nn.Linear(6 * 16, 5)

    def features(self, x):
        return self.conv2(F.avg_pool2d(torch.tanh(self.norm(self.conv1(x))), 2))

    def forward(self, x):
        return self.linear(self.features(x).flatten(1))


class LeNet(Net):
    def forward(self, x):
        return self.linear(self.features(x).view(-1, 6 * 16))


class SqueezeAndExcitation(Net):
    def __init__(self):
        super().__init__()
        self.scale = nn.Sequential(nn.Linear(6, 2), nn.ReLU(), nn.Linear(2, 6), nn.Sigmoid())

    def forward(self, x):
        features = self.features(x)
        weights = self.scale(F.adaptive_avg_pool2d(features, 1).view(len(x), -1))
        return self.linear((features * weights.view(len(x), -1, 1, 1)).view(len(x), -1))


class Strides(Net):
    def forward(self, x):
        features = self.features(x)
        assert features.is_contiguous()
        return self.linear(features.as_strided((len(x), 6 * 16), (features.stride(0), 1)))


class InPlace(Net):
    def forward(self, x):
        return super().forward(x.sub_(0.5).div_(0.5))


class Checkpointed(Net):
    reentrant = False

    def features(self, x):
        return checkpoint(super().features, x, use_reentrant=self.reentrant)


class Reentrant(Checkpointed):
    reentrant = True


class Twice(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x.view(-1).view(x.shape)

    @staticmethod
    def backward(ctx, gradient):
        return 2 * gradient.view(-1).view(gradient.shape)


class OwnGradient(Net):
    def features(self, x):
        return Twice.apply(super().features(x))


class Counting(Net):
    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls += 1
        return super().forward(x)


class Holder(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.held = [net]

    def forward(self, x):
        return self.held[0](x)


class Tied(Net):
    def __init__(self):
        super().__init__()
        self.conv3 = nn.Conv2d(6, 6, 3, padding=1)
        self.conv4 = nn.Conv2d(6, 6, 3, padding=1)
        self.conv4.weight = self.conv3.weight

    def features(self, x):
        return self.conv4(self.conv3(super().features(x)))


class View(nn.Module):
    def forward(self, x):
        return x.view(len(x), -1)


def layers(*after, first=()):
    return nn.Sequential(*first, nn.Conv2d(3, 4, 3, padding=1), nn.Tanh(), nn.AvgPool2d(2), *after)


def plain_layers():
    return layers(nn.Conv2d(4, 6, 3, padding=1), nn.Flatten(), nn.Linear(96, 5))


def overlaid():
    net = plain_layers()
    net[0].forward = lambda x: F.conv2d(x.contiguous(), net[0].weight, net[0].bias, padding=1).view(len(x), 4, 8, 8)
    return net


def hooked(register, hook):
    net = plain_layers()
    getattr(net[3], register)(hook)
    return net


def parametrised():
    net = Net()
    nn.utils.parametrizations.weight_norm(net.conv1)
    nn.utils.parametrizations.spectral_norm(net.conv2)
    return net


def old_weight_norm():
    net = plain_layers()
    nn.utils.weight_norm(net[0])
    return net


def compiled_in_place():
    net = plain_layers()
    net.compile(backend="eager")
    return net


class Wrapper(nn.Module):
    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, *args, **kwargs):
        return self.module(*args, **kwargs)


def ahead_of_time(build):
    return lambda: build(Net().eval().double(), torch.rand(2, 3, 8, 8, dtype=torch.float64))


MODELS = {
    "Sequential": plain_layers,
    "view": lambda: layers(View(), nn.Linear(64, 5)),
    "LeNet": LeNet,
    "SE": SqueezeAndExcitation,
    "strides": Strides,
    "in place": InPlace,
    "in place layer": lambda: layers(nn.Flatten(), nn.Linear(64, 5), first=[nn.ReLU(inplace=True)]),
    "checkpoint": Checkpointed,
    "reentrant checkpoint": Reentrant,
    "own gradient": OwnGradient,
    "counts": Counting,
    "held": lambda: Holder(LeNet().double().eval()),
    "DataParallel": lambda: nn.DataParallel(LeNet()),
    "tied": Tied,
    "overlaid": overlaid,
    "forward hook": lambda: hooked("register_forward_hook", lambda m, i, out: out.view(-1).view(out.shape)),
    "pre-hook": lambda: hooked("register_forward_pre_hook", lambda m, i: (i[0].view(-1).view(i[0].shape),)),
    "backward hook": lambda: hooked("register_full_backward_hook", lambda m, g, out: (g[0] * 2,)),
    "parametrised": parametrised,
    "weight_norm": old_weight_norm,
    "channels_last": lambda: LeNetLast().to(memory_format=torch.channels_last),
    "script": ahead_of_time(lambda net, x: torch.jit.script(net)),
    "frozen script": ahead_of_time(lambda net, x: torch.jit.freeze(torch.jit.script(net))),
    "compiled": ahead_of_time(lambda net, x: torch.compile(net, backend="eager")),
    "compiled in place": compiled_in_place,
    "DDP-like": lambda: Wrapper(LeNet()),
    "trace": ahead_of_time(torch.jit.trace),
    "fx": ahead_of_time(lambda net, x: torch.fx.symbolic_trace(net)),
    "function": lambda: LeNet().double().eval().__call__,
    "functional": lambda: functional(LeNet().double().eval()),
}


class LeNetLast(Net):
    def forward(self, x):
        features = self.features(x)
        assert features.is_contiguous(memory_format=torch.channels_last)
        return self.linear(features.permute(0, 2, 3, 1).reshape(len(x), -1))


def functional(net):
    state = {name: value.detach() for name, value in net.state_dict().items()}
    return lambda x: torch.func.functional_call(net, state, (x,))


def made(name):
    torch.manual_seed(1)
    model = MODELS[name]()
    return model.double() if isinstance(model, nn.Module) else model


@pytest.fixture
def batch(batch):
    return batch(count=5, channels=3, classes=5, dtype=torch.float64)


@pytest.fixture
def the_plain_way(monkeypatch):
    """Switches the short cuts off: every model is handed to attacks as a function of others."""

    def switch():
        monkeypatch.setattr(
            importlib.import_module("friendfoe.attacks.white_box"), "in_any_format", lambda model: False
        )

    return switch


RECIPE = {"pgd": PGDConfig(attack="pgd", steps=2)}


def results(model, batch, attacks):
    images, labels = batch
    kept = images.clone()
    found = {name: ATTACKS[name](model, images, labels) for name in attacks}
    standing = robustness(model, images, labels, RECIPE, eps=0.1, seed=0)
    assert torch.equal(images, kept)
    return found, (standing.fallen_to.tolist(), standing.forward, standing.backward)


def compare(name, batch, the_plain_way, attacks):
    found, standing = results(made(name), batch, attacks)
    the_plain_way()
    expected, verdicts = results(made(name), batch, attacks)
    for attack in attacks:
        assert torch.allclose(found[attack], expected[attack], atol=1e-9), attack
    assert standing == verdicts


quiet = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")


@quiet
@pytest.mark.parametrize("name", MODELS)
def test_any_model_gives_the_numbers_of_the_plain_way(name, batch, the_plain_way):
    compare(name, batch, the_plain_way, ["pgd"])


@pytest.mark.slow
@quiet
@pytest.mark.parametrize("name", MODELS)
def test_every_attack_gives_the_numbers_of_the_plain_way(name, batch, the_plain_way):
    compare(name, batch, the_plain_way, ATTACKS)


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("name", ["LeNet", "in place"])
def test_every_attack_takes_networks_that_flatten_by_view_or_write_into_their_input(name, attack, batch):
    images, labels = batch
    kept = images.clone()
    ATTACKS[attack](made(name), images, labels)
    assert torch.equal(images, kept)


def test_the_checks_for_masked_gradients_take_such_networks(batch):
    images, labels = batch
    assert len(gradient_masking(made("LeNet"), images, labels, eps=0.1)) > 5


@pytest.mark.parametrize("name", ["LeNet", "in place", "in place layer"])
def test_predictions_are_those_of_the_model(name, batch):
    images, net = batch[0].float()[:, :1].contiguous().expand(-1, 3, -1, -1).contiguous(), made(name).float()
    kept = images.clone()
    net.train()
    if hasattr(net, "norm"):
        net.norm.eval()
    modes = [module.training for module in net.modules()]
    answers = predict(net, images)
    assert torch.equal(images, kept)
    assert [module.training for module in net.modules()] == modes
    assert torch.allclose(answers, net.eval()(images).softmax(1), atol=1e-6)
