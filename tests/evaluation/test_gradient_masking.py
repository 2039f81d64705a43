"""Gradient masking: honest models pass all checks, and each trick is caught by those that are meant for it."""

import re
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

from friendfoe.attacks import AttackConfig, Threat, fgsm, pgd
from friendfoe.evaluation.check_budget import CheckBudget
from friendfoe.evaluation.gradient_masking import Outcome, examine, gradient_masking
from friendfoe.evaluation.gradient_masking.check import judged, missed

EPS, LARGE = 0.1, 0.4
FGSM, SOFTMAX, AUTOATTACK = (
    AttackConfig.model_validate(settings)
    for settings in (
        {"attack": "fgsm"},
        {"attack": "pgd", "loss": "softmax"},
        {"attack": "autoattack", "steps": 20, "n_target_classes": 3, "n_queries": 100},
    )
)


def mlp(seed, width=48):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))


def fit(net, images, targets, *, temperature=1.0, steps=250, attack=None):
    optimizer = torch.optim.Adam(net.parameters(), 0.01 * temperature**0.5)
    for _ in range(steps):
        shown = images if attack is None else attack(net, images, targets)
        optimizer.zero_grad()
        F.cross_entropy(net(shown) / temperature, targets).backward()
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


@pytest.fixture(scope="module")
def robust(digits):
    """Trained against PGD."""
    with torch.random.fork_rng():
        inner = lambda net, x, y: pgd(net, x, y, threat=Threat("linf", EPS), steps=4, keep_best=False)  # noqa: E731
        return fit(mlp(3, 96), *(each[:600] for each in digits), steps=120, attack=inner)


@pytest.fixture(scope="module")
def leaking(digits):
    """Trained against one large step alone, which it learns to mislead (label leaking, catastrophic overfitting)."""
    images, labels = (each[:600] for each in digits)
    with torch.random.fork_rng():
        torch.manual_seed(4)
        layers = nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU()
        net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(1024, 10))
        optimizer = torch.optim.Adam(net.parameters(), 0.003)
        for _ in range(300):
            batch = torch.randint(600, (128,))
            attacked = fgsm(net, images[batch], labels[batch], threat=Threat("linf", LARGE))
            optimizer.zero_grad()
            F.cross_entropy(net(attacked), labels[batch]).backward()
            optimizer.step()
        return net.eval()


def checks(model, digits, *, eps=EPS, n=200, **more):
    images, labels = digits
    found = gradient_masking(model, images[:n], labels[:n], eps=eps, **more)
    assert all(check.question.endswith("?") and (check.numbers or check.reason) for check in found)
    assert len({check.name for check in found}) == len(found) == 17
    return {check.name: check for check in found}


def failed(model, digits, **more):
    return {name for name, check in checks(model, digits, **more).items() if check.outcome is Outcome.FAILED}


def test_a_plain_model_passes(plain, digits, distilled):
    found = checks(plain, digits, transfer_from=distilled, reported=AUTOATTACK)
    assert {name: check.outcome for name, check in found.items() if check.outcome is not Outcome.PASSED} == {}


def test_a_model_that_is_robust_passes(robust, plain, digits):
    found = checks(robust, digits, transfer_from=plain, reported=AUTOATTACK)
    assert found["strongest"].numbers["accuracy, the worst case"] > 0.3
    assert {check.outcome for check in found.values()} <= {Outcome.PASSED, Outcome.OPEN}


def test_within_l2(plain, distilled, digits):
    """A plain model passes, one whose softmax is saturated does not; attacks stay in the ball of l2."""
    found = checks(plain, digits, eps=0.5, norm="l2", n=100)
    assert {name for name, check in found.items() if check.outcome is Outcome.FAILED} <= {"restarts"}
    assert [check.name for check in found.values() if check.outcome is Outcome.NOT_RUN] == [
        *("transfer", "reported eps", "strongest"),
    ]
    assert found["second norm"].question.startswith("Does PGD in the ball of linf (radius 0.5) that holds that of l2")
    images, labels = (each[:100] for each in digits)
    perturbed = pgd(plain, images, labels, threat=Threat("l2", 0.5), steps=20, early_stop=True)
    right = (plain(images).argmax(1) == labels) & (plain(perturbed).argmax(1) == labels)
    assert found["iterative"].numbers["accuracy, PGD"] == pytest.approx(right.double().mean().item())
    assert {"logits", "softmax"} & failed(distilled, digits, eps=0.5, norm="l2", n=100) == {"softmax"}


