"""What a study's own settings refuse, in one line, before anything runs."""

import pytest

from friendfoe.runtime.errors import UserError
from stages import plan
from tests.studies.workspaces import changed, entered, lay_out, params

STUDIES = ("advprop", "assistive", "classwise", "distillation", "fgsm")


def planned(path, **studies):
    """Plan studies on digits, the assistive one always among them, since it trains the source of others."""
    sections = {"assistive": params("assistive"), **studies}
    for section in sections.values():
        section["data"] = {"digits": section["data"]["digits"]}
    lay_out(path, {"digits": params()["data"]["digits"]}, **sections)
    with entered(path):
        plan.main()


def refused(path, **studies):
    """The line that says why studies cannot be planned."""
    with pytest.raises(UserError) as error:
        planned(path, **studies)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_the_projects_own_params_are_in_order(tmp_path):
    planned(tmp_path, **{study: params(study) for study in STUDIES})


@pytest.mark.parametrize(
    ("study", "place", "value", "message"),
    [
        ("assistive", "gallery", [-1], "gallery.0: -1"),
        ("assistive", "gallery", [], "gallery: list should have at least 1 item"),
        ("assistive", "gallery", [1, 1], "gallery: a class stands there twice"),
        ("assistive", "galery", [1], "unknown key 'galery'; did you mean 'gallery'"),
        ("assistive", "augmented.assist", None, "the tables of this study need 'assist', too"),
        ("assistive", "evaluate.attack-self", None, "evaluate: the tables of this study need 'attack-self', too"),
        ("assistive", "patch.eps", 0, "patch.eps: 0"),
        ("assistive", "patch.eps", 1.5, "patch.eps: 1.5"),
        ("assistive", "patch.steps", 0, "patch.steps: 0"),
        ("assistive", "patch.grid", 0, "patch.grid: 0"),
        ("assistive", "patch.images", 0, "patch.images: 0"),
        ("assistive", "patch.areas", [0.2, 0.1], "patch.areas: must ascend"),
        ("assistive", "patch.areas", [1.2], "patch.areas.0: 1.2"),
        ("assistive", "patch.stepps", 1, "did you mean 'steps'"),
        ("assistive", "patch.universal.steps", 0, "patch.universal.steps: 0"),
        ("assistive", "likely.setups", {"clipped": {}}, "likely: setups: the claims of this study need 'unclipped', too"),
        ("assistive", "likely.tried", {"clipped": {}}, "likely: tried: 'clipped' is one of the set-ups, too"),
        ("assistive", "likely.tried.linear", {"training": {"epoch": 3}}, "unknown key 'epoch'; did you mean 'epochs'"),
        ("assistive", "likely.network", {"kind": "convnett"}, "did you mean 'convnet'"),
        ("advprop", "models.control", None, "the tables of this study need 'control', too"),
        ("advprop", "benchmarks.mnist", ["mnist-d"], "there is no benchmark 'mnist-d'; did you mean 'mnist-c'"),
        ("advprop", "corruption", ["fog"], "unknown key 'corruption'"),
        ("advprop", "models.advprop.distributions", [{"images": "adversarial", "branch": "x"}], "none passes through `main`"),
        ("advprop", "models.advprop.distribution", [], "models.advprop: unknown key 'distribution'; did you mean 'distributions'"),
        ("advprop", "data.digits.sizes.width-2.training", {"epoch": 3}, "sizes.width-2.training: unknown key 'epoch'"),
        ("advprop", "data.digits.inner_attack.steps", 0, "data.digits.inner_attack.steps: 0"),
        ("advprop", "data.digits.eps", -0.1, "data.digits.eps: -0.1"),
        ("advprop", "data.digits.models", {"vanila": {}}, "did you mean 'vanilla'"),
        ("classwise", "data.digits.training", {}, "models.pgd-at-cfa.training: averaging.threshold: is asked of held-out images"),
        ("classwise", "evaluate.pgd.on", "source", "evaluate.pgd: the analysis attacks with 'pgd', so it must be {attack: pgd}"),
        ("classwise", "mitigation.strengths", [], "mitigation.strengths: list should have at least 1 item"),
        ("classwise", "data.digits.attacks.autoatack", {}, "did you mean 'autoattack'"),
        ("distillation", "temperatures", [1, 100, 0], "temperatures.2: 0: input should be greater than 0"),
        ("distillation", "temperatures", [1, 100, -5], "temperatures.2: -5: input should be greater than 0"),
        ("distillation", "temperatures", [1, 20], "temperatures: the tables of this study need 100, too"),
        ("distillation", "temperatures", [20, 100], "temperatures: the tables of this study need 1, too"),
        ("distillation", "temperatures", [1, 20, 20, 100], "temperatures: a temperature stands there twice"),
        ("distillation", "jsma.features", 1.2, "jsma.features: 1.2: input should be less than or equal to 1"),
        ("distillation", "jsma.targets", 0, "jsma.targets: 0"),
        ("distillation", "evaluate", {"clean": {"images": "test"}}, "evaluate: the tables of this study need 'naive', too"),
        ("distillation", "fooling.confidence", 1.5, "fooling.confidence: 1.5"),
        ("distillation", "data.digits.network.dropout", 1.0, "data.digits.network"),
        ("distillation", "attacks.pgd-softmax.loss", "sotfmax", "attacks.pgd-softmax"),
        ("distillation", "data.digits.settings", {"distances": {"l2": {"stesp": 3}}}, "data.digits.settings.distances.l2: unknown key 'stesp'; did you mean 'steps'"),
        ("fgsm", "pair", [3, 3], "pair: a class stands there twice"),
        ("fgsm", "pair", [3], "pair: list should have at least 2 items"),
        ("fgsm", "shares", [0.5, 1.0], "shares: must ascend from 0 and hold 1"),
        ("fgsm", "models.softmax", None, "the tables of this study need 'softmax', too"),
    ],
)  # fmt: skip
def test_what_a_study_cannot_have_is_refused(study, place, value, message, tmp_path):
    assert message in refused(tmp_path, **{study: changed(params(study), place, value)})


def test_a_study_that_there_is_not_names_the_nearest(tmp_path):
    assert "there is no study 'asistive'; did you mean 'assistive'" in refused(tmp_path, asistive=params("assistive"))
