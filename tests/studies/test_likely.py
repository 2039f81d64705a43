"""The likely set-up of the assistive article: what its models share, and what they are trained on."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from friendfoe.evaluation.outcomes import read
from friendfoe.runtime import jobs, paths
from friendfoe.studies.assistive import likely
from friendfoe.studies.assistive.names import MODELS
from friendfoe.studies.assistive.settings import Settings, Tried
from friendfoe.studies.inputs import Inputs
from friendfoe.studies.job import AnalysisJob

ANALYSIS = paths.analysis("digits", "assistive", "analyse")


@pytest.fixture
def found(inside):
    """The outcomes of the analysis."""
    return read(ANALYSIS / "outcomes.npz")


@pytest.fixture
def study(inside):
    """What the analysis works from."""
    job = jobs.read(AnalysisJob, "digits", "assistive", "analyse")
    return Inputs(job, Settings.model_validate(job.settings))


def test_all_models_are_trained_in_the_set_ups_and_a_and_b_in_what_is_tried(found, study):
    trained = {model for metric, model, condition in found if "/" in model}
    assert trained == {f"{setup}/{model}" for setup in study.settings.likely.setups for model in MODELS} | {
        f"{setup}/{model}" for setup in study.settings.likely.tried for model in ("clean", "assist")
    }


def test_a_is_the_same_whether_signals_are_clipped(found):
    unclipped, clipped = (found["accuracy", f"{setup}/clean", "clean"].values for setup in ("unclipped", "clipped"))
    assert np.array_equal(unclipped, clipped)


def test_those_that_a_attacks_begin_with_other_weights_than_a_and_all_with_the_same(study, monkeypatch):
    begun = []
    build = likely.build

    def watched(*arguments, **settings):
        network = build(*arguments, **settings)
        begun.append(torch.cat([weights.detach().flatten() for weights in network.parameters()]).clone())
        return network

    monkeypatch.setattr(likely, "build", watched)
    train = study.train
    setup = likely.Setup(study, train, torch.arange(len(train)), "unclipped", 0)
    setup.run(setup.train_source())
    a, *others = begun
    assert len(others) == len(MODELS) - 1
    assert not torch.equal(a, others[0])
    assert all(torch.equal(other, others[0]) for other in others)


def test_b_begins_as_a_did_where_the_set_up_says_so(study):
    setups = study.settings.likely.model_copy(update={"tried": {"same": Tried(same_start=True)}})
    same = replace(study, settings=study.settings.model_copy(update={"likely": setups}))
    seeds = {
        name: [likely.Setup(same, study.train, torch.arange(1), name, 0).seed(model) for model in ("clean", "assist")]
        for name in ("unclipped", "same")
    }
    assert seeds["unclipped"][0] != seeds["unclipped"][1]
    assert seeds["same"][0] == seeds["same"][1] == seeds["unclipped"][0]


def test_own_images_of_half_a_set_are_half_of_the_training_images_and_the_same_for_both(found, study):
    clean, assist = (found["accuracy", f"unclipped/{model}", "own-train"] for model in ("clean-half", "assist-half"))
    for replicate in range(2):
        asked = [np.isfinite(one.values[replicate]) for one in (clean, assist)]
        assert asked[0].sum() == round(len(study.train) / 2)
    assert np.array_equal(clean.samples, assist.samples)


def test_training_images_that_are_not_clipped_stay_as_they_are(study, monkeypatch):
    seen = {}
    train = likely.train

    def watched(network, images, *arguments, **settings):
        seen[len(seen)] = images.take(torch.arange(len(images)))[0]
        return train(network, images, *arguments, **settings)

    monkeypatch.setattr(likely, "train", watched)
    for name in ("unclipped", "clipped"):
        setup = likely.Setup(study, study.train, torch.arange(len(study.train)), name, 0)
        setup.run(setup.train_source())
    per_setup = len(MODELS)
    unclipped, clipped = seen[1], seen[1 + per_setup]  # of B
    assert unclipped.min() < 0
    assert unclipped.max() > 1
    assert clipped.min() >= 0
    assert clipped.max() <= 1
    assert torch.allclose(unclipped.clamp(0, 1), clipped, atol=1e-6)


def test_what_was_tried_stands_beside_the_published_numbers(inside):
    text = (paths.report("digits", "assistive") / "tables" / "tried.md").read_text()
    assert "| linear " in text
    assert "0.4291" in text
    curves = pd.read_csv(ANALYSIS / "likely.csv")
    assert set(curves["setup"]) == {"unclipped", "clipped", "linear"}
    networks = json.loads((ANALYSIS / "facts.json").read_text())["networks"]
    assert networks == {
        "unclipped": "ConvNet [4, 10] + [100]",
        "clipped": "ConvNet [4, 10] + [100]",
        "linear": "MLP []",
    }
