"""Quantities of the class-wise study against tables worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from friendfoe.evaluation.outcomes import Outcomes
from friendfoe.evaluation.sample import Sample
from friendfoe.studies.claims import Verdict, judge
from friendfoe.studies.classwise import names, quantities, tables
from friendfoe.studies.classwise.claims import CLAIMS, claims_of
from friendfoe.studies.classwise.grids import grids
from friendfoe.studies.classwise.names import CONDITIONS, DEFENCES, MODEL, MODELS, PRIOR, ROWS, before
from friendfoe.studies.classwise.quantities import ACCURACY, ALL
from friendfoe.studies.evidence import Evidence

CLASSES = [*"abcde"]


def images(right, n=10, classes=CLASSES):
    """Outcomes of n images of each class, of which `right` (by replicate and class) are right: the first ones."""
    rows = [[[1.0] * count + [0.0] * (n - count) for count in row] for row in right]
    labels = np.repeat(np.arange(len(classes)), n)
    return Outcomes("test", np.arange(len(labels)), labels, np.array(rows, dtype=np.float32).reshape(len(right), -1))


def held_out(right, n=20):
    """A table of held-out images: model -> condition -> right answers by replicate and class."""
    rows = [
        {"model": model, "condition": condition, "replicate": number, "class": name, "n": n, "correct": count}
        for model, conditions in right.items()
        for condition, table in conditions.items()
        for number, row in enumerate(table)
        for name, count in zip(CLASSES, row, strict=True)
    ]
    return pd.DataFrame(rows)


class Study:
    """Results from tables in place of files."""

    def __init__(self, outcomes, **found):
        self.evidence = Evidence(outcomes, classes=CLASSES)
        self.found = found

    def table(self, name):
        return self.found[name]


def study(strengths=(1.0, 1.0, 1.0), replicates=3):
    """Three replicates of every model, of which each condition takes its own number of images."""
    base = np.array([[2, 4, 6, 8, 9]] * replicates) + np.array([[0], [1], [0]])[:replicates]
    strength = {name: 0 if name == "clean" else 1 + (number % 2) for number, name in enumerate(CONDITIONS)}
    outcomes = {
        (ACCURACY, model, condition): images(np.clip(base - strength[condition], 0, 10))
        for model in MODELS
        for condition in CONDITIONS
    }
    for model in DEFENCES:
        outcomes[ACCURACY, f"{model}/last", "pgd"] = outcomes[ACCURACY, model, "pgd"]
        for name in (names.RESTARTS, names.TOGETHER_T):
            outcomes[ACCURACY, model, name] = outcomes[ACCURACY, model, "tpgd-2"]
    plain = outcomes[ACCURACY, MODEL, "pgd"]
    for variant in (ROWS, PRIOR):
        for condition in ("clean", "pgd", "autoattack"):
            values = outcomes[ACCURACY, MODEL, condition].values.copy()
            values[:, 0] = 1
            if variant == PRIOR:
                values[np.array(strengths) == 0] = np.nan
            outcomes[ACCURACY, variant, condition] = Outcomes("test", plain.samples, plain.labels, values)
    wrong = np.where(plain.values == 1, np.nan, np.arange(50) % 2).astype(np.float32)
    for key in (("among-two", MODEL, "pgd"), ("home", MODEL, "any one"), ("control", MODEL, "any one")):
        outcomes[key] = Outcomes("test", plain.samples, plain.labels, wrong)
    right = {name: [[1, 9, 12, 15, 18]] * replicates for name in names.TEMPERATURES}
    norms = [
        (m, r, c, n) for m in MODELS for r in range(replicates) for c, n in zip(CLASSES, (1, 2, 3, 5, 4), strict=True)
    ]
    return Study(
        outcomes,
        **{"held-out": held_out(dict.fromkeys(DEFENCES, right))},
        norms=pd.DataFrame(norms, columns=["model", "replicate", "class", "norm"]),
    )


def test_spread_by_hand():
    evidence = quantities.derived(study())
    assert evidence("weakest", "mart", "clean").values.tolist() == pytest.approx([0.2, 0.3, 0.2])
    assert evidence("discrepancy", "mart", "clean").values.tolist() == pytest.approx([0.7] * 3)
    assert evidence("variation", "mart", "clean").values[0] == pytest.approx(np.std([2, 4, 6, 8, 9]) / 5.8)


def test_chance_is_what_equal_classes_show():
    generator = np.random.default_rng(5)
    drawn = generator.binomial(20, 0.6, size=(4000, 10)) / 20
    found = quantities.chance(np.full(10, 20), 0.6)
    assert found == pytest.approx((drawn.max(1) - drawn.min(1)).mean(), abs=0.01)
    assert quantities.chance(np.full(10, 20), 1.0) == 0
    assert quantities.chance(np.full(1, 20), 0.5) == 0  # one class differs from nobody


def test_the_weaker_half_is_that_of_held_out_images():
    accuracy = np.array([[0.5, 0.1, 0.9, 0.3, 0.7], [0.5, 0.5, 0.1, np.nan, 0.9]])
    assert quantities.weaker_half(accuracy).tolist() == [[-1, 1, -1, 1, -1], [1, -1, 1, 0, -1]]


def test_gains_by_hand():
    """FGSM leaves 9 3 8 4 6 of ten, PGD 8 0 8 2 5; held-out images call b and d the weakest."""
    outcomes = {
        (ACCURACY, "mart", "fgsm"): images([[9, 3, 8, 4, 6]]),
        (ACCURACY, "mart", "pgd"): images([[8, 0, 8, 2, 5]]),
    }
    evidence = Evidence(outcomes, classes=CLASSES)
    sides = quantities.weaker_half(np.array([[0.8, 0.1, 0.9, 0.2, 0.6]]))
    found = quantities._gains(evidence, "mart", "fgsm", "pgd", sides)
    assert found["gain", "mart", "fgsm"].values.tolist() == [pytest.approx(7 / 50)]
    assert found["excess", "mart", "fgsm"].values.tolist() == [pytest.approx((3 + 2 - 1 - 0 - 1) / 50)]
    assert found["share", "mart", "fgsm"].values.tolist() == [pytest.approx(5 / 7)]
    shares = quantities.shares_of_gain(evidence, "mart", "fgsm", "pgd")
    assert {name: (gained, round(one.mean, 4)) for name, (gained, one) in shares.items()} == {
        "a": (1, 0.1429), "b": (3, 0.4286), "c": (0, 0), "d": (2, 0.2857), "e": (1, 0.1429),
    }  # fmt: skip


def test_a_gain_that_is_taken_back_elsewhere_in_the_class_is_none():
    first, second = images([[5, 5, 5, 5, 5]]), images([[5, 5, 5, 5, 5]])
    second.values[0, [0, 9]] = 0, 1  # of class a one image is gained, another is lost
    evidence = Evidence({(ACCURACY, "mart", "fgsm"): first, (ACCURACY, "mart", "pgd"): second}, classes=CLASSES)
    sides = np.array([[1, 1, -1, -1, -1]])
    assert quantities._gains(evidence, "mart", "fgsm", "pgd", sides)["gain", "mart", "fgsm"].values.tolist() == [0]


def test_classes_are_named_strong_and_weak_by_other_images_than_they_are_judged_on():
    """On test images b is the weakest; held-out images say a, and a is what counts."""
    named = quantities._named(images([[4, 1, 6, 8, 9]] * 3), np.array([[0.1, 0.2, 0.5, 0.9, 0.8]] * 3))
    assert named.values.tolist() == pytest.approx([0.8 - 0.4] * 3)


def test_a_temperature_is_chosen_on_held_out_images():
    right = {name: [[10] * 5] * 2 for name in names.TEMPERATURES}
    right["tpgd-5"] = [[10, 10, 10, 10, 9], [10] * 5]
    assert quantities.chosen_temperatures(held_out({"mart": right}), "mart") == ["tpgd-5", "pgd"]  # of equals 1/T = 1
    found, elsewhere = study(), {name: [[10] * 5] * 3 for name in names.TEMPERATURES}
    elsewhere["tpgd-5"] = [[9] * 5, [11] * 5, [11] * 5]
    found.found["held-out"] = held_out(dict.fromkeys(DEFENCES, elsewhere))
    evidence, original = quantities.derived(found), found.evidence
    chosen = evidence.outcomes[ACCURACY, "mart", "chosen"].values
    assert np.array_equal(chosen[0], original.outcomes[ACCURACY, "mart", "tpgd-5"].values[0])
    assert np.array_equal(chosen[1], original.outcomes[ACCURACY, "mart", "pgd"].values[1])


def test_an_adjustment_of_strength_0_is_no_change():
    """One replicate in three: it is left out of the comparison. All three: both sides are the model."""
    some = quantities.derived(study(strengths=(1.0, 0.0, 0.5)))
    assert len(some("weakest", PRIOR, "autoattack").values) == 2
    assert len(some("weakest", before(PRIOR), "autoattack").values) == 2
    assert len(some("weakest", before(ROWS), "autoattack").values) == 3
    none = quantities.derived(study(strengths=(0.0, 0.0, 0.0)))
    assert (none("weakest", PRIOR, "clean") - none("weakest", before(PRIOR), "clean")).unchanged


def finding(evidence, text):
    """The first finding whose text begins so."""
    every = [one for judgement in judge(claims_of(CLASSES, "AutoAttack"), evidence) for one in judgement.findings]
    return next(one for one in every if one.part.text.startswith(text))


def test_an_unchanged_model_is_no_evidence_and_two_changed_replicates_are_too_few():
    words = "weakest class under AutoAttack: prior adjustment"
    nothing = finding(quantities.derived(study(strengths=(0.0, 0.0, 0.0))), words)
    assert (nothing.verdict, nothing.reason[:19]) == (Verdict.UNTESTABLE, "nothing was changed")
    two = finding(quantities.derived(study(strengths=(1.0, 0.0, 0.5))), words)
    assert (two.verdict, two.reason[:12]) == (Verdict.UNTESTABLE, "2 replicates")


def test_correlations_are_over_classes_and_say_how_many():
    evidence = quantities.derived(study())
    norms = evidence("norms", ALL, "pgd")
    assert norms.images == 5
    assert norms.values.tolist() == pytest.approx([0.9] * 3)  # 1 - 6 * 2 / 120
    table = grids(evidence, CONDITIONS, {})["norms"]
    assert table.data["n"].tolist() == [5] * len(table.data)


def test_an_attack_that_should_be_stronger_and_is_not_is_marked():
    found = study()
    found.evidence.outcomes[ACCURACY, "mart", "autoattack"] = images([[9] * 5] * 3)
    cells = grids(quantities.derived(found), CONDITIONS, {})["order"].cells
    assert cells.loc["MART", "PGD − AutoAttack"].endswith("✗")
    assert cells.loc["PGD-AT", "PGD − AutoAttack"].endswith("✓")


def test_a_reduced_autoattack_says_so_in_every_heading():
    standard = {"steps": 100, "n_target_classes": 9, "n_queries": 5000}
    reduced = names.titles({"attacks": {"autoattack": {**standard, "steps": 15}}, "standard_autoattack": standard})
    assert reduced["autoattack"] == "reduced AutoAttack"
    whole = names.titles({"attacks": {"autoattack": standard}, "standard_autoattack": standard})
    assert whole["autoattack"] == "AutoAttack"
    evidence = quantities.derived(study())
    shown = {**grids(evidence, reduced, {}), "gains-by-class": tables.gains_by_class(evidence, reduced)}
    for name in ("accuracy", "classes-unequal", "order", "gains", "gains-by-class", "order-of-classes", "mitigation"):
        headings = " ".join(map(str, [*shown[name].cells.index, *shown[name].cells.columns]))
        assert headings.count("AutoAttack") == headings.count("reduced AutoAttack") > 0, name
    for one in claims_of(CLASSES, reduced["autoattack"]):
        for part in one.parts:
            assert part.text.count("AutoAttack") == part.text.count("reduced AutoAttack")


def test_the_check_by_the_standard_autoattack_is_of_the_same_images():
    found = study()
    outcomes = found.evidence.outcomes
    reduced = outcomes[ACCURACY, MODEL, "autoattack"]
    rows = np.array([0, 10, 20, 30, 40])  # right, all of them, but the first
    outcomes[ACCURACY, MODEL, "standard"] = Outcomes(
        "test", rows, reduced.labels[rows], np.array([[0, 1, 1, 0, 1]], dtype=np.float32)
    )
    (table,) = tables.standard_table(quantities.derived(found), CONDITIONS).values()
    assert table.data[["images", "reduced", "standard", "only_standard"]].to_numpy().tolist() == [
        [5, pytest.approx(reduced.values[0, rows].mean()), pytest.approx(0.6), int((reduced.values[0, rows] > [0, 1, 1, 0, 1]).sum())]
    ]  # fmt: skip
    assert tables.standard_table(quantities.derived(study()), CONDITIONS) == {}


def test_homing_is_of_images_and_paired_with_its_control():
    found = study()
    evidence = quantities.derived(found)
    table = tables.homing_table(evidence)
    turned = int((~np.isnan(found.evidence.outcomes["home", MODEL, "any one"].values)).sum())
    assert table.cells.loc["any one", "turned"] == str(turned)
    width = (table.data["high"] - table.data["low"]).set_axis(table.data["measure"])
    assert width["difference"] < width["home"] / 2  # the same images: little is left open


def test_what_remains_of_one_replicate_decides_nothing():
    assert all(
        one.verdict is Verdict.UNTESTABLE
        for judgement in judge(
            claims_of(CLASSES, "AutoAttack"), quantities.derived(study(strengths=(1.0,), replicates=1))
        )
        for one in judgement.findings
    )


def test_samples_of_no_image_have_no_value():
    nothing = quantities._named(images([[4, 1, 6, 8, 9]] * 3), np.full((3, 5), np.nan))
    assert isinstance(nothing, Sample)
    assert np.isnan(nothing.values).all()


def test_the_known_ranking_is_judged_where_its_classes_are():
    """Constructed: the four weak classes at 0.2, automobile at 0.9, the others at 0.5."""
    classes = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    right = dict.fromkeys(classes, 50) | dict.fromkeys(names.WEAK, 20) | {names.STRONG: 90}
    outcomes = images([[*right.values()]] * 3, n=100, classes=classes)
    evidence = Evidence({(ACCURACY, MODEL, "pgd"): outcomes}, classes=classes)
    samples = quantities._ranking(evidence.of_classes(ACCURACY, MODEL, "pgd"))
    assert samples["others-beyond-weak", MODEL, "pgd"].mean == pytest.approx((0.9 + 5 * 0.5) / 6 - 0.2)
    assert samples["beyond-others", MODEL, "pgd"].mean == pytest.approx(0.4)
    (judgement,) = judge(claims_of(classes, "AutoAttack")[-1:], evidence.also(samples))
    assert judgement.verdict is Verdict.REPRODUCED
    assert len(claims_of(CLASSES, "AutoAttack")) == len(CLAIMS) - 1