def test_a_linear_model_passes_and_one_step_finds_all(digits, plain):
    """Of a linear model of two classes FGSM is the strongest attack there is."""
    images, labels = digits
    two = labels < 2
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = fit(nn.Sequential(nn.Flatten(), nn.Linear(64, 2)), images[two], labels[two], steps=60)
    source = nn.Sequential(plain, nn.Linear(10, 2))
    found = checks(net, (images[two], labels[two]), transfer_from=source, reported=FGSM, eps=0.2)
    assert {check.outcome for check in found.values()} == {Outcome.PASSED}
    assert found["strongest"].numbers["missed"] == 0


def test_a_distilled_model_fails_by_its_softmax(distilled, digits):
    """Attacks through the softmax see a robust model, attacks on the logits do not."""
    found = checks(distilled, digits, reported=AUTOATTACK)
    assert {name for name, check in found.items() if check.outcome is Outcome.FAILED} == {"softmax"}
    numbers = found["softmax"].numbers
    assert numbers["accuracy, PGD on the softmax"] > numbers["accuracy, PGD"] + 0.2
    assert failed(distilled, digits, reported=SOFTMAX) >= {"softmax", "strongest"}


def test_huge_logits_saturate_the_softmax_alone(plain, digits):
    class Scaled(nn.Module):
        def __init__(self, net):
            super().__init__()
            self.net = net

        def forward(self, images):
            return self.net(images) * 1e4

    assert failed(Scaled(plain), digits, reported=AUTOATTACK) == {"softmax"}


def test_a_model_that_only_its_own_attack_cannot_break_is_caught(leaking, plain, digits):
    """One step sees a robust model at the size that it was trained against, several steps see none."""
    found = checks(leaking, digits, eps=LARGE, transfer_from=plain, reported=FGSM)
    assert found["strongest"].outcome is Outcome.FAILED
    numbers = found["strongest"].numbers
    assert numbers["accuracy, the reported attack"] > numbers["accuracy, the worst case"] + 0.2
    assert found["reported eps"].outcome is Outcome.FAILED  # the smaller step finds what the larger one misses
    assert found["more steps"].outcome is Outcome.FAILED


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


class Spoilt(Rounded):
    """Answers that are right, and gradients that are no numbers."""

    def forward(self, images):
        return self.net(images) + (images.flatten(1).sum(1, keepdim=True) * 0).sqrt()


@pytest.mark.parametrize("step", [Rounded, Cut, Spoilt])
def test_an_input_step_without_a_gradient_is_caught(plain, digits, step):
    found = checks(step(plain), digits, transfer_from=plain, reported=AUTOATTACK)
    failures = {name for name, check in found.items() if check.outcome is Outcome.FAILED}
    assert failures >= {"gradients", "steps", "unbounded", "black box", "transfer"}
    assert found["gradients"].reason.startswith("the gradient is ")
    if step is not Rounded:  # nothing can be said of attacks that leave images as they are
        assert found["softmax"].outcome is Outcome.NOT_RUN
        assert "left 200 of" in found["unbounded"].reason or "images as they are" in found["unbounded"].reason


def test_some_images_without_a_number_for_gradient_spare_the_others(plain, digits):
    images, labels = digits
    bright = images[:30].flatten(1).sum(1)
    threshold = bright.sort().values[-4].item()

    small = CheckBudget(queries=5, more_steps=6, steps=5, restarts=2, targets=1)

    class Partly(nn.Module):
        def forward(self, images):
            light, logits = images.flatten(1).sum(1), plain(images)
            spoilt = light > threshold
            logits[spoilt] = logits[spoilt] + (light[spoilt] * 0).sqrt().unsqueeze(1)
            return logits

    found = {check.name: check for check in gradient_masking(Partly(), images[:30], labels[:30], eps=EPS, budget=small)}
    assert found["gradients"].outcome is Outcome.FAILED
    assert found["gradients"].reason == "the gradient is not finite for 3 of 30 images"
    assert 0 < found["eps"].numbers["accuracy, PGD"] < found["eps"].numbers["accuracy, PGD, 0.25 eps"]


def test_answers_that_are_no_numbers_are_wrong_answers(plain, digits):
    images, labels = digits

    class Broken(nn.Module):
        def forward(self, images):
            return plain(images) * torch.nan

    found = {check.name: check for check in gradient_masking(Broken(), images[:20], labels[:20], eps=EPS)}
    assert found["deterministic"].outcome is Outcome.FAILED
    assert "not finite for 20 of 20 images" in found["deterministic"].reason
    assert found["transfer"].outcome is Outcome.NOT_RUN
    assert found["softmax"].reason == "no clean image is answered correctly"


