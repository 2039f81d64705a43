"""Replicates side by side: same results, in order, whatever the number of workers; failures and news get through."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from friendfoe.runtime.errors import UserError
from friendfoe.runtime.replicates import each_replicate


@pytest.fixture(params=["1", "2", "3"], autouse=True)
def _workers(request, monkeypatch):
    monkeypatch.setenv("FRIENDFOE_WORKERS", request.param)
    monkeypatch.setenv("FRIENDFOE_DEVICE", "cpu")
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


several = pytest.mark.parametrize("_workers", ["2", "3"], indirect=True)


def test_results_come_in_order_and_news_arrive():
    heard = []

    def work(replicate, send):
        send(f"{replicate} began")
        send(f"{replicate} ended")
        return replicate * torch.ones(2)

    results = each_replicate(work, 4, lambda replicate, news: heard.append((replicate, news)))
    assert [result.tolist() for result in results] == [[0, 0], [1, 1], [2, 2], [3, 3]]
    assert sorted(heard) == [(r, f"{r} {what}") for r in range(4) for what in ("began", "ended")]


def test_a_users_error_reaches_the_user():
    def work(replicate, send):
        if replicate == 1:
            raise UserError("the loss is no longer finite")
        return replicate

    with pytest.raises(UserError, match="no longer finite"):
        each_replicate(work, 3)


def test_one_replicate_stays_in_this_process():
    assert each_replicate(lambda replicate, send: os.getpid(), 1) == [os.getpid()]


def test_the_number_of_workers_does_not_change_the_bits():
    def work(replicate, send):
        return torch.randn(300, 300, generator=torch.Generator().manual_seed(replicate)).pow(
            2
        ).sum(), torch.get_num_threads()

    for count in (1, 2):  # one replicate, too
        assert [threads for _, threads in each_replicate(work, count)] == [1] * count


def test_a_programming_error_keeps_its_traceback_and_the_others_are_ended():
    def work(replicate, send):
        if replicate == 0:
            return {}["missing"]
        return time.sleep(60)

    began = time.monotonic()
    with pytest.raises(KeyError, match="missing") as error:
        each_replicate(work, 2)
    assert time.monotonic() - began < 30
    if os.environ["FRIENDFOE_WORKERS"] != "1":
        assert 'return {}["missing"]' in str(error.value.__cause__)


def test_an_error_that_cannot_be_sent_is_told():
    class OddError(Exception):
        def __init__(self, a, b):
            super().__init__(f"{a} and {b}")

    def work(replicate, send):
        raise OddError(1, 2)

    with pytest.raises((OddError, RuntimeError), match="1 and 2"):
        each_replicate(work, 2)


@several
def test_a_worker_that_is_killed_is_one_line():
    def work(replicate, send):
        if replicate == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return replicate

    with pytest.raises(
        UserError, match=r"a worker process was ended from outside \(SIGKILL\), perhaps for lack of memory"
    ):
        each_replicate(work, 3)


@pytest.mark.parametrize("_workers", ["2"], indirect=True)
def test_workers_do_not_outlive_their_parent(tmp_path):
    code = f"""
import os, time
from pathlib import Path
from friendfoe.runtime.replicates import each_replicate

def work(replicate, send):
    Path({str(tmp_path)!r}, str(os.getpid())).touch()
    time.sleep(120)

each_replicate(work, 2)
"""
    parent = subprocess.Popen([sys.executable, "-c", code], env=dict(os.environ))
    deadline = time.monotonic() + 60
    while len(list(tmp_path.iterdir())) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    children = [int(path.name) for path in tmp_path.iterdir()]
    while any(Path(f"/proc/{child}").exists() for child in children):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@several
def test_a_fork_that_fails_is_one_line(monkeypatch):
    def refuse(*_):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refuse)
    with pytest.raises(UserError, match=r"cannot start a process .*FRIENDFOE_WORKERS=1"):
        each_replicate(lambda replicate, send: replicate, 2)
