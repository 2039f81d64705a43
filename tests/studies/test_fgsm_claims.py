"""The claims of the FGSM study: what the paper's own numbers say of them, and what is no evidence for them."""

import json

import numpy as np
import pytest

from friendfoe.evaluation.outcomes import stacked
from friendfoe.evaluation.sample import Sample
from friendfoe.studies.claims import Claim, Verdict, judge
from friendfoe.studies.evidence import Evidence
from friendfoe.studies.fgsm.claims import CLAIMS
from friendfoe.studies.fgsm.tables import constant, of_what_trained, published_numbers
from friendfoe.studies.published import verified
from tests.studies.workspaces import params


def test_the_published_numbers_bear_out_the_claims_that_they_measure():
    known, checked = verified(published_numbers()), 0
    for claim in CLAIMS:
        for part in claim.parts:
            try:
                value = part.expression(known).mean
            except KeyError:
                continue
            checked += 1
            if (part.text, value) == ("error on training images, weight decay 0.0025", 0.05):
                continue  # "stuck at over 5 %": the bound itself
            assert part.low < value < part.high, part.text
    assert checked >= 12


def test_the_papers_large_network_stands_beside_our_small_one_under_attack_alone():
    known = verified(published_numbers())
    assert known("error", "maxout-adversarial", "fgsm").mean == 0.179
    assert known("error", "maxout-adversarial", "clean").mean == 0.0084
    assert known("error", "wide-adversarial", "clean").mean == 0.00782
    assert known("error", "maxout-other", "on-maxout-adversarial").mean == 0.409
    assert known("agreement", "softmax", "on-maxout-other").mean == 0.546
    with pytest.raises(KeyError):
        known("confidence-wrong", "rbf", "rubbish")
    large = verified(published_numbers(large=True))
    assert large("error", "maxout-adversarial", "clean").mean == 0.00782
    assert large("error", "maxout", "clean").mean == 0.0114


def test_a_network_that_has_learned_nothing_is_no_evidence():
    labels = np.arange(600) % 3
    wrong = stacked("test", np.arange(600), labels, [{("error", "maxout-l1", "train"): labels != 1}] * 3)
    evidence = Evidence(wrong).also({("classes", "maxout-l1", "train"): Sample.of_replicates([1, 1, 2])})
    assert constant(evidence) == ["maxout-l1"]
    part = next(part for claim in CLAIMS for part in claim.parts if part.text.endswith("weight decay 0.0025"))
    (judged,) = judge([Claim("", "", (part,))], of_what_trained(evidence))
    assert judged.verdict is Verdict.UNTESTABLE
    assert "same class" in judged.findings[0].reason
    assert judge([Claim("", "", (part,))], evidence)[0].verdict is Verdict.REPRODUCED


@pytest.mark.parametrize("data", params("fgsm")["data"])
def test_networks_of_one_kind_are_trained_for_as_long(data):
    section, epochs = params("fgsm"), {}
    own = section["data"][data]
    for name, model in section["models"].items():
        here = own["models"].get(name, {})
        of_all = own.get("network", section["network"])
        network = here.get("network") or model.get("network") or of_all
        network = {key: value for key, value in network.get("of", network).items() if key != "output"}
        budget = own["training"] | model.get("training", {}) | here.get("training", {})
        epochs.setdefault(json.dumps(network), set()).add(budget["epochs"])
    assert all(len(each) == 1 for each in epochs.values()), epochs