def test_probabilities_are_caught(plain, digits):
    with pytest.warns(UserWarning, match="probabilities"):
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


def test_what_cannot_be_run_says_why(plain, digits):
    found = checks(plain, digits)
    why = {name: check.reason for name, check in found.items() if check.outcome is Outcome.NOT_RUN}
    none = "no reported attack was given"
    assert why == {"transfer": "no other model was given", "reported eps": none, "strongest": none}
    own = AttackConfig.model_validate({"attack": "fgsm", "eps": 0.1})
    assert checks(plain, digits, reported=own)["reported eps"].reason == "its size is its own"


def test_the_page_in_the_docs_lists_the_checks_in_their_order(plain, digits):
    page = (Path(__file__).parents[2] / "docs/gradient-masking.md").read_text()
    assert re.findall(r"^\| `([a-z0-9 ]+)` \|", page, re.MULTILINE) == [*checks(plain, digits, n=10)]


def test_the_worst_case_counts_each_image_once(plain, robust, digits):
    images, labels = digits
    found = examine(robust, images[:60], labels[:60], eps=EPS, transfer_from={"plain": plain}, reported=FGSM)
    worst = found.standing["the worst case"]
    assert worst.shape == (60,)
    assert all(not (worst & ~standing).any() for name, standing in found.standing.items() if _is_of_this_eps(name))
    assert bool((found.standing["clean"] & ~worst).any())


def _is_of_this_eps(name):
    return "eps" not in name and name not in ("PGD in l2", "PGD without bound")


def test_what_is_drawn_belongs_to_the_image(robust, digits):
    """Half of the images, under their names, meet the same fate."""
    images, labels = digits
    ids, budget = torch.arange(40), CheckBudget(queries=20, more_steps=21)
    options = {"eps": EPS, "reported": FGSM, "budget": budget}
    whole = examine(robust, images[:40], labels[:40], sample_ids=ids, **options).standing
    half = examine(robust, images[20:40], labels[20:40], sample_ids=ids[20:], **options).standing
    assert {name for name in half if not torch.equal(half[name], whole[name][20:])} == set()


def test_budgets_are_those_asked_for(plain, digits):
    images, labels = digits
    shown = []

    class Counting(nn.Module):
        def forward(self, images):
            shown.append(len(images))
            return plain(images)

    def passes(**budget):
        shown.clear()
        gradient_masking(Counting(), images[:10], labels[:10], eps=0.001, budget=CheckBudget(**budget))
        return sum(shown)

    small = passes(steps=5, more_steps=6, restarts=2, targets=1, queries=1)
    for more in ({"queries": 101}, {"more_steps": 106}, {"restarts": 5}, {"targets": 3}):
        assert passes(**{"steps": 5, "more_steps": 6, "restarts": 2, "targets": 1, "queries": 1} | more) > small + 100


@pytest.mark.parametrize(
    ("wrong", "n", "outcome"),
    [
        (2, 100, Outcome.PASSED),  # at the margin
        (3, 100, Outcome.OPEN),
        (4, 100, Outcome.OPEN),
        (5, 100, Outcome.FAILED),  # Wilson, 90 %: 0.0246 to 0.0995
        (30, 1000, Outcome.FAILED),  # 0.0224 to 0.0401
        (21, 1000, Outcome.OPEN),
        (1, 30, Outcome.OPEN),
        (2, 30, Outcome.FAILED),
        (0, 1, Outcome.PASSED),
    ],
)
def test_a_failure_lies_beyond_the_margin_and_beyond_chance(wrong, n, outcome):
    assert judged(wrong, n, 0.02) is outcome


def test_attacks_are_compared_image_by_image():
    """Two attacks that leave the same accuracy may still miss what the other finds."""
    one, other = torch.arange(100) < 50, torch.arange(100) >= 50
    check = missed("pair", "?", ("one", one), ("other", other), 0.02)
    assert check.outcome is Outcome.FAILED
    assert check.numbers == {"accuracy, one": 0.5, "accuracy, other": 0.5, "missed": 0.5}
    assert check.reason == "50 of 100 images fall to one and withstand other"
    assert missed("pair", "?", ("one", one), ("other", one), 0.02, "why").outcome is Outcome.NOT_RUN
    assert str(check).startswith("pair: failed; accuracy, one 0.5")


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
