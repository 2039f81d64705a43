"""The objectives of the AdvProp study: their formulas, the attacker, what a checkpoint keeps, what is saved."""

# ruff: noqa: F811  (a fixture of another module)
import copy
from itertools import count

import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError

from friendfoe import params
from friendfoe.evaluation.robust import PassCounter
from friendfoe.models import recipes
from friendfoe.models.branches import Branches, add_branches, branch, plain
from friendfoe.models.registry import build
from friendfoe.runtime.errors import UserError
from friendfoe.tailored import Crafting
from friendfoe.training import checkpoint as checkpoints
from friendfoe.training.checkpoint import Checkpoint
from friendfoe.training.loop import train
from friendfoe.training.methods import advprop
from friendfoe.training.methods.standard import cross_entropy
from friendfoe.training.objectives import Batch
from friendfoe.training.recipes import AdvProp, Sweep
from friendfoe.training.recipes import Training as Budget
from friendfoe.training.variants import attackers, variants
from tests.training.test_loop import Killed, bits, images, same  # noqa: F401  (images is a fixture)

SHAPE, K = (1, 8, 8), 5
BUDGET = Budget(epochs=2, batch=16, optimizer="sgd", learning_rate=0.05, weight_decay=1e-3)
CLEAN, SHARED, TWO = (
    [{"images": "clean"}],
    [{"images": "clean"}, {"images": "adversarial"}],
    [{"images": "clean"}, {"images": "adversarial", "branch": "adversarial"}],
)
THREE = [*TWO, {"images": "augmented", "branch": "augmented", "augmentation": "crop-flip"}]


def recipe(distributions, **more):
    return AdvProp.model_validate(
        {"method": "advprop", "study": "advprop", "images": ["train"], "distributions": distributions, **more}
    )


def fresh(of=None, classes=K):
    torch.manual_seed(3)
    network = build(recipes.CNN(kind="cnn", width=4), SHAPE, classes)
    if of is not None:
        add_branches(network, of.auxiliary, shared_affine=of.affine == "shared")
    return network


def objective(of, eps=0.1, epochs=2, **crafting):
    return advprop.Training(of, eps, Crafting(**{"steps": 2, "step": 0.5, **crafting}), epochs)


def batch(size=12, seed=9, epoch=0):
    generator = torch.Generator().manual_seed(4)
    rows = torch.arange(size)
    return Batch(torch.rand(size, *SHAPE, generator=generator), rows % K, rows, seed, epoch)


def gradients(network, loss):
    return torch.autograd.grad(loss, [p for p in network.parameters() if p.requires_grad])


def close(a, b):
    return all(torch.allclose(x, y, atol=1e-6) for x, y in zip(a, b, strict=True))


def test_clean_images_alone_are_standard_training_to_the_bit(images):
    ours, plain_one = fresh(classes=2), fresh(classes=2)
    history = train(plain_one, images, cross_entropy, BUDGET, base_seed=0)
    assert train(ours, images, objective(recipe(CLEAN)), BUDGET, base_seed=0) == history
    assert same(bits(plain_one), bits(ours))


def test_with_eps_0_one_shared_branch_is_training_on_doubled_clean_batches(images):
    """One batch of clean images and the same again: its loss, statistics and gradients, step by step."""

    def doubled(network, of):
        logits = network(torch.cat([of.images, of.images]))
        return F.cross_entropy(logits, of.labels.repeat(2)), logits[: len(of.labels)]

    ours, theirs = fresh(classes=2), fresh(classes=2)
    history = train(ours, images, objective(recipe(SHARED), eps=0.0), BUDGET, base_seed=0)
    assert history == train(theirs, images, doubled, BUDGET, base_seed=0)
    assert same(bits(ours), bits(theirs))


def test_with_eps_0_every_branch_learns_the_same():
    """Two branches that see the same images keep the same statistics; the loss is that of either."""
    network, of = fresh(recipe(TWO)), batch()
    loss, logits = objective(recipe(TWO), eps=0.0)(network, of)
    alone = fresh().train()
    assert torch.allclose(loss, F.cross_entropy(alone(of.images), of.labels))
    assert logits.shape == (12, K)
    for part in network.modules():
        if isinstance(part, Branches):
            assert torch.equal(part.of["main"].running_mean, part.of["adversarial"].running_mean)


