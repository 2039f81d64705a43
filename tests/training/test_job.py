"""Jobs: the models that one stands for, and the seeds that they share."""

from pathlib import Path

import pytest

from friendfoe.plan.write import read_plan
from friendfoe.training.job import Job, MethodConfig
from tests.training.helpers import job

ROOT = Path(__file__).parents[2]


def test_without_variants_a_job_stands_for_itself():
    assert job().each() == [job()]


def test_every_variant_is_a_job_of_its_own():
    sections = {
        name: {
            "network": {"kind": "cnn", "width": width},
            "training": {**job().training.model_dump(), "epochs": width},
            "method": {"method": "teacher", "temperature": width},
        }
        for name, width in {"small": 2, "large": 4}.items()
    }
    whole = job(variants=sections)
    small, large = whole.each()
    assert (small.name, large.name) == ("model/small", "model/large")
    assert [one.network.width for one in (small, large)] == [2, 4]
    assert [one.training.epochs for one in (small, large)] == [2, 4]
    assert [one.method.temperature for one in (small, large)] == [2, 4]
    assert small.each() == [small]
    own = {"name", "network", "training", "method", "variants"}
    assert small.model_dump(exclude=own) == whole.model_dump(exclude=own)


def test_a_job_comes_back_from_its_file():
    one = job(method={"method": "mixed-adversarial", "attack": {"attack": "fgsm", "clip": False}}, eps=0.1)
    assert Job.model_validate_json(one.model_dump_json(exclude_none=True)) == one


def test_models_that_are_compared_share_images_and_weights_unless_they_draw_their_own():
    one, other, apart = job(name="one"), job(name="other", study="another"), job(name="apart", draws="apart")
    for number in range(2):
        assert one.order_seed(number) == other.order_seed(number)
        assert one.held_out_seed(number) == other.held_out_seed(number)
        assert one.weights_seed(number) == other.weights_seed(number) != apart.weights_seed(number)
        assert one.order_seed(number) == apart.order_seed(number)
    assert one.weights_seed(0) != one.weights_seed(1)
    assert one.order_seed(0) != one.order_seed(1)


@pytest.fixture(scope="module")
def advprop():
    """The jobs of the AdvProp study on digits, as the project has them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        plan = read_plan()
    return plan.studies["advprop"].params.data["digits"].sizes, plan.on_data("digits", "advprop").trained


def test_every_size_is_a_model_of_its_own(advprop):
    sizes, trained = advprop
    variants = trained["advprop"].each()
    assert [variant.name for variant in variants] == [f"advprop/{size}" for size in sizes]
    assert len(sizes) >= 4
    for size, variant in zip(sizes.values(), variants, strict=True):
        assert variant.network == size.network
        assert variant.training == trained["advprop"].training
        assert variant.method == trained["advprop"].method


def test_every_attacker_of_a_sweep_is_a_model_of_its_own(advprop):
    _, trained = advprop
    whole, variants = trained["attackers"], {variant.name: variant for variant in trained["attackers"].each()}
    sweep = whole.method.sweep
    assert len(variants) == len(sweep.strengths) + len(sweep.steps)
    clean, adversarial = variants["attackers/strength-0.5"].method.distributions
    assert adversarial == whole.method.distributions[1].model_copy(update={"strength": 0.5})
    assert clean == whole.method.distributions[0]
    assert all(variant.network == whole.network for variant in variants.values())


def test_a_sweep_names_its_attackers():
    section = {"method": "advprop", "distributions": [{"images": "clean"}, {"images": "adversarial"}]}
    swept = MethodConfig.model_validate({**section, "sweep": {"strengths": [2], "steps": [3]}}).variants()
    assert {name: method.distributions[1].model_dump(exclude_defaults=True) for name, method in swept.items()} == {
        "strength-2": {"images": "adversarial", "strength": 2},
        "steps-3": {"images": "adversarial", "steps": 3},
    }
    assert MethodConfig.model_validate(section).variants() == {}
