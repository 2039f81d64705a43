"""Auxiliary batch norm: one branch at a time, the others untouched, the main one kept as a plain network."""

import copy

import pytest
import torch
from torch import nn

from friendfoe.models.branches import Branches, add_branches, branch, plain
from friendfoe.models.classifier import build
from friendfoe.models.config import NetworkConfig

NETWORKS = {
    "cnn": ({"kind": "cnn", "width": 4}, (1, 8, 8)),
    "preact": ({"kind": "preact_resnet18"}, (3, 8, 8)),
    "resnet": ({"kind": "resnet", "depth": 18}, (3, 8, 8)),
    "efficientnet": ({"kind": "torchvision", "name": "efficientnet_b0"}, (3, 32, 32)),
}


def fresh(kind="cnn"):
    section, shape = NETWORKS[kind]
    torch.manual_seed(0)
    return build(NetworkConfig.model_validate(section), shape, 10), torch.rand(
        6, *shape, generator=torch.Generator().manual_seed(1)
    )


def norms(network, name):
    """Weights and statistics of one branch everywhere."""
    return [
        tensor.clone()
        for part in network.modules()
        if isinstance(part, Branches)
        for tensor in part.norms[name].state_dict().values()
    ]


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def step(network, images, name="main"):
    """A step of training through one branch."""
    optimizer = torch.optim.SGD(network.parameters(), 1e-3)
    network.train()
    with branch(network, name):
        network(images).square().sum().backward()
    optimizer.step()


@pytest.mark.parametrize("kind", NETWORKS)
def test_the_main_branch_is_the_plain_network_to_the_bit(kind):
    original, images = fresh(kind)
    network, keys = copy.deepcopy(original), list(original.state_dict())
    add_branches(network, ["adversarial", "augmented"])
    for mode in (True, False):
        torch.manual_seed(2)  # of dropout
        expected = original.train(mode)(images)
        torch.manual_seed(2)
        assert torch.equal(network.train(mode)(images), expected)
    with branch(network, "adversarial"):
        network.train()(images + 1)
    step(network, images)
    exported = plain(network)
    assert list(exported.state_dict()) == keys
    assert not any(isinstance(module, Branches) for module in exported.modules())
    with branch(network, "main"):
        assert torch.equal(exported.eval()(images), network.eval()(images))
    original.load_state_dict(exported.state_dict())  # what a file holds
    assert torch.equal(original.eval()(images), network(images))


@pytest.mark.parametrize("affine", ["separate", "shared"])
@pytest.mark.parametrize("used", ["main", "adversarial", "augmented"])
def test_images_move_the_statistics_of_their_branch_alone(used, affine):
    network, images = fresh()
    add_branches(network, ["adversarial", "augmented"], shared_affine=affine == "shared")
    before = {name: norms(network, name) for name in ("main", "adversarial", "augmented")}
    with torch.no_grad(), branch(network, used):
        network.train()(images)
    for name, kept in before.items():
        assert same(norms(network, name), kept) == (name != used)


def test_a_step_trains_the_scale_of_its_branch_or_the_one_of_all():
    for shared in (False, True):
        network, images = fresh()
        add_branches(network, ["adversarial"], shared_affine=shared)
        part = next(module for module in network.modules() if isinstance(module, Branches))
        before = part.norms["main"].weight.clone()
        step(network, images, "adversarial")
        assert torch.equal(part.norms["main"].weight, before) != shared
        assert (part.norms["main"].weight is part.norms["adversarial"].weight) == shared
        assert not torch.equal(part.norms["main"].running_mean, part.norms["adversarial"].running_mean)


def test_the_branch_before_is_active_again_even_after_an_error():
    network, images = fresh()
    add_branches(network, ["adversarial"])
    part = next(module for module in network.modules() if isinstance(module, Branches))
    with branch(network, "adversarial"):
        with pytest.raises(RuntimeError), branch(network, "main"):
            network(images[:, :, :1, :1, None])
        assert part.active == "adversarial"
    assert part.active == "main"


def test_batch_norm_of_any_dimension_and_one_that_stands_twice():
    norm = nn.BatchNorm1d(3)
    network = nn.Sequential(nn.Linear(3, 3), norm, nn.Linear(3, 3), norm)
    add_branches(network, ["other"])
    assert network[1] is network[3]
    with branch(network, "other"):
        network(torch.rand(4, 3))
    assert network[1].norms["other"].num_batches_tracked == 2
    exported = plain(network)
    assert exported[1] is exported[3]
    assert isinstance(exported[1], nn.BatchNorm1d)


@pytest.mark.parametrize(
    ("network", "names", "message"),
    [
        (nn.Sequential(nn.Linear(2, 2)), ["a"], "network: it has no batch norm"),
        (nn.Sequential(nn.GroupNorm(1, 2)), ["a"], "network: it has no batch norm"),
        (nn.Sequential(nn.BatchNorm1d(2)), ["main"], "branches: 'main' stands there twice"),
        (nn.Sequential(nn.BatchNorm1d(2)), ["a", "a"], "branches: 'a' stands there twice"),
        (nn.Sequential(nn.BatchNorm1d(2)), ["keys"], "branches: 'keys' cannot be the name"),
        (nn.Sequential(nn.BatchNorm1d(2)), [""], "branches: '' cannot be the name"),
    ],
)
def test_what_cannot_be_is_refused(network, names, message):
    with pytest.raises(ValueError, match=message):
        add_branches(network, names)


def test_branches_are_added_once_and_asked_for_by_name():
    network, images = fresh()
    assert plain(network) is network
    with branch(network, "main"):
        network(images)
    with (
        pytest.raises(ValueError, match="the network has no 'adversarial'; it has main"),
        branch(network, "adversarial"),
    ):
        pass
    add_branches(network, ["adversarial"])
    with pytest.raises(ValueError, match="has branches already"):
        add_branches(network, ["augmented"])
    with pytest.raises(ValueError, match="it has main, adversarial"), branch(network, "advers"):
        pass


@pytest.mark.parametrize("splits", [2, 3])
def test_it_agrees_with_timms_split_batch_norm(splits):
    """timm cuts a batch in equal parts and gives each a batch norm of its own: the same, one part after another."""
    timm = pytest.importorskip("timm.layers")
    original, images = fresh()
    reference = timm.convert_splitbn_model(copy.deepcopy(original), splits).train()
    ours = copy.deepcopy(original).train()
    names = ["main", "second", "third"][:splits]
    add_branches(ours, names[1:])
    parts = images.chunk(splits)
    outputs = []
    for name, part in zip(names, parts, strict=True):
        with branch(ours, name):
            outputs.append(ours(part))
    expected = reference(images)
    assert torch.allclose(torch.cat(outputs), expected, atol=1e-6)
    torch.cat(outputs).square().sum().backward()
    expected.square().sum().backward()
    norm = next(module for module in ours.modules() if isinstance(module, Branches))
    split = next(module for module in reference.modules() if isinstance(module, timm.SplitBatchNorm2d))
    for branch_norm, part_norm in zip(norm.norms.values(), [split, *split.aux_bn], strict=True):
        assert torch.allclose(branch_norm.running_mean, part_norm.running_mean, atol=1e-6)
        assert torch.allclose(branch_norm.running_var, part_norm.running_var, atol=1e-6)
        assert torch.allclose(branch_norm.weight.grad, part_norm.weight.grad, atol=1e-4)
    assert torch.allclose(plain(ours).eval()(images), reference.eval()(images), atol=1e-6)  # it keeps the first, too