@pytest.mark.parametrize("distributions", [SHARED, TWO, THREE], ids=["shared", "two", "three"])
def test_the_loss_is_the_mean_over_distributions_each_through_its_branch(distributions):
    of, seen = batch(), recipe(distributions)
    network = fresh(seen).train()
    training = objective(seen)
    made = [training._images(distribution, network, of) for distribution in seen.distributions]
    twin = copy.deepcopy(network)
    loss, logits = training(network, of)
    by_branch = {}
    for distribution, pixels in zip(seen.distributions, made, strict=True):
        by_branch.setdefault(distribution.branch, []).append(pixels)
    total = 0
    for name, parts in by_branch.items():
        with branch(twin, name):
            given = twin(torch.cat(parts))
        total = total + F.cross_entropy(given, of.labels.repeat(len(parts)), reduction="sum")
        if name == "main":
            assert torch.equal(given[: len(of.labels)], logits)
    expected = total / (len(made) * len(of.labels))
    assert torch.allclose(loss, expected)
    assert close(gradients(network, loss), gradients(twin, expected))
    assert same(bits(network), bits(twin))


def test_crafting_touches_no_statistics_and_goes_through_its_own_branch():
    of, seen = batch(), recipe(TWO)
    network, training = fresh(seen).train(), objective(seen, eps=0.3)
    with torch.no_grad(), branch(network, "adversarial"):
        network(torch.rand(50, *SHAPE) ** 4)  # its statistics are others now
    before = bits(network)
    made = training._images(seen.distributions[1], network, of)
    assert same(bits(network), before)
    assert network.training
    assert (made - of.images).abs().max() <= 0.3 + 1e-6
    through_main = training._images(recipe(SHARED).distributions[1], network, of)
    assert not torch.equal(made, through_main)
    alone = plain(network, "adversarial")
    assert torch.allclose(made, training._images(recipe(SHARED).distributions[1], alone, of))


def test_targets_are_random_wrong_classes_of_step_and_sample():
    training, network = objective(recipe(TWO)), fresh(recipe(TWO))
    of = batch(400)
    targets = training._targets(network, of)
    assert (targets != of.labels).all()
    assert set(targets.tolist()) == set(range(K))
    for label in range(K):
        counts = torch.bincount(targets[of.labels == label], minlength=K)
        assert (counts[torch.arange(K) != label] > 8).all()  # of 20 expected
    some = Batch(of.images[7:9], of.labels[7:9], of.samples[7:9], of.seed)
    assert torch.equal(training._targets(network, some), targets[7:9])
    assert not torch.equal(training._targets(network, batch(400, seed=10)), targets)


def test_the_attack_moves_towards_its_targets():
    of, seen = batch(60), recipe(TWO)
    network, training = fresh(seen), objective(seen, eps=0.3, steps=10, step=0.2)
    with torch.no_grad():
        network[1].classifier.weight *= 10
    targets, made = training._targets(network, of), training._images(seen.distributions[1], network, of)
    network.eval()
    with branch(network, "adversarial"):
        losses = [F.cross_entropy(network(pixels), targets).item() for pixels in (of.images, made)]
    assert losses[1] < losses[0] - 0.1


@pytest.mark.parametrize("steps", [1, 3])
def test_a_step_costs_k_passes_for_images_and_two_for_losses(steps):
    network, of = fresh(recipe(TWO)).train(), batch()
    training = objective(recipe(TWO), steps=steps)
    training._targets(network, of)  # the number of classes is asked for once
    counter = PassCounter(network)
    loss, _ = training(counter, of)
    loss.backward()
    assert counter.forward_passes == (steps + 2) * len(of.labels)


def test_fewer_steps_go_as_far():
    of, training = batch(), objective(recipe(TWO), steps=4, step=0.5)
    moved = {}
    for steps in (1, 4):
        distribution = recipe([{"images": "clean"}, {"images": "adversarial", "steps": steps}]).distributions[1]
        made = training._images(distribution, fresh(), of)
        moved[steps] = (made - of.images).abs().max().item()
    assert moved[1] == pytest.approx(0.1, abs=1e-6)
    assert moved[4] == pytest.approx(0.1, abs=1e-6)
    weak = recipe([{"images": "clean"}, {"images": "adversarial", "strength": 0.5}]).distributions[1]
    assert (training._images(weak, fresh(), of) - of.images).abs().max() <= 0.05 + 1e-6


def test_fine_tuning_ends_on_clean_images(images):
    madry = recipe([{"images": "adversarial"}], fine_tuning=0.5)
    training = objective(madry, epochs=4)
    of, network = batch(), fresh()
    assert not torch.equal(training(network, of)[0], cross_entropy(network, of)[0])
    later = Batch(of.images, of.labels, of.samples, of.seed, epoch=2)
    network.eval()
    assert torch.equal(training(network, later)[0], cross_entropy(network, later)[0])


