"""Where nothing says which device, a tiny data set is computed on the CPU, and a line says so."""

import pytest

from friendfoe import runtime
from friendfoe.data import device
from friendfoe.data.device import choose_device
from tests.pretended_card import pretended
from tests.training.conftest import digits  # noqa: F401 (a fixture)


@pytest.fixture(autouse=True)
def _nothing_said(digits, monkeypatch):  # noqa: F811
    monkeypatch.delenv("FRIENDFOE_DEVICE")
    monkeypatch.setattr(runtime, "_preferred", "cuda")


@pytest.mark.parametrize("said", [None, "", "auto"])
def test_tiny_data_sets_stay_on_the_cpu(said, monkeypatch, capsys):
    if said is not None:
        monkeypatch.setenv("FRIENDFOE_DEVICE", said)
    with pretended() as card:
        assert runtime.device().type == "cuda"
        choose_device("digits")
        assert runtime.device().type == "cpu"
        line = "on the CPU, since the images of digits have at most 131072 values in all (3840); FRIENDFOE_DEVICE=cuda"
        assert capsys.readouterr().err == f"note: {line} takes the other\n"
        monkeypatch.setattr(device, "FEW", 3839)
        choose_device("digits")
        assert runtime.device().type == "cuda"
        assert "on the GPU, since the images of digits have more than 3839 values" in capsys.readouterr().err
    assert card.user is None  # stages fork before they use it


@pytest.mark.parametrize(("said", "device"), [("cpu", "cpu"), ("cuda", "cuda:0"), ("cuda:0", "cuda:0")])
def test_what_is_said_holds(said, device, monkeypatch, capsys):
    monkeypatch.setenv("FRIENDFOE_DEVICE", said)
    with pretended():
        choose_device("digits")
        assert str(runtime.device()) == device
    assert not capsys.readouterr().err


def test_without_a_gpu_there_is_nothing_to_choose(monkeypatch, capsys):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    choose_device("not even there")
    assert runtime.device().type == "cpu"
    assert not capsys.readouterr().err
