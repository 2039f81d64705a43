"""The objectives of the AdvProp study: their formulas, the attacker, what a checkpoint keeps, what is saved."""

import copy
from itertools import count

import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError

from friendfoe.data.store import load_split
from friendfoe.evaluation.robust import PassCounter
from friendfoe.models.branches import Branches, branch, plain
from friendfoe.models.classifier import build
from friendfoe.models.networks.cnn import CNNConfig
from friendfoe.models.networks.mlp import MLPConfig
from friendfoe.runtime import paths
from friendfoe.runtime.errors import UserError
from friendfoe.training.checkpoint import Checkpoint
from friendfoe.training.job import InnerAttack, TrainingConfig
from friendfoe.training.loop import train
from friendfoe.training.methods.advprop import AdvPropConfig, AdvPropObjective
from friendfoe.training.methods.standard import cross_entropy
from friendfoe.training.objectives import TrainingBatch
from friendfoe.training.replicate import train_replicate
from tests.training.helpers import Killed, bits, job, same

SHAPE, K = (1, 8, 8), 5
BUDGET = TrainingConfig(epochs=2, batch=16, optimizer="sgd", learning_rate=0.05, weight_decay=1e-3)
CLEAN, SHARED, TWO = (
    [{"images": "clean"}],
    [{"images": "clean"}, {"images": "adversarial"}],
    [{"images": "clean"}, {"images": "adversarial", "branch": "adversarial"}],
)
THREE = [*TWO, {"images": "augmented", "branch": "augmented", "augmentation": "crop-flip"}]


def config_of(distributions, **settings):
    return AdvPropConfig.model_validate({"method": "advprop", "distributions": distributions, **settings})


def fresh(config=None, classes=K):
    network = build(CNNConfig(kind="cnn", width=4), SHAPE, classes, seed=3)
    if config is not None:
        config.prepare(network)
    return network


def objective_of(config, eps=0.1, epochs=2, steps=2, rel_step=0.5):
    return AdvPropObjective(config, eps, InnerAttack(steps=steps, rel_step=rel_step), epochs)


def batch_of(size=12, seed=9, epoch=0):
    generator = torch.Generator().manual_seed(4)
    rows = torch.arange(size)
    return TrainingBatch(torch.rand(size, *SHAPE, generator=generator), rows % K, rows, seed, epoch)


def gradients(network, loss):
    return torch.autograd.grad(loss, [p for p in network.parameters() if p.requires_grad])


def close(a, b):
    return all(torch.allclose(x, y, atol=1e-6) for x, y in zip(a, b, strict=True))


def test_clean_images_alone_are_standard_training_to_the_bit(images):
    network, reference = fresh(classes=2), fresh(classes=2)
    history = train(reference, images, cross_entropy, BUDGET, base_seed=0)
    assert train(network, images, objective_of(config_of(CLEAN)), BUDGET, base_seed=0) == history
    assert same(bits(reference), bits(network))


def test_with_eps_0_one_shared_branch_is_training_on_doubled_clean_batches(images):
    """One batch of clean images and the same again: its loss, statistics and gradients, step by step."""

    def doubled(network, batch):
        first, second = network(torch.cat([batch.images, batch.images])).chunk(2)
        return (F.cross_entropy(first, batch.labels) + F.cross_entropy(second, batch.labels)) / 2, first

    network, reference = fresh(classes=2), fresh(classes=2)
    history = train(network, images, objective_of(config_of(SHARED), eps=0.0), BUDGET, base_seed=0)
    assert history == train(reference, images, doubled, BUDGET, base_seed=0)
    assert same(bits(network), bits(reference))


def test_with_eps_0_every_branch_learns_the_same():
    """Two branches that see the same images keep the same statistics; the loss is that of either."""
    network, batch = fresh(config_of(TWO)), batch_of()
    loss, logits = objective_of(config_of(TWO), eps=0.0)(network, batch)
    alone = fresh().train()
    assert torch.allclose(loss, F.cross_entropy(alone(batch.images), batch.labels))
    assert logits.shape == (12, K)
    for part in network.modules():
        if isinstance(part, Branches):
            assert torch.equal(part.norms["main"].running_mean, part.norms["adversarial"].running_mean)


@pytest.mark.parametrize("distributions", [SHARED, TWO, THREE], ids=["shared", "two", "three"])
def test_the_loss_is_the_mean_over_distributions_each_through_its_branch(distributions):
    batch, config = batch_of(), config_of(distributions)
    network, objective = fresh(config).train(), objective_of(config)
    inputs = [objective._images(distribution, network, batch) for distribution in config.distributions]
    twin = copy.deepcopy(network)
    loss, logits = objective(network, batch)
    by_branch = {}
    for distribution, pixels in zip(config.distributions, inputs, strict=True):
        by_branch.setdefault(distribution.branch, []).append(pixels)
    total = 0
    for name, parts in by_branch.items():
        with branch(twin, name):
            answers = twin(torch.cat(parts))
        total = total + F.cross_entropy(answers, batch.labels.repeat(len(parts)), reduction="sum")
        if name == "main":
            assert torch.equal(answers[: len(batch.labels)], logits)
    expected = total / (len(inputs) * len(batch.labels))
    assert torch.allclose(loss, expected)
    assert close(gradients(network, loss), gradients(twin, expected))
    assert same(bits(network), bits(twin))


