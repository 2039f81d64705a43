"""Replicates share a card: forked before this process has used it, each with its part of the memory."""

import os

import pytest
import torch

from friendfoe import runtime
from friendfoe.runtime.replicates import each_replicate
from tests.pretended_card import DeviceError, pretended


@pytest.fixture(autouse=True)
def _four_workers(monkeypatch):
    monkeypatch.setenv("FRIENDFOE_DEVICE", "cuda")
    monkeypatch.setenv("FRIENDFOE_WORKERS", "4")
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def double(replicate, send):
    send("begun")
    return os.getpid(), (torch.full((100,), replicate).to(runtime.device()) * 2).cpu()


def test_they_work_side_by_side():
    heard = []
    with pretended():
        results = each_replicate(double, 3, lambda replicate, news: heard.append((replicate, news)))
        assert not torch.cuda.is_initialized()
        assert each_replicate(double, 1)[0][0] != os.getpid()  # this process stays free
    assert [int(values[0]) for _, values in results] == [0, 2, 4]
    assert len({process for process, _ in results} | {os.getpid()}) == 4
    assert sorted(heard) == [(replicate, "begun") for replicate in range(3)]


def test_they_follow_one_another_where_this_process_uses_the_card():
    with pretended():
        torch.zeros(1, device="cuda")
        results = each_replicate(double, 3)
    assert {process for process, _ in results} == {os.getpid()}


def test_they_follow_one_another_where_the_memory_is_too_small_to_be_shared(capsys):
    with pretended(memory=3 * 1600 - 3):  # each needs 1600 bytes
        results = each_replicate(double, 3)
    assert [int(values[0]) for _, values in results] == [0, 2, 4]
    assert {process for process, _ in results} == {os.getpid()}
    assert "3 replicates at once do not fit into the memory of cuda" in capsys.readouterr().err


@pytest.mark.parametrize("said", ["CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"])
def test_so_they_do_where_a_library_of_the_card_finds_no_memory(said, capsys):
    here = os.getpid()

    def work(replicate, send):
        if os.getpid() != here:
            raise RuntimeError(said)
        return replicate

    with pretended():
        assert each_replicate(work, 3) == [0, 1, 2]
    assert "do not fit into the memory" in capsys.readouterr().err


def test_asking_which_device_there_is_leaves_it_to_others(monkeypatch):
    monkeypatch.delenv("FRIENDFOE_DEVICE")
    with pretended():
        assert runtime.device() == torch.device("cuda:0")
        assert not torch.cuda.is_initialized()


def test_the_card_refuses_a_forked_process_where_its_parent_uses_it():
    with pretended() as card:
        torch.zeros(1, device="cuda")
        card.user = os.getpid() + 1
        with pytest.raises(DeviceError, match="forked subprocess"):
            torch.zeros(1, device="cuda")
