import os
import pickle

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from friendfoe.models.foreign import fit, read_state
from friendfoe.runtime.errors import UserError


def network(classes=10, width=4):
    return nn.Sequential(nn.Conv2d(1, width, 3), nn.BatchNorm2d(width), nn.Flatten(), nn.Linear(width * 36, classes))


def wrapped(state, prefix):
    return {prefix + key: value for key, value in state.items()}


@pytest.fixture
def state():
    torch.manual_seed(3)
    return network().state_dict()


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "model.", "module.model.", "net.encoder."])
@pytest.mark.parametrize("outer", [None, "state_dict", "model", "model_ema"])
def test_state_dicts_as_others_leave_them(tmp_path, state, prefix, outer):
    path = tmp_path / "weights.pt"
    content = wrapped(state, prefix)
    checkpoint = content if outer is None else {outer: content, "epoch": 7, "optimizer": {"state": {}, "lr": 0.1}}
    torch.save(checkpoint, path)
    mine = network()
    fit(mine, read_state(path), path)
    assert all(torch.equal(value, state[key]) for key, value in mine.state_dict().items())


def test_safetensors(tmp_path, state):
    path = tmp_path / "weights.safetensors"
    save_file(state, path)
    mine = network()
    fit(mine, read_state(path), path)
    assert torch.equal(mine[0].weight, state["0.weight"])


def test_a_wrapped_network_takes_plain_weights(state):
    mine = nn.DataParallel(network())
    fit(mine, state, "weights.pt")
    assert torch.equal(mine.module[0].weight, state["0.weight"])


def test_counters_may_be_missing(state):
    fit(network(), {key: value for key, value in state.items() if "num_batches" not in key}, "weights.pt")


def test_of_several_networks_one_is_named(tmp_path, state):
    path = tmp_path / "weights.pt"
    torch.save({"model": state, "model_ema": {key: 2 * value for key, value in state.items()}}, path)
    with pytest.raises(UserError, match=r"holds several networks \(model, model_ema\); say which one: key"):
        read_state(path)
    assert torch.equal(read_state(path, "model_ema")["0.weight"], 2 * state["0.weight"])
    with pytest.raises(UserError, match="has no 'model_em'; did you mean 'model_ema'"):
        read_state(path, "model_em")


class Payload:
    """Would leave a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mknod, (str(self.path),)


def test_a_pickled_module_is_refused_without_being_executed(tmp_path):
    left = tmp_path / "left"
    torch.save({"model": Payload(left)}, tmp_path / "evil.pt")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Payload(left)))
    torch.save(network(), tmp_path / "whole.pt")
    for name in ("evil.pt", "plain.pth", "whole.pt"):
        with pytest.raises(
            UserError, match=r"which execute code when they are read; save the weights alone, in the code"
        ) as raised:
            read_state(tmp_path / name)
        assert "\n" not in str(raised.value)
    assert not left.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is missing; name a file of weights"),
        (b"", "is no file of weights"),
        (b"PK\x03\x04 and then nothing of an archive", "is damaged|is no file of weights"),
        ({"epoch": 3, "accuracy": 0.5}, "holds no weights but epoch, accuracy; save `model.state_dict"),
        ([1, 2], "holds no weights but list"),
    ],
)
def test_what_is_no_file_of_weights(tmp_path, content, message):
    path = tmp_path / "weights.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(UserError, match=message) as raised:
        read_state(path)
    assert "\n" not in str(raised.value)


def test_torchscript_is_refused(tmp_path):
    torch.jit.script(network()).save(str(tmp_path / "script.pt"))
    with pytest.raises(UserError, match="TorchScript archive; save the weights alone"):
        read_state(tmp_path / "script.pt")


def misfit(state, mine=None):
    with pytest.raises(UserError) as raised:
        fit(mine or network(), state, "weights.pt")
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_other_classes_are_said(state):
    assert misfit(network(classes=7).state_dict()) == (
        "weights.pt does not fit the network: of its weights 2 of another shape (3.weight: 7×144 in place of 10×144, "
        "3.bias: 7 in place of 10). It tells 7 classes apart, and the data set has 10"
    )


def test_other_sizes_are_said(state):
    assert "another size or version of this network" in misfit(network(width=8).state_dict())


def test_missing_and_unexpected_keys_are_said_with_the_nearest(state):
    renamed = {key.replace("3.weight", "3.weights"): value for key, value in state.items()}
    message = misfit(renamed)
    assert "1 missing (3.weight: is it 3.weights?)" in message
    assert "1 unexpected (3.weights)" in message


def test_weights_of_another_kind_are_said():
    message = misfit({"blocks.0.attn.qkv.weight": torch.zeros(3, 3), "head.bias": torch.zeros(3)})
    assert "It is of another kind of network" in message


def test_what_is_no_number_is_refused(state):
    state["3.bias"][2] = torch.nan
    assert misfit(state) == "weights.pt holds numbers that are not finite (3.bias); take another copy of it"