@pytest.mark.parametrize("distributions", [SHARED, TWO], ids=["shared", "two"])
def test_losses_count_by_their_weights(distributions):
    clean, adversarial = distributions
    batch, network = batch_of(), fresh(config_of(distributions)).train()

    def loss(*weights):
        weighted = [{**part, "weight": w} for part, w in zip((clean, adversarial), weights, strict=True)]
        return objective_of(config_of(weighted))(copy.deepcopy(network), batch)[0].item()

    tiny = 1e-6
    first, second = loss(1, tiny), loss(tiny, 1)
    assert first != pytest.approx(second, rel=1e-3)
    assert loss(1, 3) == pytest.approx((first + 3 * second) / 4, rel=1e-4)
    assert loss(2, 6) == pytest.approx(loss(1, 3), rel=1e-6)
    assert loss(1, 1) == pytest.approx(objective_of(config_of(distributions))(network, batch)[0].item(), rel=1e-6)


def test_with_eps_0_nothing_is_crafted():
    config = config_of([{"images": "clean"}, {"images": "adversarial", "branch": "adversarial", "strength": 0}])
    network, batch = fresh(config).train(), batch_of()
    counter = PassCounter(network)
    objective_of(config)(counter, batch)
    assert counter.forward_passes == 2 * len(batch.labels)
    assert objective_of(config)._images(config.distributions[1], network, batch) is batch.images


def test_crafting_touches_no_statistics_and_goes_through_its_own_branch():
    batch, config = batch_of(), config_of(TWO)
    network, objective = fresh(config).train(), objective_of(config, eps=0.3)
    with torch.no_grad(), branch(network, "adversarial"):
        network(torch.rand(50, *SHAPE) ** 4)  # its statistics are others now
    before = bits(network)
    adversarial = objective._images(config.distributions[1], network, batch)
    assert same(bits(network), before)
    assert network.training
    assert (adversarial - batch.images).abs().max() <= 0.3 + 1e-6
    through_main = objective._images(config_of(SHARED).distributions[1], network, batch)
    assert not torch.equal(adversarial, through_main)
    alone = plain(network, "adversarial")
    assert torch.allclose(adversarial, objective._images(config_of(SHARED).distributions[1], alone, batch))


def test_targets_are_random_wrong_classes_of_step_and_sample():
    objective, network = objective_of(config_of(TWO)), fresh(config_of(TWO)).train()
    batch, before = batch_of(400), bits(network)
    targets = objective._targets(network, batch)
    assert same(bits(network), before)
    assert network.training
    assert (targets != batch.labels).all()
    assert set(targets.tolist()) == set(range(K))
    for label in range(K):
        counts = torch.bincount(targets[batch.labels == label], minlength=K)
        assert (counts[torch.arange(K) != label] > 8).all()  # of 20 expected
    some = TrainingBatch(batch.images[7:9], batch.labels[7:9], batch.sample_ids[7:9], batch.seed)
    assert torch.equal(objective._targets(network, some), targets[7:9])
    assert not torch.equal(objective._targets(network, batch_of(400, seed=10)), targets)


def test_the_attack_moves_towards_its_targets():
    batch, config = batch_of(60), config_of(TWO)
    network, objective = fresh(config), objective_of(config, eps=0.3, steps=10, rel_step=0.2)
    with torch.no_grad():
        network[1][-1].weight *= 10
    targets = objective._targets(network, batch)
    adversarial = objective._images(config.distributions[1], network, batch)
    network.eval()
    with branch(network, "adversarial"):
        losses = [F.cross_entropy(network(pixels), targets).item() for pixels in (batch.images, adversarial)]
    assert losses[1] < losses[0] - 0.1


@pytest.mark.parametrize("steps", [1, 3])
def test_a_step_costs_k_passes_for_images_and_two_for_losses(steps):
    network, batch = fresh(config_of(TWO)).train(), batch_of()
    objective = objective_of(config_of(TWO), steps=steps)
    objective._targets(network, batch)  # the number of classes is asked for once
    counter = PassCounter(network)
    loss, _ = objective(counter, batch)
    loss.backward()
    assert counter.forward_passes == (steps + 2) * len(batch.labels)


def test_fewer_steps_go_as_far():
    batch, objective = batch_of(), objective_of(config_of(TWO), steps=4, rel_step=0.5)
    change = {}
    for steps in (1, 4):
        distribution = config_of([{"images": "clean"}, {"images": "adversarial", "steps": steps}]).distributions[1]
        change[steps] = (objective._images(distribution, fresh(), batch) - batch.images).abs().max().item()
    assert change[1] == pytest.approx(0.1, abs=1e-6)
    assert change[4] == pytest.approx(0.1, abs=1e-6)
    weak = config_of([{"images": "clean"}, {"images": "adversarial", "strength": 0.5}]).distributions[1]
    assert (objective._images(weak, fresh(), batch) - batch.images).abs().max() <= 0.05 + 1e-6


