"""The params.yaml files: what is wrong is said in one line, with its place and the nearest valid name."""

import re
from pathlib import Path

import pytest

from friendfoe.plan.params import read_root, read_study
from friendfoe.plan.write import read_plan
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.yaml import parse

ROOT, ASSISTIVE, FGSM, DISTILLATION, CLASSWISE, ADVPROP = (
    "params.yaml",
    *(f"pipelines/{study}/params.yaml" for study in ("assistive", "fgsm", "distillation", "classwise", "advprop")),
)


def check_everything():
    """What `plan` does before it writes."""
    plan = read_plan()
    for name, study in plan.studies.items():
        for data in study.params.data:
            assert plan.on_data(data, name).jobs


def test_the_projects_own_params_are_in_order(copy):
    check_everything()


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        (ROOT, lambda p: p.update(datasets=["mnsit"]), r"datasets: there is no 'mnsit' under `data`; did you mean 'mnist'\?"),
        (ROOT, lambda p: p.update(datasets=[]), r"line \d+: datasets: list should have at least 1 item"),
        (ROOT, lambda p: p.update(datasets=["mnist", "mnist"]), r"datasets: 'mnist' stands there twice"),
        (ROOT, lambda p: p["data"]["digits"].update(eps=-0.1), r"line \d+: data.digits.eps: -0.1: input should be greater than or equal to 0.000001"),
        (ROOT, lambda p: p["data"]["digits"].update(eps=".nan"), r"data.digits.eps: "),
        (ROOT, lambda p: p["data"]["digits"].update(replicates=0), r"line \d+: data.digits.replicates: 0: input should be greater than 0"),
        (ROOT, lambda p: p["data"]["digits"].update(esp=0.1), r"line \d+: data.digits: unknown key 'esp'; did you mean 'eps'\?"),
        (ROOT, lambda p: p["data"]["digits"].pop("eps"), r"line \d+: data.digits.eps: is missing"),
        (ROOT, lambda p: p["data"]["digits"].update(source={"kind": "digit"}), r"data.digits.source: there is no kind 'digit'; did you mean 'digits'\?"),
        (ROOT, lambda p: p["data"]["digits"].update(source={"path": "x"}), r"data.digits.source: `kind` is missing; it is one of cifar10, "),
        (ROOT, lambda p: p["data"]["digits"]["network"].update(widht=3), r"data.digits.network: unknown key 'widht'; did you mean 'width'"),
        (ROOT, lambda p: p["data"]["digits"]["network"].update(kind="cn"), r"data.digits.network: there is no kind 'cn'; did you mean 'cnn'\?"),
        (ROOT, lambda p: p["data"]["digits"]["training"].update(optimizer="sdg"), r"data.digits.training.optimizer: 'sdg': input should be 'sgd', 'adam' or 'adamw'; did you mean 'sgd'\?"),
        (ROOT, lambda p: p.update(dataset=["digits"]), r"unknown key 'dataset'; did you mean 'datasets'\?"),
        (ROOT, lambda p: p["data"].pop("mnist"), r"pipelines/advprop/params.yaml: data: there is no data set 'mnist'"),
        (FGSM, lambda p: p["models"]["maxout-signs"].update(alpha=1.5), r"models.maxout-signs.alpha: 1.5: input should be less than or equal to 1"),
        (FGSM, lambda p: p["models"]["maxout-signs"]["attack"].update(attack="nosie"), r"models.maxout-signs.attack: there is no attack 'nosie'; did you mean 'noise'"),
        (FGSM, lambda p: p["models"]["maxout-signs"].update(method="mixed-adversrial"), r"models.maxout-signs: there is no method 'mixed-adversrial'; did you mean 'mixed-adversarial'"),
        (FGSM, lambda p: p["models"]["ensemble"]["network"].update(members=0), r"models.ensemble.network.members: 0: input should be greater than 0"),
        (FGSM, lambda p: p["models"]["softmax"].update(method="binary"), r"data.digits: models.softmax: method 'binary' needs a network with a probability per class .*MLP"),
        (FGSM, lambda p: p["models"]["softmax"].update(method="ensemble"), r"models.softmax: method 'ensemble' needs an ensemble, not MLP"),
        (FGSM, lambda p: p["data"]["digits"]["models"].update(maxuot={}), r"data.digits.models: there is no model 'maxuot'; did you mean 'maxout'"),
        (FGSM, lambda p: p["data"]["digits"]["models"]["rbf"].update(training={"epochs": 0}), r"data.digits.models.rbf.training.epochs: 0"),
        (FGSM, lambda p: p.update(pair=[3, 3]), r"pair: a class stands there twice"),
        (FGSM, lambda p: p.update(pair=[3]), r"pair: list should have at least 2 items"),
        (FGSM, lambda p: p.update(shares=[0.5, 1.0]), r"shares: must ascend from 0 and hold 1"),
        (FGSM, lambda p: p["models"].pop("maxout-l1"), r"there is no model 'maxout-l1'|the tables of this study need 'maxout-l1', too"),
        (FGSM, lambda p: p.update(pairs=[3, 7]), r"unknown key 'pairs'; did you mean 'pair'"),
        (FGSM, lambda p: p.update(modles={}), r"unknown key 'modles'; did you mean 'models'"),
        (CLASSWISE, lambda p: p["data"]["digits"]["attacks"].update(autoatack={}), r"data.digits.attacks: there is no attack 'autoatack'; did you mean 'autoattack'"),
        (CLASSWISE, lambda p: p["data"]["digits"]["attacks"]["square"].update(querys=3), r"data.digits.attacks.square: unknown key 'querys'; did you mean 'n_queries'"),
        (CLASSWISE, lambda p: p["evaluate"].update(x={"attack": "pgdd"}), r"evaluate.x.attack: there is no attack 'pgdd'; did you mean 'pgd'"),
        (CLASSWISE, lambda p: p["evaluate"].update(x={"attack": "pgd", "on": "pgd-at"}), r"evaluate.x.on: 'pgd-at': input should be 'self' or 'source'"),
        (CLASSWISE, lambda p: p["evaluate"].update(x={"worst": ["pgd", "margn-pgd"]}), r"evaluate.x.worst: .*did you mean 'margin-pgd'"),
        (CLASSWISE, lambda p: p["evaluate"].update(x={"worst": ["pgd"], "attack": "pgd"}), r"evaluate.x: `set`, `attack` and `worst` exclude one another"),
        (CLASSWISE, lambda p: p["evaluate"].pop("tpgd-10"), r"evaluate: the tables of this study need 'tpgd-10', too"),
        (CLASSWISE, lambda p: p["evaluate"]["pgd"].update(attack="fgsm"), r"data.digits: evaluate.pgd: the analysis attacks with 'pgd'"),
        (CLASSWISE, lambda p: p["data"]["digits"]["training"].pop("validation"), r"models.pgd-at-cfa.training: averaging.threshold: is asked of held-out images; give `validation`"),
        (CLASSWISE, lambda p: p.update(source="assistive/claen"), r"source: there is no model of assistive 'claen'; did you mean 'clean'\?"),
        (CLASSWISE, lambda p: p.update(source="asistive/clean"), r"source: there is no study 'asistive'; did you mean 'assistive'\?"),
        (CLASSWISE, lambda p: p.pop("source"), r"evaluate.transfer.on: there is no `source`"),
        (CLASSWISE, lambda p: p["attacks"]["fgsm"].update(attack="fgms"), r"attacks.fgsm: there is no attack 'fgms'; did you mean 'fgsm'"),
        (CLASSWISE, lambda p: p["attacks"]["fgsm"].update(epss=1), r"attacks.fgsm: unknown key 'epss'; did you mean 'eps'"),
        (CLASSWISE, lambda p: p["models"]["trades"].update(objective="trade"), r"models.trades.objective: 'trade': input should be"),
        (CLASSWISE, lambda p: p["models"]["pgd-at"].update(beta=3), r"models.pgd-at: beta: pgd-at has no second term to weigh"),
        (ASSISTIVE, lambda p: p["sets"]["test"]["assist-test"].update(attack="asist"), r"sets.test.assist-test.attack: there is no attack 'asist'; did you mean 'assist'"),
        (ASSISTIVE, lambda p: p.update(source="assistive/b"), r"source: there is no model of assistive 'b'"),
        (ASSISTIVE, lambda p: p.update(source="assistive/mixed"), r"source: 'assistive/mixed' is itself trained on sets"),
        (ASSISTIVE, lambda p: p.pop("source"), r"source: it is missing; sets are crafted on it"),
        (ASSISTIVE, lambda p: p["attacks"]["fgsm"].update(clip=False), r"sets.test.attack-test.attack: 'fgsm' has `clip: false`"),
        (ASSISTIVE, lambda p: p["augmented"]["mixed"].update(images=["assist-trian"]), r"augmented.mixed.images: .*did you mean 'assist-train'"),
        (ASSISTIVE, lambda p: p["augmented"]["mixed"].update(images=["assist-test"]), r"'assist-test' is made of test images"),
        (ASSISTIVE, lambda p: p["models"]["clean"].update(images=["assist-train"]), r"models.clean.images: 'assist-train' is made later, on a model; put clean under `augmented`"),
        (ASSISTIVE, lambda p: p["augmented"]["mixed"].update(share=0), r"augmented.mixed.share: 0: input should be greater than 0"),
        (ASSISTIVE, lambda p: p["augmented"]["mixed"].update(training={"epoch": 3}), r"augmented.mixed.training: unknown key 'epoch'; did you mean 'epochs'"),
        (ASSISTIVE, lambda p: p["augmented"]["mixed"].update(training={"epochs": 0}), r"mixed.training.epochs: 0: input should be greater"),
        (ASSISTIVE, lambda p: p["augmented"]["mixed"].update(trainig={}), r"augmented.mixed: unknown key 'trainig'; did you mean 'training'"),
        (ASSISTIVE, lambda p: p["augmented"].update({"assist-test": p["augmented"]["mixed"]}), r"'assist-test' names two things"),
        (ASSISTIVE, lambda p: p["augmented"].update({"plot": p["augmented"]["mixed"]}), r"'plot' names two things"),
        (ASSISTIVE, lambda p: p["models"].pop("clean-half"), r"models: the tables of this study need 'clean-half', too"),
        (ASSISTIVE, lambda p: p["evaluate"].update(x={"set": "nothing"}), r"evaluate.x.set: there is no set of training images 'nothing'"),
        (ASSISTIVE, lambda p: p["evaluate"].update(x={"set": "attack-test"}), r"evaluate.x.set: 'attack-test' is made of test images"),
        (ASSISTIVE, lambda p: p.update(checked=["cleen"]), r"checked: there is no model 'cleen'; did you mean 'clean'"),
        (ASSISTIVE, lambda p: p["checks"].update(transfer=["clen"]), r"checks.transfer: there is no model 'clen'; did you mean 'clean'"),
        (ASSISTIVE, lambda p: p["checks"].update(reported="fgms"), r"checks.reported: there is no attack 'fgms'; did you mean 'fgsm'"),
        (ASSISTIVE, lambda p: p["checks"].update(reported="assist"), r"checks.reported: 'fgsm' with `goal: friend` lets no image fall"),
        (ASSISTIVE, lambda p: p["checks"].update(more_steps=20), r"checks: more_steps: 20: must be more than steps, 20"),
        (ASSISTIVE, lambda p: p["data"]["digits"].update(checks={"stpes": 5}), r"data.digits.checks: unknown key 'stpes'; did you mean 'steps'"),
        (ADVPROP, lambda p: p["data"]["digits"].update(checks={"transfer": ["madry"]}), r"'check-gradients-shared-norm' reads models/digits/advprop/madry, on which its stage does not depend"),
        (ASSISTIVE, lambda p: p.update(gallery=[1, 1]), r"gallery: a class stands there twice"),
        (ASSISTIVE, lambda p: p["data"].pop("svhn"), r"pipelines/classwise/params.yaml: data.svhn: 'assistive/clean' is not trained on svhn; add svhn under `data` in pipelines/assistive/params.yaml"),
        (ASSISTIVE, lambda p: p["data"]["digits"].update(settings={"patch": {"stpes": 3}}), r"data.digits.settings.patch: unknown key 'stpes'; did you mean 'steps'"),
        (DISTILLATION, lambda p: p.update(temperatures=[2, 100]), r"temperatures: the tables of this study need 1, too"),
        (DISTILLATION, lambda p: p.update(temperatures=[1, 100, 100]), r"temperatures: a temperature stands there twice"),
        (DISTILLATION, lambda p: p["jsma"].update(features=2), r"jsma.features: 2: input should be less than or equal to 1"),
        (ADVPROP, lambda p: p["data"]["digits"].pop("sizes"), r"data.digits: models.vanilla: there are no network sizes on this data set; name those to compare under `sizes`"),
        (ADVPROP, lambda p: p["models"]["madry"]["distributions"][0].update(branch="x"), r"models.madry: distributions: none passes through `main`"),
        (ADVPROP, lambda p: p["models"]["vanilla"]["distributions"][0].update(steps=3), r"models.vanilla.distributions.0: strength, steps: only adversarial images have an attacker"),
        (ADVPROP, lambda p: p["benchmarks"].update(mnist=["mnist"]), r"benchmarks: there is no benchmark 'mnist'; did you mean 'mnist-c'"),
        (ADVPROP, lambda p: p["data"]["digits"]["sizes"]["width-2"].update(training={"epochs": 0}), r"data.digits.sizes.width-2.training.epochs: 0"),
    ],
)  # fmt: skip
def test_errors_name_the_place_and_the_nearest_name(copy, file, change, message):
    copy.edit(file, change)
    with pytest.raises(UserError) as error:
        check_everything()
    text = str(error.value)
    assert "params.yaml" in text
    assert "\n" not in text
    assert re.search(message, text), text


