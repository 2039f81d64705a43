"""JSON Schema of the params.yaml files, for editors: https://json-schema.org, draft 2020-12.

What pydantic says of the classes of settings, and three things that it cannot know: a family of kinds is any of them,
a section that overrides another has some of its keys, and a study's own settings stand beside those of every study.
"""

import json
from pathlib import Path
from typing import Any

from pydantic.json_schema import models_json_schema

from friendfoe import studies
from friendfoe.attacks.config import AttackConfig
from friendfoe.data.sources.config import SourceConfig
from friendfoe.evaluation.check_budget import CheckBudget
from friendfoe.models.config import NetworkConfig
from friendfoe.plan.params import (
    FILE,
    ModelParams,
    RootParams,
    StudyDataParams,
    StudyParams,
    study_file,
    study_names,
)
from friendfoe.runtime.files import atomic_path
from friendfoe.runtime.kinds import Kind, kinds
from friendfoe.runtime.strict import Strict
from friendfoe.training.job import MethodConfig, TrainingConfig

FAMILIES: tuple[type[Kind], ...] = (AttackConfig, SourceConfig, NetworkConfig, MethodConfig)
WRITTEN = Path(".friendfoe/schema")
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_ROOT = "params.yaml: data sets, and everything that belongs to one whatever is done with it"


def write_schemas() -> dict[Path, Path]:
    """Write the schema of every params.yaml below the project's working folder; params file -> its schema."""
    schemas = {FILE: root_schema(), **{study_file(study): study_schema(study) for study in study_names()}}
    written = {}
    for params, schema in schemas.items():
        written[params] = WRITTEN / f"{params.parent.name or params.stem}.json"
        with atomic_path(written[params]) as partial:
            partial.write_text(json.dumps(schema, indent=1))
    return written


def root_schema() -> dict[str, Any]:
    """The schema of params.yaml."""
    return _used(_schema(RootParams, _ROOT, [TrainingConfig]))


def study_schema(study: str) -> dict[str, Any]:
    """The schema of pipelines/STUDY/params.yaml.

    Raises:
        UserError: there is no such study.
    """
    own = studies.settings(study)
    schema = _schema(StudyParams, f"pipelines/{study}/params.yaml", [own, TrainingConfig, CheckBudget])
    sections = schema["$defs"]
    settings = sections.pop(own.__name__)
    schema["properties"] |= settings["properties"]
    schema["required"] = sorted({*schema.get("required", []), *settings.get("required", [])})
    schema["additionalProperties"] = False
    here = sections[StudyDataParams.__name__]["properties"]
    here["settings"] = {**_some_of(settings, sections), **_described(here["settings"])}
    here["checks"] = {**_some_of(sections[CheckBudget.__name__], sections), **_described(here["checks"])}
    sections[ModelParams.__name__] = _by_method(sections[ModelParams.__name__], sections)
    return _used(schema)


def _schema(model: type[Strict], title: str, further: list[type[Strict]]) -> dict[str, Any]:
    families = [kind for family in FAMILIES for kind in kinds(family).values()]
    references, whole = models_json_schema(
        [(each, "validation") for each in dict.fromkeys([model, *further, *families])], title=title
    )
    sections = whole["$defs"]
    for family in FAMILIES:
        known = [references[kind, "validation"] for kind in dict.fromkeys(kinds(family).values())]
        sections[family.__name__] = {"oneOf": known, "description": f"named by its key `{family.tag}`"}
    for section in sections.values():
        training = section.get("properties", {}).get("training", {})
        if training.get("type") == "object":
            section["properties"]["training"] = {
                **_some_of(sections[TrainingConfig.__name__], sections),
                **_described(training),
            }
    top = sections.pop(model.__name__)
    return {"$schema": _DIALECT, **top, "title": title, "$defs": sections}


def _by_method(model: dict[str, Any], sections: dict[str, Any]) -> dict[str, Any]:
    """A model, with the settings of its method beside its own; where nothing is trained it is on no images."""
    methods = [(kind, sections[kind.__name__]) for kind in kinds(MethodConfig).values()]
    choices = [
        {
            "type": "object",
            "properties": {**model["properties"], **method["properties"]},
            "required": sorted({*model["required"], *method["required"]} - ({"images"} if not kind.trained else set())),
            "additionalProperties": False,
        }
        for kind, method in methods
    ]
    return {"oneOf": choices, "description": model["description"]}


def _some_of(section: dict[str, Any], sections: dict[str, Any]) -> dict[str, Any]:
    """A section in which every key may be left out, here and in the sections below it."""
    properties = {}
    for name, field in section["properties"].items():
        below = sections.get(field.get("$ref", "").rpartition("/")[2], {})
        properties[name] = _some_of(below, sections) | _described(field) if "properties" in below else field
    return {**{key: section[key] for key in section if key not in ("required", "title")}, "properties": properties}


def _described(field: dict[str, Any]) -> dict[str, Any]:
    return {"description": field["description"]} if "description" in field else {}


def _used(schema: dict[str, Any]) -> dict[str, Any]:
    """Without the sections that nothing refers to."""
    while unused := schema["$defs"].keys() - _references(schema):
        schema["$defs"] = {name: section for name, section in schema["$defs"].items() if name not in unused}
    return schema


def _references(value: Any) -> set[str]:
    if isinstance(value, dict):
        here = {value["$ref"].rpartition("/")[2]} if isinstance(value.get("$ref"), str) else set()
        return here.union(*(_references(each) for each in value.values()))
    return set().union(*(_references(each) for each in value)) if isinstance(value, list) else set()
