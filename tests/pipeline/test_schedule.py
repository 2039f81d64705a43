"""The order in which stages run side by side, and what each of them gets of the machine."""

import itertools
import random
import re

import pytest

from friendfoe.pipeline.schedule import Schedule, Slots, cards
from friendfoe.pipeline.times import Times
from friendfoe.pipeline.view import View
from friendfoe.runtime.errors import UserError

DIAMOND = {"a": [], "b": ["a"], "c": ["a", "elsewhere"], "d": ["b", "c"]}


def makespan(needs, seconds, slots):
    """How long a schedule takes by a clock that jumps from end to end."""
    schedule, now, ends = Schedule(needs, seconds), 0.0, {}
    while schedule.waiting or ends:
        for name in schedule.ready()[: slots - len(ends)]:
            schedule.start(name)
            ends[name] = now + seconds[name]
        name = min(ends, key=ends.get)
        now = ends.pop(name)
        schedule.end(name)
    return now


def test_nothing_begins_before_what_it_needs():
    schedule = Schedule(DIAMOND, dict.fromkeys(DIAMOND, 1.0))
    assert schedule.ready() == ["a"]
    schedule.start("a")
    assert schedule.ready() == []
    schedule.end("a")
    assert sorted(schedule.ready()) == ["b", "c"]
    schedule.start("b")
    schedule.end("b")
    schedule.start("c")
    schedule.fail("c")
    assert schedule.ready() == []
    assert [*schedule.waiting] == ["d"]


def test_the_longest_path_comes_first():
    needs = {"short": [], "long": [], "after": ["long"]}
    schedule = Schedule(needs, {"short": 3.0, "long": 1.0, "after": 2.5})
    assert schedule.ready() == ["long", "short"]
    schedule.start("long")
    schedule.put_off("long")
    assert schedule.ready() == ["long", "short"]


def test_what_is_left_is_the_longest_path_or_all_that_there_is_to_do():
    schedule = Schedule(DIAMOND, {"a": 1.0, "b": 5.0, "c": 1.0, "d": 2.0})
    assert schedule.seconds_left(2, {}) == 8.0
    assert schedule.seconds_left(1, {}) == 9.0
    schedule.start("a")
    assert schedule.seconds_left(2, {"a": 0.5}) == 7.5


@pytest.mark.parametrize("seed", range(3))
def test_the_time_is_near_the_best_that_is_possible(seed):
    """Of stages of one length, in layers that fill the slots."""
    draw = random.Random(seed)
    layers = [[f"{layer}-{number}" for number in range(draw.choice([8, 16, 24]))] for layer in range(6)]
    needs = {name: [] for name in layers[0]}
    for before, layer in itertools.pairwise(layers):
        needs |= {name: draw.sample(before, 2) for name in layer}
    seconds = dict.fromkeys(needs, 1.0)
    assert makespan(needs, seconds, 8) <= 1.1 * len(needs) / 8
    assert makespan(needs, seconds, len(needs)) == len(layers)


def test_cores_are_divided_among_those_that_can_run():
    slots = Slots(3, cores=8)
    assert [slots.take(name, sharing)["FRIENDFOE_WORKERS"] for name, sharing in (("a", 2), ("b", 1))] == ["4", "4"]
    assert slots.free == 1
    assert slots.take("c", 1) == {"FRIENDFOE_WORKERS": "1"}  # none is free, and none waits for one
    slots.release("b")
    slots.release("c")
    assert slots.take("d", 1)["FRIENDFOE_WORKERS"] == "4"


def test_a_stage_that_runs_alone_has_all_cores():
    assert Slots(8, cores=6).take("plan", 1)["FRIENDFOE_WORKERS"] == "6"


def test_stages_are_spread_over_gpus_and_share_them():
    slots = Slots(4, 8, ["2", "3"])
    assert [slots.take(name, 1)["CUDA_VISIBLE_DEVICES"] for name in "abcd"] == ["2", "3", "2", "3"]
    slots.release("b")
    assert slots.take("e", 1)["CUDA_VISIBLE_DEVICES"] == "3"


