"""Weights come back to the bit or with a clear word; a new network is one new file."""

import gc
import sys

import pytest
import torch
from safetensors.torch import save_file

from friendfoe.models import networks
from friendfoe.models.classifier import build
from friendfoe.models.config import NetworkConfig
from friendfoe.models.weights import Header, load, read_header, save
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.kinds import kinds

SHAPE = (1, 8, 8)
MAXOUT = {"kind": "maxout", "units": [5], "pieces": 2}
MLP = {"kind": "mlp", "hidden": [5]}
SECTIONS = [
    {"kind": "cnn", "width": 4},
    MLP,
    MAXOUT,
    {"kind": "maxout", "units": [4, 3], "pieces": 2, "output": "sigmoids"},
    {"kind": "maxout-conv", "width": 2, "pieces": 2, "output": "sigmoids"},
    {"kind": "rbf"},
    {"kind": "ensemble", "members": 3, "of": MAXOUT},
]


def header(section):
    return Header(data="0", shape=SHAPE, classes=list("abc"), network=section, seed=0)


def check_that_weights_come_back(section, path):
    config = NetworkConfig.model_validate(section)
    network = build(config, SHAPE, 3, mean=[0.3], std=[0.2])
    network(torch.rand(8, *SHAPE))  # batch-norm statistics are weights, too
    save(network, path, header(section))
    images = torch.rand(4, *SHAPE)
    usual = network.eval().to(memory_format=torch.channels_last)  # as loaded: another format rounds differently
    assert torch.equal(load(path)(images), usual(images))
    assert read_header(path) == header(section)
    assert read_header(path).network == config


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section["kind"])
def test_weights_come_back_to_the_bit(section, tmp_path):
    check_that_weights_come_back(section, tmp_path / "w.safetensors")


TINY = '''
from math import prod
from typing import Literal

from torch import nn

from friendfoe.models.config import NetworkConfig


class TinyConfig(NetworkConfig):
    """Two linear layers."""

    label = "tiny network of {units} units"

    kind: Literal["tiny"]
    units: int

    def build(self, shape, classes):
        """Without anything between them."""
        return nn.Sequential(nn.Flatten(), nn.Linear(prod(shape), self.units), nn.Linear(self.units, classes))
'''


@pytest.fixture
def tiny(tmp_path):
    """A network whose file is put beside the others."""
    (tmp_path / "tiny.py").write_text(TINY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(networks, "__path__", [*networks.__path__, str(tmp_path)])
        kinds.cache_clear()
        yield {"kind": "tiny", "units": 7}
    del sys.modules["friendfoe.models.networks.tiny"], networks.tiny
    kinds.cache_clear()
    gc.collect()  # a class is known as long as it lives
    assert "tiny" not in kinds(NetworkConfig)


def test_a_new_network_is_one_new_file(tiny, tmp_path):
    assert "tiny" in kinds(NetworkConfig)
    assert NetworkConfig.model_validate(tiny).describe() == "tiny network of 7 units"
    check_that_weights_come_back(tiny, tmp_path / "w.safetensors")
    check_that_weights_come_back({"kind": "ensemble", "members": 2, "of": tiny}, tmp_path / "w.safetensors")


def test_weights_that_do_not_fit_their_network_are_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    network = build(NetworkConfig.model_validate({"kind": "cnn", "width": 4}), SHAPE, 3)
    save(network, path, header({"kind": "cnn", "width": 8}))
    with pytest.raises(UserError, match=r"w.safetensors does not fit its network \(cnn\)"):
        load(path)


def test_missing_damaged_and_foreign_weights(tmp_path):
    path = tmp_path / "w.safetensors"
    with pytest.raises(UserError, match="is missing; `dvc repro`"):
        load(path)
    save(build(NetworkConfig.model_validate(MLP), SHAPE, 3), path, header(MLP))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match="is damaged"):
        load(path)
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(UserError, match=r"no weights file of friendfoe \(its header is missing"):
        load(path)
    save_file({"a": torch.zeros(1)}, path, {"friendfoe": header(MLP).model_dump_json().replace('"mlp"', '"mpl"')})
    with pytest.raises(
        UserError, match=r"there is no kind 'mpl'; did you mean 'mlp'\?\); delete it and run `dvc repro`"
    ):
        load(path)
