"""Evaluation on a card: what its own tests ask for; the others among them are slow here (`test_studies`)."""

import pytest

from tests.evaluation.test_evaluate import (  # noqa: F401 (they are run here)
    _project,
    test_every_kind_of_evaluation,
    test_the_outcome_of_each_image_is_what_is_counted,
    test_what_is_not_a_number_is_no_wrong_answer,
)
from tests.pretended_card import pretended


@pytest.fixture(autouse=True)
def _on_card(monkeypatch):
    monkeypatch.setenv("FRIENDFOE_DEVICE", "cuda")
    with pretended() as card:
        yield
    assert card.launches
