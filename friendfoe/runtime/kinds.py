"""Settings of several kinds (attacks, networks, methods, sources): a section names its kind, and the kind its class.

    class AttackConfig(Kind):                     # a family: the kinds live in the modules of `package`
        tag = "attack"
        package = "friendfoe.attacks"

    class FGSMConfig(AttackConfig):               # a kind: the `Literal` of its tag is its name
        attack: Literal["fgsm"]

    AttackConfig.model_validate({"attack": "fgsm"})   # FGSMConfig(attack="fgsm")

A new kind is a new class in a module of that package; nothing else has to know of it. A field that may be any kind of a
family is declared as `SerializeAsAny[AttackConfig]`, so that it is written with all its settings.
"""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, ClassVar, Literal, TypeVar, get_args, get_origin

from pydantic import ModelWrapValidatorHandler, model_validator
from pydantic_core import PydanticCustomError

from friendfoe.runtime.strict import Strict, nearest

K = TypeVar("K", bound="Kind")


class Kind(Strict):
    """The base of every family of kinds."""

    tag: ClassVar[str]
    package: ClassVar[str]

    @property
    def kind_name(self) -> str:
        """The name of its kind."""
        return str(getattr(self, self.tag))

    @model_validator(mode="wrap")
    @classmethod
    def _by_its_kind(cls, section: Any, handler: ModelWrapValidatorHandler["Kind"]) -> "Kind":
        if isinstance(section, dict) and not _names(cls):
            known = kinds(cls)
            name = section.get(cls.tag)
            if name is None:
                hint = {"tag": cls.tag, "known": ", ".join(sorted(known))}
                raise PydanticCustomError("no_kind", "`{tag}` is missing; it is one of {known}", hint)
            if not isinstance(name, str) or name not in known:
                hint = {"tag": cls.tag, "name": str(name), "hint": nearest(str(name), [*known])}
                raise PydanticCustomError("unknown_kind", "there is no {tag} '{name}'; {hint}", hint)
            kind: Kind = known[name].model_validate(section)
            return kind
        return handler(section)


@cache
def kinds(family: type[K]) -> dict[str, type[K]]:
    """The kinds of a family by name, in alphabetical order; all modules of its package are imported."""
    for module in iter_modules(import_module(family.package).__path__):
        import_module(f"{family.package}.{module.name}")
    named = {name: kind for kind in _descendants(family) for name in _names(kind)}
    return dict(sorted(named.items()))


def summary(kind: type[Kind]) -> str:
    """What a kind is, in one line."""
    return (kind.__doc__ or "").strip().splitlines()[0]


def _descendants(cls: type[K]) -> list[type[K]]:
    return [kind for child in cls.__subclasses__() for kind in (child, *_descendants(child))]


def _names(cls: type[Kind]) -> tuple[str, ...]:
    """The names of a kind, mostly one; none for a family, and for what several of its kinds have in common."""
    field = cls.model_fields.get(cls.tag)
    return get_args(field.annotation) if field is not None and get_origin(field.annotation) is Literal else ()
