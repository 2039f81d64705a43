"""Networks fit every image size, and weights come back to the bit or with a clear word."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from friendfoe.models.recipes import CNN, MLP, RBF, ConvolutionalMaxout, Ensemble, Maxout, Torchvision
from friendfoe.models.registry import Header, build, load, read_header, save
from friendfoe.runtime.errors import UserError

SHAPE = (1, 8, 8)
SMALL_MAXOUT = Maxout(kind="maxout", units=[5], pieces=2)
OWN = [
    CNN(kind="cnn", width=4),
    MLP(kind="mlp", hidden=[5]),
    SMALL_MAXOUT,
    Maxout(kind="maxout", units=[4, 3], pieces=2, output="sigmoids"),
    ConvolutionalMaxout(kind="maxout-conv", width=2, pieces=2, output="sigmoids"),
    RBF(kind="rbf"),
    Ensemble(kind="ensemble", members=3, of=SMALL_MAXOUT),
]


def header(network, shape=SHAPE, classes=3):
    return Header(
        friendfoe="0", data="0", shape=shape, classes=list("abcdefghij"[:classes]), network=network, recipe={},
        training={}, seed=0,
    )  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(
    recipe=st.one_of(
        st.builds(CNN, kind=st.just("cnn"), width=st.integers(1, 8)),
        st.builds(MLP, kind=st.just("mlp"), hidden=st.lists(st.integers(1, 20), max_size=2)),
        st.builds(
            Maxout,
            kind=st.just("maxout"),
            units=st.lists(st.integers(1, 9), min_size=1, max_size=2),
            pieces=st.integers(1, 3),
        ),
        st.builds(ConvolutionalMaxout, kind=st.just("maxout-conv"), width=st.integers(1, 4), pieces=st.integers(1, 3)),
        st.builds(RBF, kind=st.just("rbf")),
        st.builds(Ensemble, kind=st.just("ensemble"), members=st.integers(1, 3), of=st.just(SMALL_MAXOUT)),
    ),
    channels=st.sampled_from([1, 2, 3]),
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    classes=st.integers(1, 12),
)
def test_own_networks_take_any_image(recipe, channels, height, width, classes):
    network = build(recipe, (channels, height, width), classes).eval()
    images = torch.rand(2, channels, height, width, requires_grad=True)
    logits = network(images)
    assert logits.shape == (2, classes)
    assert torch.autograd.grad(logits.sum(), images)[0].isfinite().all()


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "squeezenet1_1"])
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32)])
def test_torchvision_networks_take_small_and_grey_images(name, shape):
    network = build(Torchvision(kind="torchvision", name=name), shape, 4).eval()
    assert network(torch.rand(2, *shape)).shape == (2, 4)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_s", "googlenet", "inception_v3",
     "maxvit_t", "mnasnet0_5", "regnet_y_400mf", "resnext50_32x4d", "shufflenet_v2_x0_5", "swin_t", "swin_v2_t",
     "vgg11_bn", "vit_b_16", "wide_resnet50_2"],
)  # fmt: skip
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 96, 96), (3, 256, 256)])
def test_every_torchvision_family(name, shape):
    network = build(Torchvision(kind="torchvision", name=name), shape, 4).eval()
    with torch.no_grad():
        assert network(torch.rand(1, *shape)).shape == (1, 4)


def test_unknown_torchvision_network_gets_the_nearest_name():
    with pytest.raises(UserError, match="'resnet81' is no torchvision classifier; did you mean 'resnet18'"):
        build(Torchvision(kind="torchvision", name="resnet81"), (3, 32, 32), 4)


def test_torchvision_networks_refuse_other_channels():
    with pytest.raises(UserError, match="1 or 3 channels, and these have 4"):
        build(Torchvision(kind="torchvision", name="resnet18"), (4, 32, 32), 4)


def test_a_network_normalises_its_images():
    network = build(MLP(kind="mlp", hidden=[]), (2, 1, 1), 2, mean=[0.5, 0.25], std=[0.5, 0.0])
    normalised = network[0](torch.tensor([1.0, 0.75]).view(1, 2, 1, 1))
    assert normalised.flatten().tolist() == [1.0, 0.5]  # a channel that never varies is not scaled


@pytest.mark.parametrize("recipe", OWN, ids=lambda recipe: recipe.kind)
def test_weights_come_back_to_the_bit(recipe, tmp_path):
    network = build(recipe, SHAPE, 3, mean=[0.3], std=[0.2])
    network(torch.rand(8, *SHAPE))  # batch-norm statistics are weights, too
    save(network, tmp_path / "w.safetensors", header(recipe))
    images = torch.rand(4, *SHAPE)
    usual = network.eval().to(memory_format=torch.channels_last)  # as loaded: another format rounds differently
    assert torch.equal(load(tmp_path / "w.safetensors")(images), usual(images))
    assert read_header(tmp_path / "w.safetensors") == header(recipe)


def test_weights_that_do_not_fit_their_network_are_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    save(build(CNN(kind="cnn", width=4), SHAPE, 3), path, header(CNN(kind="cnn", width=8)))
    with pytest.raises(UserError, match=r"w.safetensors does not fit its network \(cnn\)"):
        load(path)


def test_missing_damaged_and_foreign_weights(tmp_path):
    path = tmp_path / "w.safetensors"
    with pytest.raises(UserError, match="is missing; `dvc repro`"):
        load(path)
    save(build(MLP(kind="mlp", hidden=[]), SHAPE, 3), path, header(MLP(kind="mlp", hidden=[])))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match="is damaged"):
        load(path)
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(UserError, match="no weights file of friendfoe"):
        load(path)
