"""What an examination counts, what it may cost, and what it leaves alone."""

import re
from pathlib import Path

import pytest
import torch
from torch import nn

from friendfoe.attacks import AttackConfig
from friendfoe.evaluation.check_budget import CheckBudget
from friendfoe.evaluation.gradient_masking import Outcome, examine, gradient_masking
from tests.evaluation.gradient_masking.examined import EPS, FGSM, checks


def test_what_cannot_be_run_says_why(plain, digits):
    found = checks(plain, digits)
    why = {name: check.reason for name, check in found.items() if check.outcome is Outcome.NOT_RUN}
    none = "no reported attack was given"
    assert why == {"transfer": "no other model was given", "reported eps": none, "strongest": none}
    own = AttackConfig.model_validate({"attack": "fgsm", "eps": 0.1})
    assert checks(plain, digits, reported=own)["reported eps"].reason == "its size is its own"


def test_the_page_in_the_docs_lists_the_checks_in_their_order(plain, digits):
    page = (Path(__file__).parents[3] / "docs/gradient-masking.md").read_text()
    assert re.findall(r"^\| `([a-z0-9 ]+)` \|", page, re.MULTILINE) == [*checks(plain, digits, n=10)]


def test_the_worst_case_counts_each_image_once(plain, robust, digits):
    images, labels = digits
    found = examine(robust, images[:60], labels[:60], eps=EPS, transfer_from={"plain": plain}, reported=FGSM)
    worst = found.standing["the worst case"]
    assert worst.shape == (60,)
    assert all(not (worst & ~standing).any() for name, standing in found.standing.items() if _is_of_this_eps(name))
    assert bool((found.standing["clean"] & ~worst).any())


def _is_of_this_eps(name):
    return "eps" not in name and name not in ("PGD in l2", "PGD without bound")


def test_what_is_drawn_belongs_to_the_image(robust, digits):
    """Half of the images, under their names, meet the same fate."""
    images, labels = digits
    ids, budget = torch.arange(40), CheckBudget(queries=20, more_steps=21)
    options = {"eps": EPS, "reported": FGSM, "budget": budget}
    whole = examine(robust, images[:40], labels[:40], sample_ids=ids, **options).standing
    half = examine(robust, images[20:40], labels[20:40], sample_ids=ids[20:], **options).standing
    assert {name for name in half if not torch.equal(half[name], whole[name][20:])} == set()


def test_budgets_are_those_asked_for(plain, digits):
    images, labels = digits
    shown = []

    class Counting(nn.Module):
        def forward(self, images):
            shown.append(len(images))
            return plain(images)

    def passes(**budget):
        shown.clear()
        gradient_masking(Counting(), images[:10], labels[:10], eps=0.001, budget=CheckBudget(**budget))
        return sum(shown)

    small = passes(steps=5, more_steps=6, restarts=2, targets=1, queries=1)
    for more in ({"queries": 101}, {"more_steps": 106}, {"restarts": 5}, {"targets": 3}):
        assert passes(**{"steps": 5, "more_steps": 6, "restarts": 2, "targets": 1, "queries": 1} | more) > small + 100


def test_the_model_is_left_as_it_was(plain, digits):
    images, labels = digits
    state = torch.get_rng_state()
    plain.train()
    gradient_masking(plain, images[:10], labels[:10], eps=EPS)
    assert plain.training
    plain.eval()
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(("change", "message"), [({"eps": 0.0}, "eps: "), ({"images": slice(0)}, "images: ")])
def test_bad_input_is_refused_by_name(plain, digits, change, message):
    images, labels = digits
    rows = change.get("images", slice(10))
    with pytest.raises(ValueError, match=f"^{message}"):
        gradient_masking(plain, images[rows], labels[rows], eps=change.get("eps", EPS))
