"""Replicates side by side: same results, in order, whatever the number of workers; failures and news get through."""

import os

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