@pytest.mark.parametrize("killed_at", [1, 4, 7, 11])
def test_a_run_killed_at_any_step_keeps_the_statistics_of_all_branches(images, tmp_path, monkeypatch, killed_at):
    monkeypatch.setattr(checkpoints, "ROOT", tmp_path)
    monkeypatch.setattr("friendfoe.training.loop.CHECK_EVERY", 2)
    monkeypatch.setenv("FRIENDFOE_CHECKPOINT_SECONDS", "0")
    seen = recipe(THREE)
    whole, resumed = fresh(seen, 2), fresh(seen, 2)
    expected = train(whole, images, objective(seen), BUDGET, base_seed=0)
    steps, training = count(1), objective(seen)

    def deadly(network, of):
        if next(steps) == killed_at:
            raise Killed
        return training(network, of)

    with pytest.raises(Killed):
        train(fresh(seen, 2), images, deadly, BUDGET, base_seed=0, checkpoint=Checkpoint("k"))
    again = train(resumed, images, objective(seen), BUDGET, base_seed=0, checkpoint=Checkpoint("k"))
    assert again == expected
    assert any("adversarial.running_mean" in name for name in bits(whole))
    assert same(bits(whole), bits(resumed))


def test_it_learns_and_its_main_branch_is_kept(images):
    seen = recipe(TWO)
    network = fresh(seen, 2)
    train(network, images, objective(seen), BUDGET.model_copy(update={"epochs": 6}), base_seed=0)
    pixels, labels = images.take(torch.arange(len(images)))
    kept = plain(network).eval()
    assert torch.equal(kept(pixels), network(pixels))
    assert (kept(pixels).argmax(1) == labels).float().mean() > 0.95


def test_a_network_without_batch_norm_is_one_clear_line():
    p, without = params.read(), recipes.MLP(kind="mlp", hidden=[4])
    p.models["advprop"] = p.models["advprop"].model_copy(update={"network": without})
    network = build(without, SHAPE, K)
    with pytest.raises(UserError, match=r"models\.advprop with the network 'mlp': network: it has no batch norm"):
        advprop.prepare(p, "digits", "advprop", network)


def test_vanilla_needs_no_batch_norm(images):
    p = params.read()
    network = build(recipes.MLP(kind="mlp", hidden=[4]), SHAPE, K)
    advprop.prepare(p, "digits", "vanilla", network)


def test_every_size_and_every_attacker_is_a_model_of_its_own():
    p = params.read()
    sizes = p.data["digits"].studies["advprop"].sizes
    derived, names = variants(p, "digits", "advprop")
    assert names == [f"advprop/{size}" for size in sizes]
    assert len(sizes) >= 4
    for size, name in zip(sizes, names, strict=True):
        assert params.network(derived, "digits", name) == sizes[size].network
        assert params.training(derived, "digits", name) == params.training(p, "digits", "advprop")
    derived, names = variants(p, "digits", "attackers")
    swept = p.models["attackers"].sweep
    assert len(names) == len(swept.strengths) + len(swept.steps)
    assert derived.models["attackers/strength-0.5"].distributions[1].strength == 0.5
    assert derived.models["attackers/strength-0.5"].distributions[0] == p.models["attackers"].distributions[0]
    assert variants(p, "digits", "clean") == (p, ["clean"])
    assert attackers(Sweep(strengths=[2], steps=[3])) == {"strength-2": {"strength": 2}, "steps-3": {"steps": 3}}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"distributions": []}, "distributions"),
        ({"distributions": [{"images": "adversarial", "branch": "a"}]}, "none passes through `main`"),
        ({"distributions": [{"images": "augmented"}]}, "augmented images have one"),
        ({"distributions": [{"images": "clean", "augmentation": "crop-flip"}]}, "and no others"),
        ({"distributions": [{"images": "clean", "strength": 2}]}, "only adversarial images have an attacker"),
        ({"distributions": [{"images": "adversarial", "strength": -1}]}, "strength"),
        ({"distributions": [{"images": "adversarial", "steps": 0}]}, "steps"),
        ({"distributions": [{"images": "clean", "branch": "a.b"}]}, "branch"),
        ({"fine_tuning": 1.0}, "fine_tuning"),
        ({"affine": "both"}, "affine"),
        ({"sweep": {"strengths": [-1], "steps": []}}, "strengths"),
    ],
)
def test_what_cannot_be_is_refused(changed, message):
    with pytest.raises(ValidationError, match=message):
        recipe(**{"distributions": TWO, **changed})


def test_images_of_two_kinds_are_told_apart_through_two_branches():
    """What AdvProp is for: one batch norm mixes two distributions, two of them keep each as it is."""
    torch.manual_seed(0)
    dark, bright = torch.rand(64, *SHAPE) * 0.2, 0.8 + torch.rand(64, *SHAPE) * 0.2
    network = fresh(recipe(TWO)).train()
    for _ in range(60):
        network(dark)
        with branch(network, "adversarial"):
            network(bright)
    part = next(module for module in network.modules() if isinstance(module, Branches))
    distance = (part.of["main"].running_mean - part.of["adversarial"].running_mean).abs().max()
    assert distance > part.of["main"].running_var.max() ** 0.5
