"""The JSON Schema of a configuration as people write it: with templates, conditions, variables, comments."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import create_model

from etl_platform.config.conditions import ELSE, IF, THEN
from etl_platform.config.models.envelope import ConfigFile
from etl_platform.config.models.job import Job
from etl_platform.config.source_types import job_model
from etl_platform.config.templates import EXTENDS

Schema = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_COMMENT: Final = "^[_$]"
_REFERENCE: Final = {
    "description": "A text with ${variables.NAME}, ${ENV:NAME}, ${ENV:NAME:default} or ${SECRET:key}.",
    "type": "string",
    "pattern": r"\$\{",
}
_EXTENDS: Final = {
    "description": "Names of templates that are laid under this object; later ones win over earlier ones.",
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
}
_IF: Final = {
    "description": 'Variable names to a value, a list of values, or {"not": value}; all of them must hold.',
    "type": "object",
    "minProperties": 1,
}


def json_schema() -> Schema:
    """The schema, with the source types of all installed packages.

    Raises:
        SourceTypeError: An installed package offers a source type that cannot be used.
    """
    jobs = (list[job_model()], ConfigFile.model_fields["jobs"])
    model = create_model("ConfigFile", __base__=ConfigFile, __doc__=ConfigFile.__doc__, jobs=jobs)
    plain = model.model_json_schema(mode="validation")
    within_jobs = _reachable("Job", plain["$defs"])
    definitions: dict[str, Schema] = {
        "Reference": dict(_REFERENCE),
        "Extends": dict(_EXTENDS),
        "If": dict(_IF),
    }
    for name, definition in plain.pop("$defs").items():
        _define(name, definition, definitions, extends=name in within_jobs)
    _define("ConfigFile", plain, definitions, extends=False)
    top = definitions["ConfigFile.part"]
    description = top["properties"]["templates"]["description"]
    top["properties"]["templates"] = {
        "description": description,
        "type": "object",
        "patternProperties": {_COMMENT: True},
        "additionalProperties": _any_template(definitions),
    }
    definitions["ConfigFile"]["else"] = {
        "required": ["config_version"],
        "if": {"required": ["include"]},
        "else": {"required": ["jobs"]},
    }
    return {"$schema": DIALECT, "title": "etl_config", "$ref": "#/$defs/ConfigFile", "$defs": definitions}


def _reachable(name: str, definitions: Mapping[str, Schema]) -> set[str]:
    """The definitions that one refers to, itself included."""
    found: set[str] = set()
    pending = [name]
    while pending:
        current = pending.pop()
        if current not in found:
            found.add(current)
            pending += [ref.rsplit("/", 1)[1] for ref in _references(definitions[current])]
    return found


def _references(schema: Any) -> list[str]:
    if isinstance(schema, dict):
        own = [schema["$ref"]] if isinstance(schema.get("$ref"), str) else []
        return own + [ref for part in schema.values() for ref in _references(part)]
    return [ref for part in schema for ref in _references(part)] if isinstance(schema, list) else []


def _define(name: str, plain: Schema, definitions: dict[str, Schema], *, extends: bool) -> None:
    """Add an object in two forms: whole, and the part of it that a template or a branch may hold."""
    part: Schema = {"$ref": f"#/$defs/{name}.part"}
    properties = {key: _value(schema) for key, schema in plain["properties"].items()}
    if extends:
        properties[EXTENDS] = {"$ref": "#/$defs/Extends"}
    properties |= {IF: {"$ref": "#/$defs/If"}, THEN: part, ELSE: part}
    definitions[f"{name}.part"] = {
        "description": plain["description"],
        "type": "object",
        "properties": properties,
        "patternProperties": {_COMMENT: True},
        "additionalProperties": False,
    }
    definitions[name] = {"type": "object", **part, **_required(plain.get("required", []))}


def _required(keys: list[str]) -> Schema:
    """What must be there, unless a template or a branch may bring it."""
    if not keys:
        return {}
    return {"if": {"anyOf": [{"required": [EXTENDS]}, {"required": [IF]}]}, "else": {"required": keys}}


def _value(plain: Schema) -> Schema:
    """The schema of a value, or of a variable in its place."""
    schema = {key: value for key, value in plain.items() if key != "title"}
    described = {key: schema.pop(key) for key in ("description", "default") if key in schema}
    if not schema or schema == {"type": "string"}:
        return {**described, **schema}
    if "discriminator" in schema:
        return {**described, **_unless_reference(_tagged(schema))}
    if "anyOf" in schema:
        return {**described, "anyOf": [*map(_inner, schema["anyOf"]), {"$ref": "#/$defs/Reference"}]}
    if "enum" in schema or "const" in schema or schema.get("type") == "string":
        return {**described, "anyOf": [schema, {"$ref": "#/$defs/Reference"}]}
    return {**described, **_unless_reference(_inner(schema))}


def _unless_reference(schema: Schema) -> Schema:
    """Where a text stands, it must be a reference; an editor then says what is wrong with anything else."""
    return {"if": {"type": "string"}, "then": {"$ref": "#/$defs/Reference"}, "else": schema}


def _inner(schema: Schema) -> Schema:
    inner = {key: value for key, value in schema.items() if key != "title"}
    if inner.get("type") == "array":
        # A condition in a list may leave nothing, so that the number of elements is not known here.
        inner["items"] = _value(inner["items"])
    elif isinstance(inner.get("additionalProperties"), dict):
        inner["additionalProperties"] = _value(inner["additionalProperties"])
        inner["properties"] = {
            EXTENDS: {"$ref": "#/$defs/Extends"},
            IF: {"$ref": "#/$defs/If"},
            THEN: {},
            ELSE: {},
        }
        inner["patternProperties"] = {_COMMENT: True}
    return inner


def _tagged(union: Schema) -> Schema:
    """Several kinds of object, told apart by one key: each kind is asked only where its tag stands."""
    tag = union["discriminator"]["propertyName"]
    mapping = union["discriminator"]["mapping"]
    cases = [
        {"if": {"required": [tag], "properties": {tag: {"const": name}}}, "then": {"$ref": ref}}
        for name, ref in mapping.items()
    ]
    tags = {"anyOf": [{"enum": [*mapping]}, {"$ref": "#/$defs/Reference"}]}
    return {"type": "object", "properties": {tag: tags}, **_required([tag]), "allOf": cases}


def _any_template(definitions: Mapping[str, Schema]) -> Schema:
    """A job without what a job must have, or one of its sections."""
    job = definitions["Job.part"]["properties"]
    sections = [
        ref
        for key in job
        if key in Job.model_fields
        for ref in _references(job[key])
        if "Reference" not in ref
    ]
    own = [f"{ref}.part" for ref in sections if f"{ref.rsplit('/', 1)[1]}.part" in definitions]
    return {"anyOf": [{"$ref": "#/$defs/Job.part"}, *({"$ref": ref} for ref in dict.fromkeys(own))]}
