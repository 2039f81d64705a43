import re
from pathlib import Path
from typing import get_args

from friendfoe import attacks
from friendfoe.attacks.config import AttackConfig, BallConfig
from friendfoe.runtime.kinds import kinds

TABLE = (Path(__file__).parents[2] / "docs/attacks.md").read_text()


def test_the_table_of_attacks_has_a_row_for_each_with_the_norms_that_it_knows():
    rows = dict(re.findall(r"^\| `(\w+)` \| [^|]* \| ([^|]*) \|", TABLE, re.MULTILINE))
    known = kinds(AttackConfig)
    assert rows.keys() == known.keys()
    in_a_ball = {name: kind for name, kind in known.items() if issubclass(kind, BallConfig)}
    assert {name for name, size in rows.items() if size == "linf, l2"} <= in_a_ball.keys()
    for name in in_a_ball:
        norms = get_args(in_a_ball[name].model_fields["norm"].annotation)
        assert rows[name] == ", ".join(norms), name


def test_the_costs_name_settings_that_the_attack_has():
    for name, cost in re.findall(r"^\| `(\w+)` \|.*\| ([^|]*) \|$", TABLE, re.MULTILINE):
        named = set(re.findall(r"`(\w+)`", cost)) - {"pgd"}
        assert named <= kinds(AttackConfig)[name].model_fields.keys(), name


def test_dir_lists_the_attacks_before_they_are_loaded():
    assert {*kinds(AttackConfig)} - {"noise"} <= {*dir(attacks)}
    assert "random_noise" in dir(attacks)
