"""Weights come back to the bit or with a clear word; a new network is one new file."""

import gc
import json
import math
import os
import pickle
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from friendfoe.models import networks
from friendfoe.models.classifier import build
from friendfoe.models.config import NetworkConfig
from friendfoe.models.weights import Header, load, read_header, save
from friendfoe.runtime import tensors
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.kinds import kinds
from tests.damage import every_flip

SHAPE = (1, 8, 8)
MAXOUT = {"kind": "maxout", "units": [5], "pieces": 2}
MLP = {"kind": "mlp", "hidden": [5]}
WEIGHTS = {"a": torch.zeros(1)}
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


def test_missing_damaged_and_unknown_weights(tmp_path):
    path = tmp_path / "w.safetensors"
    with pytest.raises(UserError, match="is missing; `dvc repro`"):
        load(path)
    save(build(NetworkConfig.model_validate(MLP), SHAPE, 3), path, header(MLP))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match="is damaged"):
        load(path)
    tensors.write(save_file, WEIGHTS, path, header(MLP).model_dump_json().replace('"mlp"', '"mpl"'))
    with pytest.raises(UserError, match=r"does not know \(there is no kind 'mpl'; did you mean 'mlp'\?\)"):
        load(path)


def test_a_flipped_bit_is_found_wherever_it_is(tmp_path):
    path = tmp_path / "replicate-0.safetensors"
    save(build(NetworkConfig.model_validate(MLP), SHAPE, 3), path, header(MLP))
    for _ in every_flip(path):
        with pytest.raises(UserError, match=r"is damaged|is no weights file of friendfoe"):
            load(path)
    path.rename(tmp_path / "replicate-1.safetensors")
    with pytest.raises(UserError, match=r"replicate-1.safetensors is damaged \(it was written as replicate-0\)"):
        load(tmp_path / "replicate-1.safetensors")


def pickled(path):
    path.write_bytes(pickle.dumps({"a": 1}))


FOREIGN = {
    "a folder": Path.mkdir,
    "an empty file": Path.touch,
    "no file": os.mkfifo,
    "a zip archive, as torch.save": partial(torch.save, WEIGHTS),
    "a pickle": pickled,
    "a safetensors file of others": partial(save_file, WEIGHTS),
    "protocol buffers, as ONNX": lambda path: path.write_bytes(b"\x08\x07\x12\x07pytorch"),
    "a file of another kind": lambda path: path.write_text("{}"),
}


@pytest.mark.parametrize(("kind", "make"), FOREIGN.items(), ids=FOREIGN)
def test_what_is_not_ours_is_called_foreign_and_kept(tmp_path, kind, make):
    path = tmp_path / "own.pt"
    make(path)
    with pytest.raises(UserError, match=f"own.pt is no weights file of friendfoe but {kind}") as error:
        load(path)
    assert "delete" not in str(error.value)
    assert "rm " not in str(error.value)


UNBUILDABLE = {
    "width": {"network": {"kind": "cnn", "width": 10**9}},
    "units": {"network": {"kind": "mlp", "hidden": [10**9, 10**9]}},
    "many layers": {"network": {"kind": "mlp", "hidden": [1] * 10**6}},
    "members": {"network": {"kind": "ensemble", "members": 10**9, "of": MLP}},
    "depth": {"network": {"kind": "wide_resnet", "depth": 6 * 10**8 + 4, "width": 1}},
    "too deep to say": {"network": {"kind": "cnn", "width": 10**400}},
    "negative shape": {"shape": [-1, 8, 8]},
    "huge shape": {"shape": [1, 10**9, 10**9]},
    "large shape": {"shape": [1, 10**6, 10**6]},
    "no shape": {"shape": [0, 0, 0]},
    "a float": {"shape": [1.5, 8, 8]},
    "no classes": {"classes": []},
    "no network": {"network": None},
    "no name": {"network": {"kind": []}},
}
LOAD = """
import resource, sys, torch
from pathlib import Path
from friendfoe.models.weights import load
from friendfoe.runtime import tensors
from friendfoe.runtime.errors import UserError
resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        load(path)
    except UserError as error:
        print(path.stem, "refused")
"""


def test_a_header_is_not_believed_before_it_is_checked(tmp_path):
    for name, change in UNBUILDABLE.items():
        text = json.dumps({**json.loads(header(MLP).model_dump_json()), **change})
        tensors.write(save_file, WEIGHTS, tmp_path / f"{name}.safetensors", text)
    command = (sys.executable, "-c", LOAD, tmp_path)
    result = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": "."})
    assert result.stdout.splitlines() == [f"{name} refused" for name in sorted(UNBUILDABLE)]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_not_finite_are_one_line(tmp_path, value):
    path, network = tmp_path / "w.safetensors", build(NetworkConfig.model_validate(MLP), SHAPE, 3)
    with torch.no_grad():
        network[1][1].weight[0, 0] = value
    save(network, path, header(MLP))
    with pytest.raises(UserError, match=r"w.safetensors holds numbers that are not finite \(1.1.weight\); train"):
        load(path)


def test_a_network_that_cannot_be_built_without_memory_is_loaded(tmp_path):
    check_that_weights_come_back({"kind": "torchvision", "name": "regnet_y_400mf"}, tmp_path / "w.safetensors")
