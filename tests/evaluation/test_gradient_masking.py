"""Gradient masking: a plain model passes all checks, and each trick is caught by those that are meant for it."""

import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

from friendfoe.evaluation.gradient_masking import gradient_masking

EPS = 0.1


def mlp(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))


def fit(net, images, targets, *, temperature=1.0, steps=250):
    optimizer = torch.optim.Adam(net.parameters(), 0.01 * temperature**0.5)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(net(images) / temperature, targets).backward()
        optimizer.step()
    return net.eval()


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """Threads only cost time on models this small."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def digits():
    pixels, labels = load_digits(return_X_y=True)
    images = torch.from_numpy(pixels / 16).float().view(-1, 1, 8, 8)
    return images, torch.from_numpy(labels).long()


@pytest.fixture(scope="module")
def plain(digits):
    with torch.random.fork_rng():
        return fit(mlp(0), *digits)


@pytest.fixture(scope="module")
def distilled(digits):
    """Trained twice at T = 100, the second time on the probabilities of the first; used at T = 1."""
    images, labels = digits
    with torch.random.fork_rng():
        teacher = fit(mlp(1), images, labels, temperature=100, steps=400)
        soft = (teacher(images) / 100).softmax(1).detach()
        return fit(mlp(2), images, soft, temperature=100, steps=400)


def failed(model, digits, **more):
    images, labels = digits
    checks = gradient_masking(model, images[:200], labels[:200], eps=EPS, **more)
    assert all(check.numbers and check.question.endswith("?") for check in checks)
    return {check.name for check in checks if not check.passed}


def test_a_plain_model_passes(plain, digits, distilled):
    assert failed(plain, digits, transfer_from=distilled) == set()


def test_a_distilled_model_fails_by_its_softmax(distilled, digits):
    """Attacks through the softmax see a robust model, attacks on the logits do not."""
    images, labels = digits
    checks = {check.name: check for check in gradient_masking(distilled, images[:200], labels[:200], eps=EPS)}
    assert not checks["softmax"].passed
    assert checks["softmax"].numbers["accuracy, softmax"] > checks["softmax"].numbers["accuracy, logits"] + 0.2
    assert {name for name, check in checks.items() if not check.passed} == {"softmax"}


class Rounded(nn.Module):
    """An input step whose derivative is zero wherever it exists."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, images):
        return self.net((images * 16).round() / 16)


class Cut(Rounded):
    """An input step that autograd cannot pass at all."""

    def forward(self, images):
        return self.net(images.detach())


@pytest.mark.parametrize("step", [Rounded, Cut])
def test_a_non_differentiable_input_step_is_caught(plain, digits, step):
    failures = failed(step(plain), digits, transfer_from=plain)
    assert failures >= {"gradients", "steps", "unbounded", "black box", "transfer"}


def test_probabilities_are_caught(plain, digits):
    assert "logits" in failed(nn.Sequential(plain, nn.Softmax(1)), digits)


class Noisy(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, images):
        return self.net(images + 0.1 * torch.randn_like(images))


def test_a_random_model_is_caught(plain, digits):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        assert "deterministic" in failed(Noisy(plain), digits)


def test_the_model_is_left_as_it_was(plain, digits):
    images, labels = digits
    state = torch.get_rng_state()
    plain.train()
    gradient_masking(plain, images[:10], labels[:10], eps=EPS)
    assert plain.training
    plain.eval()
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(("change", "message"), [({"eps": 0.0}, "eps: "), ({"images": slice(0)}, "images: ")])
def test_bad_input_is_refused_by_name(plain, digits, change, message):
    images, labels = digits
    rows = change.get("images", slice(10))
    with pytest.raises(ValueError, match=f"^{message}"):
        gradient_masking(plain, images[rows], labels[rows], eps=change.get("eps", EPS))
