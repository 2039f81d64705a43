"""The base of every settings model: immutable, typed, and helpful about misspelt keys."""

from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

Count = Annotated[int, Field(gt=0, le=1_000_000)]
"""How many of something that takes time; more do not finish."""


def nearest(name: str, known: list[str]) -> str:
    """Say which of `known` was probably meant by `name`: "did you mean 'eps'?", else the list of what is known."""
    by_lower_case = {one.lower(): one for one in known}
    close = get_close_matches(name.lower(), by_lower_case, n=1)
    return f"did you mean '{by_lower_case[close[0]]}'?" if close else f"known: {', '.join(sorted(known)) or 'none'}"


def refuse_unknown(section: dict[str, Any], known: list[str]) -> None:
    """Refuse a key that is not known, naming the nearest that is; for validators of pydantic."""
    for key in section:
        if key not in known:
            hint = {"key": str(key), "hint": nearest(str(key), known)}
            raise PydanticCustomError("unknown_key", "unknown key '{key}'; {hint}", hint)


class Strict(BaseModel):
    """A section of params.yaml: unknown keys are errors that name the nearest known one, and `true` is no number."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, section: Any) -> Any:
        if isinstance(section, dict) and cls.model_config.get("extra") == "forbid":
            refuse_unknown(section, list(cls.model_fields))
        return section
