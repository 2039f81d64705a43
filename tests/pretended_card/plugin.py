"""`pytest -p tests.pretended_card.plugin FILE`: the tests of a file run on the card, and so does what they share."""

import os
from contextlib import contextmanager
from unittest.mock import patch

import pytest

from tests.pretended_card import pretended


@contextmanager
def _on_card(what, **settings):
    with patch.dict(os.environ, FRIENDFOE_DEVICE="cuda", **settings), pretended() as card:
        yield
    if card.launches:
        print(f"{what}: {card.launches.total()} launches, {card.waits.total()} waits")


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef, request):
    """Fixtures of a module or of the session, as those in which a study is run."""
    if fixturedef.scope == "function" or not fixturedef.baseid:
        return (yield)
    with _on_card(fixturedef.argname):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """The tests themselves, in this process: one that has used a card cannot fork others that differentiate."""
    with _on_card(item.name, FRIENDFOE_WORKERS="1"):
        return (yield)
