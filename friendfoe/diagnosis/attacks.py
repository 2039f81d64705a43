"""Attacks as words: `fgsm`, `pgd-20`, `square-1000`, `autoattack`, `assist`."""

from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from friendfoe.attacks.assist import AssistConfig
from friendfoe.attacks.config import AttackConfig, BallConfig, GradientConfig
from friendfoe.attacks.noise import NoiseConfig
from friendfoe.attacks.square import SquareConfig
from friendfoe.attacks.threat import Goal, Threat
from friendfoe.diagnosis.unfit import UnfitError
from friendfoe.runtime.kinds import kinds
from friendfoe.runtime.strict import nearest
from friendfoe.runtime.yaml import describe

_COUNTS = ("steps", "n_queries")  # what a number behind a name is, the first that the attack has
_RESERVED = ("clean", "worst case")

Attacks = Mapping[str, AttackConfig]


def named(attacks: Sequence[str] | Attacks, threat: Threat, precision: str = "float32") -> dict[str, AttackConfig]:
    """Settings of attacks by the words that name them; settings that are given stay as they are.

    A number behind a name is its steps or, of Square, its queries. All stay within the threat.

    Raises:
        UnfitError: an attack is not known, has no such number, or knows another norm.
    """
    if threat.norm == "l0":
        raise UnfitError("threat: the norm l0 has one attack alone, jsma; take linf or l2")
    if isinstance(attacks, str):
        raise UnfitError(f"attacks: must be several words, got {attacks!r}; ['{attacks}'] is a list of one")
    if not isinstance(attacks, Mapping):
        attacks = {word: _of(word, threat, precision) for word in attacks}
    for name, config in attacks.items():
        if not isinstance(config, AttackConfig):
            raise UnfitError(f"attacks: '{name}' must be an AttackConfig, got {type(config).__name__}")
        if name in _RESERVED:
            raise UnfitError(f"attacks: '{name}' stands for something else; take another name")
    return dict(attacks)


def is_friend(config: AttackConfig) -> bool:
    """Whether it lowers the loss of the true label."""
    return isinstance(config, AssistConfig) or (isinstance(config, GradientConfig) and config.goal == Goal.FRIEND)


def needs_gradient(config: AttackConfig) -> bool:
    """Whether it can do nothing with a model that has no gradient."""
    return not isinstance(config, SquareConfig | NoiseConfig)


def _of(word: str, threat: Threat, precision: str) -> AttackConfig:
    known = kinds(AttackConfig)
    name, _, number = word.rpartition("-")
    if not (name and number.isdigit()):
        name, number = word, ""
    name = name.replace("-", "_")
    kind = known.get(name)
    if kind is None:
        raise UnfitError(f"attacks: there is no attack '{word}'; {nearest(name, [*known])}")
    if not issubclass(kind, BallConfig):
        raise UnfitError(f"attacks: {name} has a threat of its own; in Python its settings can be given")
    section: dict[str, object] = {kind.tag: name, "norm": threat.norm}
    if threat.norm == "l2":
        section["eps"] = threat.eps
    if "precision" in kind.model_fields:
        section["precision"] = precision
    if number:
        count = next((field for field in _COUNTS if field in kind.model_fields), None)
        if count is None:
            raise UnfitError(f"attacks: {name} has neither steps nor queries, '{word}' names {number}; write {name}")
        section[count] = int(number)
    try:
        return AttackConfig.model_validate(section)
    except ValidationError as error:
        raise UnfitError(f"attacks: {word}: {describe(error, section)}") from None
