"""What the models and conditions of params.yaml are called, in the order in which they are shown."""

from collections.abc import Mapping
from typing import Any

MODEL = "pgd-at"  # the one that is looked into: confusions, homing, mitigation
ATTACK = "pgd"  # the condition of the evaluation `pgd`, by which it is attacked
STRONGEST = "autoattack"  # likewise, at inference

TARGETS = 2  # wrong answers of a class that count as "a few similar classes"
TOGETHER = "any one"  # homing: the classes that are left out alone, counted together

WEAK, STRONG = ("bird", "cat", "deer", "dog"), "automobile"
"""Classes of CIFAR-10 that are known to be vulnerable, and the one that is known to be the most robust."""

DEFENCES = {"pgd-at": "PGD-AT", "fgsm-at": "FGSM-AT", "trades": "TRADES", "mart": "MART"}
MITIGATED = {
    "pgd-at-ema": "PGD-AT + EMA",
    "pgd-at-cfa": "PGD-AT + CFA",
    "trades-ema": "TRADES + EMA",
    "trades-cfa": "TRADES + CFA",
}
MODELS = DEFENCES | MITIGATED
EXPLORED = (*DEFENCES, "pgd-at-cfa")  # models of the explorer
PLAIN = {"pgd-at-ema": "pgd-at", "pgd-at-cfa": "pgd-at", "trades-ema": "trades", "trades-cfa": "trades"}
CONTROLS = {"pgd-at-cfa": "pgd-at-ema", "trades-cfa": "trades-ema"}  # the same without class-wise budgets and threshold
ROWS, PRIOR = f"{MODEL}/rows", f"{MODEL}/prior"  # MODEL changed at inference
VARIANTS = {ROWS: "rows of equal norm", PRIOR: "prior adjustment"}
SHOWN = ("clean", ATTACK, STRONGEST)  # conditions under which classes and changes are compared
STANDARD = ("pgd-at", "trades")  # of which one replicate meets the standard AutoAttack, too

CONDITIONS = {
    "clean": "clean",
    "transfer": "transfer",
    "square": "Square",
    "fgsm": "FGSM",
    "pgd": "PGD",
    "tpgd-2": "T-PGD, 1/T = 2",
    "tpgd-5": "T-PGD, 1/T = 5",
    "tpgd-10": "T-PGD, 1/T = 10",
    "tpgd-50": "T-PGD, 1/T = 50",
    "margin": "margin PGD",
    "autoattack": "AutoAttack",
}
ATTACKS = {name: title for name, title in CONDITIONS.items() if name != "clean"}
TEMPERATURES = {"pgd": 1, "tpgd-2": 2, "tpgd-5": 5, "tpgd-10": 10, "tpgd-50": 50}  # 1/T
RESTARTS, TOGETHER_T = "restarts", "temperatures"  # PGD from five starting points; all temperatures together
STRONGER = {"fgsm": "pgd", "pgd": "autoattack"}  # an attack, and a stronger one


def by_heading(titles: Mapping[str, str]) -> dict[str, str]:
    """Names by their titles, as tables have them."""
    return {title: name for name, title in titles.items()}


def before(variant: str) -> str:
    """What a model is called beside its variant: it, in the replicates that were changed."""
    return f"{variant}/before"


def titles(facts: Mapping[str, Any]) -> dict[str, str]:
    """What conditions are called on a data set: an AutoAttack with less than its authors give it says so."""
    reduced = is_reduced(facts["attacks"][STRONGEST], facts["standard_autoattack"])
    return {**CONDITIONS, STRONGEST: f"{'reduced ' * reduced}AutoAttack"}


def is_reduced(given: Mapping[str, Any], standard: Mapping[str, Any]) -> bool:
    """Whether an AutoAttack has less than the standard one, of which both give the settings."""
    return any(given[name] < standard[name] for name in ("steps", "n_target_classes", "n_queries"))
