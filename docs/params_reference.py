"""Makes docs/params.md from the schema of the params: `python docs/params_reference.py > docs/params.md`."""

import json
from collections.abc import Iterator
from typing import Any

from friendfoe import studies
from friendfoe.attacks.config import AttackConfig
from friendfoe.data.sources.config import SourceConfig
from friendfoe.models.config import NetworkConfig
from friendfoe.plan.params import StudyParams
from friendfoe.plan.schema import root_schema, study_schema
from friendfoe.runtime.kinds import Kind, kinds, summary
from friendfoe.training.job import MethodConfig

INTRODUCTION = """# Every setting

This page is made from the classes that check the params, by `python docs/params_reference.py`. What has no default must
be given. Unknown keys, values of another type and what cannot finish are refused by `friendfoe plan`, with their place
and the nearest name.

Editors complete and check params.yaml as you type, once they have its JSON Schema: `friendfoe schema` writes it, and
says what your editor needs to know.
"""
FAMILIES: dict[type[Kind], tuple[str, str]] = {
    SourceConfig: ("Sources of images", "a source"),
    NetworkConfig: ("Networks", "a network"),
    MethodConfig: ("Methods of training", "a method"),
    AttackConfig: ("Attacks", "an attack"),
}
SECTIONS = {  # of the schema, in the order of the page
    "DataParams": "A data set",
    "TrainingConfig": "A budget of training",
    "ValidationConfig": "Held-out images",
    "AveragingConfig": "Averaged weights",
    "StudyDataParams": "A data set in a study",
    "Overrides": "What differs for a model, or at a size",
    "InnerAttack": "The attack that is trained against",
    "ModelParams": "A model",
    "Sets": "Perturbed sets",
    "SetParams": "A perturbed set",
    "Condition": "What models are evaluated on",
    "ChecksParams": "Checks of gradients",
    "Patch": "A sticker",
}


def page() -> str:
    """The page, as Markdown."""
    every = [root_schema(), *(study_schema(study) for study in studies.names())]
    known = {name: section for schema in every for name, section in schema["$defs"].items()}
    return "\n".join([INTRODUCTION, *_sections(every[0], known), *_kinds(), *_studies()])


def _sections(root: dict[str, Any], known: dict[str, Any]) -> Iterator[str]:
    yield from ("## params.yaml", "", *_table(root["properties"], root))
    yield from (
        "## pipelines/STUDY/params.yaml",
        "",
        "Every study has these keys, and [its own](#settings-of-a-study).",
        "",
    )
    shared = study_schema(studies.names()[0])
    yield from _table({name: shared["properties"][name] for name in StudyParams.model_fields}, shared)
    for name, heading in SECTIONS.items():
        section = known[name]
        if name == "ModelParams":  # one for each method; what they share is what a model has
            section = {**section["oneOf"][0], "description": section["description"]}
            section["properties"] = {key: section["properties"][key] for key in _common(known[name]["oneOf"])}
        yield from (f"## {heading}", "", section["description"], "", *_table(section["properties"], section))


def _common(sections: list[dict[str, Any]]) -> list[str]:
    return [
        key
        for key in sections[0]["properties"]
        if key == "method" or all(key in each["properties"] for each in sections)
    ]


def _kinds() -> Iterator[str]:
    for family, (heading, _) in FAMILIES.items():
        yield from (f"## {heading}", "", f"Named by the key `{family.tag}`.", "")
        known = kinds(family)
        for kind in dict.fromkeys(known.values()):
            section = kind.model_json_schema()
            own = {key: field for key, field in section["properties"].items() if key != family.tag}
            names = ", ".join(name for name, each in known.items() if each is kind)
            yield from (f"### {names}", "", summary(kind), "", *(_table(own, section) if own else []))


def _studies() -> Iterator[str]:
    yield from ("## Settings of a study", "", "Beside those that all studies have.", "")
    for study in studies.names():
        schema = study_schema(study)
        yield from (f"### {study}", "")
        yield from _own(study, schema, {key: schema["properties"][key] for key in studies.settings(study).model_fields})


def _own(place: str, schema: dict[str, Any], fields: dict[str, Any]) -> Iterator[str]:
    """A table of settings, and one of each section that only this study has."""
    yield from _table(fields, schema)
    for key, field in fields.items():
        below = [field, *field.get("patternProperties", {}).values()]
        name = next(filter(None, map(_reference, below)), "")
        section = schema["$defs"].get(name, {})
        if "properties" in section and name not in SECTIONS:
            yield from (f"#### {place}: {key}", "", section.get("description", ""), "")
            yield from _own(f"{place}: {key}", schema, section["properties"])


def _table(fields: dict[str, Any], section: dict[str, Any]) -> Iterator[str]:
    yield from ("| key | value | default | what it is |", "| --- | --- | --- | --- |")
    for key, field in fields.items():
        default = (
            f"`{json.dumps(field['default'])}`" if "default" in field and key not in section.get("required", []) else ""
        )
        yield f"| `{key}` | {_type(field)} | {_short(default)} | {field.get('description', '')} |".replace(
            "|  |", "| |"
        )
    yield ""


def _short(default: str) -> str:
    return default if len(default) <= 60 else "see its table"


def _type(field: dict[str, Any]) -> str:
    """What a value may be, in a few words."""
    if name := _reference(field):
        return _link(name)
    if "anyOf" in field or "oneOf" in field:
        return " or ".join(_type(each) for each in field.get("anyOf", field.get("oneOf")))
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return ", ".join(f"`{each}`" for each in field["enum"])
    kind = field.get("type")
    if kind == "array":
        return f"list of {_type(field.get('items', {}))}"
    if kind == "object":
        named = [*field.get("patternProperties", {}).values(), *filter(None, [field.get("additionalProperties")])]
        inner = next((each for each in named if isinstance(each, dict)), None)
        return f"name: {_type(inner)}" if inner else "keys that differ"
    if kind in ("integer", "number"):
        return kind + _bounds(field)
    return {"boolean": "true or false", "string": "text", "null": "null"}.get(str(kind), "any value")


def _bounds(field: dict[str, Any]) -> str:
    words = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}
    if "minimum" in field and "exclusiveMinimum" in field:  # the nearer of the two
        words.pop("exclusiveMinimum" if field["minimum"] > field["exclusiveMinimum"] else "minimum")
    return "".join(f" {word} {_number(field[bound])}" for bound, word in words.items() if bound in field)


def _number(value: float) -> str:
    return f"{value:,}".replace(",", " ") if value == int(value) else f"{value:g}"


def _reference(field: dict[str, Any]) -> str:
    return str(field.get("$ref", "")).rpartition("/")[2]


def _link(name: str) -> str:
    families = {family.__name__: words for family, words in FAMILIES.items()}
    heading, words = families.get(name) or (SECTIONS.get(name, ""), "a section")
    return f"[{words}](#{heading.lower().replace(',', '').replace(' ', '-')})" if heading else "a section, below"


if __name__ == "__main__":
    print(page(), end="")