@pytest.mark.parametrize(
    ("name", "line", "said"),
    [
        ("fgsm train@digits-clean", "· clean: replicate 1 of 5", "replicate 1 of 5"),
        ("advprop train@digits-control", "· control/width-2: replicate 1 of 5", "width-2: replicate 1 of 5"),
        ("point 1: train@digits-pgd-at", "· pgd-at: replicate 1 of 5", "replicate 1 of 5"),
        ("fgsm train@digits-clean", "· other: replicate 1 of 5", "other: replicate 1 of 5"),
        ("fgsm train@digits-note", "note: look", "note: look"),
    ],
)
def test_a_model_is_named_once(capsys, monkeypatch, tmp_path, name, line, said):
    monkeypatch.chdir(tmp_path)
    View(Schedule({name: []}, {name: 1.0}), Slots(1, 2), Times()).says(name, line)
    assert capsys.readouterr().out == f"[0/1] {name}: {said}\n"


@pytest.mark.parametrize(("terminal", "jobs"), [(False, 1), (False, 2), (True, 2)])
def test_how_it_goes_is_a_line_for_each_event_or_a_table(capsys, monkeypatch, tmp_path, terminal, jobs):
    monkeypatch.chdir(tmp_path)
    if terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("COLUMNS", "100")
    for seconds in (1.0, 90.0):  # of the last time
        Times().remember("point 1: b", seconds)
    schedule = Schedule(DIAMOND, times := Times().of(DIAMOND))
    assert times["b"] == 90
    with View(schedule, Slots(jobs, 2), Times()) as view:
        for name, outcome in (("a", "unchanged"), ("b", "ran"), ("c", "failed")):
            schedule.start(name)
            view.begins(name)
            view.says(name, "note: look")
            view.says(name, "· replicate 1 of 5")
            view.tick({name: 3.0})
            schedule.fail(name) if outcome == "failed" else schedule.end(name)
            view.ends(name, outcome, 61.0)
    assert view.summary(3700) == "4 stages in 1 h 1 min: 1 run, 1 unchanged, 1 failed, 1 not begun"
    assert Times().of("b") == {"b": 61.0}
    said = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().out)
    if terminal:
        assert "0 of 4 stages done, 1 running, 3 waiting, about 4 min 27 s left" in said
        assert re.search(r"^ +3 s  b  replicate 1 of 5", said, re.MULTILINE)
        assert "[1/4] b: note: look\n" in said
    else:
        assert [line for line in said.splitlines() if jobs > 1 or "begins" in line] == [
            "[0/4] a begins", "[0/4] a: note: look", "[0/4] a: replicate 1 of 5",
            "[1/4] b begins", "[1/4] b: note: look", "[1/4] b: replicate 1 of 5", "[2/4] b ends, 1 min 1 s; about 2 min 2 s left",
            "[2/4] c begins", "[2/4] c: note: look", "[2/4] c: replicate 1 of 5", "[3/4] c FAILED, 1 min 1 s; about 1 min 1 s left",
        ] * (jobs > 1)  # fmt: skip


def test_gpus_are_those_that_there_are(monkeypatch):
    monkeypatch.delenv("FRIENDFOE_DEVICE", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert cards(None) == ["0", "1"]
    assert cards(1) == ["0"]
    with pytest.raises(UserError, match="--gpus 3: there are 2 here; ask for fewer"):
        cards(3)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,GPU-8")
    assert cards(2) == ["4", "GPU-8"]
    monkeypatch.setenv("FRIENDFOE_DEVICE", "cpu")
    assert cards(None) == []
    with pytest.raises(UserError, match="--gpus 1 and FRIENDFOE_DEVICE=cpu do not go together"):
        cards(1)