def test_a_pipeline_of_no_study(copy):
    (copy.path / "pipelines/asistive").mkdir()
    (copy.path / "pipelines/asistive/params.yaml").write_text("data: {}\n")
    with pytest.raises(UserError, match=r"there is no study 'asistive'; did you mean 'assistive'\?"):
        read_plan()


def test_the_line_is_that_of_the_key(copy):
    copy.edit(ROOT, lambda p: p["data"]["digits"].update(eps=-1))
    with pytest.raises(UserError) as error:
        read_root()
    line = int(re.search(r"line (\d+)", str(error.value))[1])
    assert "eps: -1" in (copy.path / ROOT).read_text().splitlines()[line - 1]


def test_no_file_and_no_yaml(copy):
    (copy.path / ROOT).unlink()
    with pytest.raises(UserError, match=r"params.yaml is missing; run this from the root"):
        read_root()
    (copy.path / FGSM).write_text("a: 1\nb: c: d")
    with pytest.raises(UserError, match=r"pipelines/fgsm/params.yaml line 2: not YAML"):
        read_study("fgsm")


@pytest.mark.parametrize(
    ("student", "message"),
    [
        ({"teacher": "teacher-11", "temperature": 10}, r"'teacher-11' is no model of the method `teacher`; did you mean 'teacher-1"),
        ({"teacher": "distilled-10", "temperature": 10}, r"'distilled-10' is no model of the method `teacher`"),
        ({"teacher": "teacher-10", "temperature": 10, "share": 0.5}, r"share: must be those of its teacher, 'teacher-10'"),
        ({"teacher": "teacher-10", "temperature": 20}, r"temperature: must be that of its teacher, 'teacher-10'"),
    ],
)  # fmt: skip
def test_a_student_learns_from_a_teacher_of_the_same_images(copy, student, message):
    copy.edit(DISTILLATION, lambda p: p["models"].update(mine={"method": "distilled", "images": ["train"], **student}))
    with pytest.raises(UserError, match=rf"data.digits: models.mine: .*{message}"):
        check_everything()


def test_gradients_are_checked_as_the_params_say(copy):
    """Budget, sources and sizes: those of the study, with what differs on the data set."""

    def check(study, model):
        return read_plan().on_data("digits", study).jobs[f"check-gradients-{model}"]

    copy.edit(ADVPROP, lambda p: p["data"]["digits"].update(checks={"queries": 7}))
    advprop = check("advprop", "madry")
    assert advprop.variants == [f"madry/{[*parse(Path(ADVPROP))['data']['digits']['sizes']][-1]}"]
    assert (advprop.budget.queries, advprop.transfer, advprop.reported) == (7, ["vanilla"], None)
    copy.edit(ADVPROP, lambda p: p["checks"].update(sizes="all"))
    assert len(check("advprop", "madry").variants) == len(parse(Path(ADVPROP))["data"]["digits"]["sizes"])
    classwise = check("classwise", "trades")
    assert classwise.transfer == ["pgd-at"]  # not from itself
    assert classwise.reported.steps == parse(Path(CLASSWISE))["data"]["digits"]["attacks"]["autoattack"]["steps"]
    assert check("distillation", "teacher-1").images == parse(Path(DISTILLATION))["data"]["digits"]["images"]
