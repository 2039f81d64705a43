"""Networks that come from elsewhere: timm's, a file of the user's, an exported program."""

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from friendfoe.models.classifier import build
from friendfoe.models.config import NetworkConfig
from friendfoe.models.weights import Header, load, save
from friendfoe.runtime.errors import UserError

SHAPE = (3, 17, 33)


def made(shape=SHAPE, classes=3, **section):
    network = build(NetworkConfig.model_validate(section), shape, classes).eval()
    logits = network(torch.rand(2, *shape))
    assert logits.shape == (2, classes)
    return network


@pytest.mark.parametrize("name", ["resnet10t", "vit_tiny_patch16_224"])
def test_timm_for_images_of_another_size(name):
    pytest.importorskip("timm")
    made((3, 32, 48), kind="timm", name=name)
    made((1, 32, 48), kind="timm", name=name)


def test_what_timm_does_not_have():
    pytest.importorskip("timm")
    with pytest.raises(UserError, match="timm has no network 'resnet10x'; the nearest are resnet10t"):
        made(kind="timm", name="resnet10x")
    with pytest.raises(UserError, match="of timm cannot be made for these images"):
        made(kind="timm", name="resnet10t", arguments={"widht": 3})


@pytest.fixture
def _own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "parts.py").write_text("WIDTH = 4\n")
    (tmp_path / "nets.py").write_text(
        "from torch import nn\nfrom parts import WIDTH\n"
        "def make(classes, width=WIDTH):\n"
        "    return nn.Sequential(nn.Conv2d(3, width, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes))\n"
        "def fails():\n    raise RuntimeError('no such thing')\n"
        "def text():\n    return 'a network'\n"
    )


@pytest.mark.usefixtures("_own")
def test_a_file_of_the_users():
    network = made(kind="import", object="nets.py:make", arguments={"classes": 3})
    assert network[1][0].out_channels == 4
    made(kind="import", object="nets.py:make", arguments={"classes": 3, "width": 2})


@pytest.mark.usefixtures("_own")
@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("nets.py:mak", "nets.py has no 'mak'; did you mean 'make'"),
        ("net.py:make", "net.py is missing"),
        ("nowhere.nets:make", "nowhere.nets cannot be imported: ModuleNotFoundError"),
        ("nets.py:make", "nets.py:make fails: TypeError: .*classes"),
        ("nets.py:fails", "nets.py:fails fails: RuntimeError: no such thing"),
        ("nets.py:text", "nets.py:text gives str; it has to give a torch.nn.Module"),
    ],
)
def test_what_is_wrong_with_it_is_one_line(named, message):
    with pytest.raises(UserError, match=message) as raised:
        made(kind="import", object=named)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("named", ["nets", "nets.py", ":make", "nets:", "nets:make it"])
def test_an_object_has_a_module_and_a_name(named):
    with pytest.raises(ValidationError, match="MODULE:NAME"):
        NetworkConfig.model_validate({"kind": "import", "object": named})


def exported(path, *, dynamic=True, shape=SHAPE, gradient=True):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))

        def forward(self, images):
            return self.body(images if gradient else images.detach()).detach() if not gradient else self.body(images)

    shapes = ({0: torch.export.Dim("batch")},) if dynamic else None
    program = torch.export.export(Net().eval(), (torch.rand(2, *shape),), dynamic_shapes=shapes)
    torch.export.save(program, path)


def test_an_exported_program(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exported("net.pt2")
    network = made(kind="exported", file="net.pt2").train().eval()
    images = torch.rand(4, *SHAPE, requires_grad=True)
    network(images).sum().backward()
    assert images.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dynamic": False}, "takes batches of one size alone; export it with dynamic_shapes"),
        ({"gradient": False}, "has no gradients"),
        ({"shape": (3, 20, 20)}, "does not take images of 3×17×33"),
    ],
)
def test_an_exported_program_that_cannot_be_attacked(tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    exported("net.pt2", **options)
    with pytest.raises(UserError, match=message):
        made(kind="exported", file="net.pt2")


def test_what_is_no_exported_program(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="is missing"):
        made(kind="exported", file="net.pt2")
    (tmp_path / "net.pt2").write_bytes(b"nothing")
    with pytest.raises(UserError, match="is no exported program"):
        made(kind="exported", file="net.pt2")


def again(section, path):
    """A network, and what comes back of its weights file."""
    network = made(**section)
    header = Header(data="0", shape=SHAPE, classes=list("abc"), network=section, seed=0)
    save(network, path, header)
    images = torch.rand(4, *SHAPE)
    assert torch.allclose(load(path)(images), network(images), atol=1e-6)
    return network


def test_an_exported_program_comes_back_from_its_weights_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exported("net.pt2")
    again({"kind": "exported", "file": "net.pt2"}, tmp_path / "w.safetensors")


def test_so_does_a_network_that_is_made_by_numbers_or_shares_its_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tied.py").write_text(
        "import torch\nfrom torch import nn\n"
        "def make():\n"
        "    rates = torch.linspace(0, 0.1, 2).tolist()\n"
        "    one, other = nn.Conv2d(3, 3, 3), nn.Conv2d(3, 3, 3)\n"
        "    other.weight = one.weight\n"
        "    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 3)]\n"
        "    return nn.Sequential(one, nn.Dropout(rates[0]), other, nn.Dropout(rates[1]), *head)\n"
    )
    network = again({"kind": "import", "object": "tied.py:make"}, tmp_path / "w.safetensors")
    assert network[1][0].weight is network[1][2].weight