def test_fine_tuning_ends_on_clean_images():
    objective = objective_of(config_of([{"images": "adversarial"}], fine_tuning=0.5), epochs=4)
    batch, network = batch_of(), fresh()
    assert not torch.equal(objective(network, batch)[0], cross_entropy(network, batch)[0])
    later = batch_of(epoch=2)
    network.eval()
    assert torch.equal(objective(network, later)[0], cross_entropy(network, later)[0])


@pytest.mark.parametrize("killed_at", [1, 4, 7, 11])
def test_a_run_killed_at_any_step_keeps_the_statistics_of_all_branches(images, often_saved, monkeypatch, killed_at):
    monkeypatch.setattr("friendfoe.training.loop.CHECK_EVERY", 2)
    config = config_of(THREE)
    whole, resumed = fresh(config, 2), fresh(config, 2)
    expected = train(whole, images, objective_of(config), BUDGET, base_seed=0)
    steps, objective = count(1), objective_of(config)

    def deadly(network, batch):
        if next(steps) == killed_at:
            raise Killed
        return objective(network, batch)

    with pytest.raises(Killed):
        train(fresh(config, 2), images, deadly, BUDGET, base_seed=0, checkpoint=Checkpoint("k"))
    again = train(resumed, images, objective_of(config), BUDGET, base_seed=0, checkpoint=Checkpoint("k"))
    assert again == expected
    assert any("adversarial.running_mean" in name for name in bits(whole))
    assert same(bits(whole), bits(resumed))


def test_it_learns_and_its_main_branch_is_kept(images):
    config = config_of(TWO)
    network = fresh(config, 2)
    train(network, images, objective_of(config), BUDGET.model_copy(update={"epochs": 6}), base_seed=0)
    pixels, labels = images.take(torch.arange(len(images)))
    main = plain(network).eval()
    assert torch.equal(main(pixels), network(pixels))
    assert (main(pixels).argmax(1) == labels).float().mean() > 0.95


def job_of(distributions):
    mlp, method = {"kind": "mlp", "hidden": [4]}, {"method": "advprop", "distributions": distributions}
    return job(name="advprop", network=mlp, method=method, eps=0.1, inner_attack={"steps": 1})


def test_a_network_without_batch_norm_is_one_clear_line(digits):
    with pytest.raises(UserError, match=r"models\.advprop with the network 'mlp': network: it has no batch norm"):
        train_replicate(job_of(TWO), load_split(paths.prepared("digits"), "train"), 0)


def test_vanilla_needs_no_batch_norm():
    config_of(CLEAN).prepare(build(MLPConfig(kind="mlp", hidden=[4]), SHAPE, K))


def test_a_model_that_is_trained_at_no_size_is_refused():
    alone = job_of(TWO)
    with pytest.raises(ValueError, match=r"no network sizes on this data set; name those .* under `sizes`"):
        alone.method.check(alone, {})


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"distributions": []}, "distributions"),
        ({"distributions": [{"images": "adversarial", "branch": "a"}]}, "none passes through `main`"),
        ({"distributions": [{"images": "augmented"}]}, "augmented images have one"),
        ({"distributions": [{"images": "clean", "augmentation": "crop-flip"}]}, "and no others"),
        ({"distributions": [{"images": "clean", "strength": 2}]}, "only adversarial images have an attacker"),
        ({"distributions": [{"images": "adversarial", "strength": -1}]}, "strength"),
        ({"distributions": [{"images": "clean", "weight": 0}]}, "weight"),
        ({"distributions": [{"images": "adversarial", "steps": 0}]}, "steps"),
        ({"distributions": [{"images": "clean", "branch": "a.b"}]}, "branch"),
        ({"fine_tuning": 1.0}, "fine_tuning"),
        ({"affine": "both"}, "affine"),
        ({"sweep": {"strengths": [-1], "steps": []}}, "strengths"),
    ],
)
def test_what_cannot_be_is_refused(changed, message):
    with pytest.raises(ValidationError, match=message):
        config_of(**{"distributions": TWO, **changed})


def test_images_of_two_kinds_are_told_apart_through_two_branches():
    """What AdvProp is for: one batch norm mixes two distributions, two of them keep each as it is."""
    torch.manual_seed(0)
    dark, bright = torch.rand(64, *SHAPE) * 0.2, 0.8 + torch.rand(64, *SHAPE) * 0.2
    network = fresh(config_of(TWO)).train()
    for _ in range(60):
        network(dark)
        with branch(network, "adversarial"):
            network(bright)
    part = next(module for module in network.modules() if isinstance(module, Branches))
    distance = (part.norms["main"].running_mean - part.norms["adversarial"].running_mean).abs().max()
    assert distance > part.norms["main"].running_var.max() ** 0.5
