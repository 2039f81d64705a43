"""`pytest -p tests.pretended_card.plugin FILE`: what the tests of a file share is made on the card."""

import os
from unittest.mock import patch

import pytest

from tests.pretended_card import pretended


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef, request):
    """Fixtures of a module or of the session, as those in which a study is run, find a GPU."""
    if fixturedef.scope == "function" or not fixturedef.baseid:
        return (yield)
    with patch.dict(os.environ, FRIENDFOE_DEVICE="cuda"), pretended() as card:
        result = yield
    if card.launches:
        print(f"{fixturedef.argname}: {card.launches.total()} launches, {card.waits.total()} waits of the card")
    return result
