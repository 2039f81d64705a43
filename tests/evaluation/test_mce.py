"""mCE: by hand, of the reference itself, and what is refused."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from friendfoe.evaluation.mce import corruption_errors, mean_corruption_error, measurable, yardstick


def frame(models):
    """{model: [{corruption: errors by severity} of each replicate]} as a tidy frame."""
    return pd.DataFrame(
        [
            (model, replicate, corruption, severity, error)
            for model, replicates in models.items()
            for replicate, corruptions in enumerate(replicates)
            for corruption, severities in corruptions.items()
            for severity, error in enumerate(severities, start=corruption != "clean")
        ],
        columns=["model", "replicate", "corruption", "severity", "error"],
    )


TWO = {
    "weak": [{"clean": [0.1], "fog": [0.2, 0.4], "snow": [0.5, 0.5]}],
    "strong": [{"clean": [0.05], "fog": [0.1, 0.2], "snow": [0.25, 0.5]}],
}


def test_by_hand():
    ce = corruption_errors(frame(TWO), "weak").set_index(["model", "corruption"])["ce"]
    assert ce["strong", "fog"] == pytest.approx(50)
    assert ce["strong", "snow"] == pytest.approx(75)
    mce = mean_corruption_error(frame(TWO), "weak").set_index("model")["mce"]
    assert mce["strong"] == pytest.approx(62.5)
    assert mce["weak"] == pytest.approx(100)


def test_what_errors_are_measured_by_is_the_mean_over_replicates_of_the_reference():
    replicates = [*TWO["weak"], {"clean": [0.1], "fog": [0.4, 0.4], "snow": [0.5, 0.7]}]
    measure = yardstick(frame({**TWO, "weak": replicates}), "weak")
    assert measure.to_dict() == pytest.approx({"fog": (0.6 + 0.8) / 2, "snow": (1.0 + 1.2) / 2})
    with pytest.raises(ValueError, match="strong makes no errors under fog"):
        yardstick(frame({**TWO, "strong": [{"fog": [0.0, 0.0], "snow": [0.1, 0.1]}]}), "strong")


def test_corruptions_without_errors_of_the_reference_are_left_out_where_that_is_asked_for():
    errors = frame({**TWO, "strong": [{"clean": [0.0], "fog": [0.0, 0.0], "snow": [0.1, 0.1]}]})
    left = measurable(errors, "strong")
    assert set(left["corruption"]) == {"clean", "snow"}
    assert mean_corruption_error(left, "strong").set_index("model")["mce"]["weak"] == pytest.approx(500)


def test_relative_by_hand():
    ce = corruption_errors(frame(TWO), "weak", relative=True).set_index(["model", "corruption"])["ce"]
    assert ce["strong", "fog"] == pytest.approx(100 * (0.05 + 0.15) / (0.1 + 0.3))
    assert ce["strong", "snow"] == pytest.approx(100 * (0.2 + 0.45) / (0.4 + 0.4))
    assert ce["weak", "fog"] == pytest.approx(100)


shares = st.lists(st.floats(0.01, 1), min_size=5, max_size=5)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.fixed_dictionaries({"fog": shares, "snow": shares, "frost": shares}), min_size=1, max_size=4))
def test_the_reference_has_100_on_average(replicates):
    errors = frame({"reference": replicates, "other": [{c: [0.5] * 5 for c in ("fog", "snow", "frost")}]})
    mce = mean_corruption_error(errors, "reference").set_index("model")["mce"]
    assert mce.loc[["reference"]].mean() == pytest.approx(100)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f[~((f.model == "weak") & (f.corruption == "fog"))], "none of weak, replicate 0, fog at severity 1"),
        (lambda f: f[~((f.model == "strong") & (f.severity == 2))], "none of strong, replicate 0, fog at severity 2"),
        (lambda f: f[f.model != "weak"], "there are no errors of weak"),
        (lambda f: f.assign(error=f.error.where(f.corruption != "fog", 0.0)), "weak makes no errors under fog"),
        (lambda f: f.assign(error=100 * f.error), "shares"),
        (lambda f: pd.concat([f, f.iloc[[1]]]), "two rows say the same: weak, replicate 0, fog at severity 1"),
        (lambda f: f.drop(columns="severity"), "no column severity"),
        (lambda f: f[f.corruption == "clean"], "no corruption"),
    ],
)
def test_what_is_refused(change, message):
    errors = change(frame(TWO))
    with pytest.raises(ValueError, match=message):
        mean_corruption_error(errors, "weak")


def test_relative_errors_need_clean_images():
    errors = frame(TWO)
    with pytest.raises(ValueError, match="strong, replicate 0, has no row of clean images"):
        mean_corruption_error(
            errors[(errors.model != "strong") | (errors.corruption != "clean")], "weak", relative=True
        )
