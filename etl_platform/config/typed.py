"""From resolved values to the typed models, with every fault at the place where the value was written."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from etl_platform.config.faults import KeyPath, did_you_mean
from etl_platform.config.findings import Findings, is_broken
from etl_platform.config.models.base import Section
from etl_platform.config.models.job import Job
from etl_platform.config.origin import Traced, origin_at
from etl_platform.config.secrecy import shown
from etl_platform.config.shape import below, fields, section_for, sections
from etl_platform.config.wording import sentence

M = TypeVar("M", bound=Section)

Errors = Mapping[KeyPath, Sequence[ErrorDetails]]

_SCALARS = {"int_type", "int_from_float", "float_type", "bool_type"}


@dataclass(frozen=True)
class Typed(Generic[M]):
    """An object of the language after its check.

    Attributes:
        model: The typed object; None where the value has faults.
        piece: What was checked.
        errors: The way to each faulty value, and what pydantic found.
    """

    model: M | None
    piece: Traced
    errors: Errors


def typed(model: type[M], piece: Traced, findings: Findings) -> Typed[M]:
    """Check a resolved value against its model, and note its faults."""
    checked = check(model, piece)
    for path, found in checked.errors.items():
        _report(model, checked.piece, path, found, findings)
    return checked


def check(model: type[M], piece: Traced) -> Typed[M]:
    """Check a resolved value against its model."""
    try:
        return Typed(model.model_validate(piece.value), piece, {})
    except ValidationError as error:
        errors: dict[KeyPath, list[ErrorDetails]] = {}
        for found in error.errors(include_url=False):
            errors.setdefault(_path(found, piece.value), []).append(found)
    read = _read_environment(piece, errors)
    return Typed(None, piece, errors) if read is None else check(model, read)


def _path(error: ErrorDetails, value: Any) -> KeyPath:
    """The way to a faulty value; pydantic's own contains the names of the union members that it tried."""
    path: list[str | int] = []
    location = error["loc"]
    for position, key in enumerate(location):
        last = position == len(location) - 1
        if _has(value, key) and (last or not _names_member(value, key)):
            value = value[key]
        elif not (last and error["type"] == "missing"):
            continue
        path.append(key)
    return tuple(path)


def _has(value: Any, key: str | int) -> bool:
    if isinstance(value, list):
        return isinstance(key, int) and key < len(value)
    return isinstance(value, dict) and key in value


def _names_member(value: Any, key: str | int) -> bool:
    return isinstance(value, dict) and key in (value.get("source_type"), value.get("rule_type"))


def _report(
    model: type[Section], piece: Traced, path: KeyPath, errors: Sequence[ErrorDetails], findings: Findings
) -> None:
    kind = errors[0]["type"]
    *parents, last = path or ("",)
    parent = _part(piece.value, tuple(parents))
    if kind == "missing":
        if not is_broken(parent):
            findings.fault(origin_at(piece.origin, tuple(parents)), f'the key "{last}" is missing')
        return
    value = _part(piece.value, path)
    if is_broken(value) and (kind != "extra_forbidden" or not isinstance(value, dict)):
        return
    if kind == "extra_forbidden":
        message = unknown_key(str(last), _section_at(model, piece.value, tuple(parents)))
        findings.fault(origin_at(piece.origin, tuple(parents)), message, key=str(last))
        return
    origin = origin_at(piece.origin, path)
    if kind == "union_tag_not_found":
        tag = str(errors[0].get("ctx", {})["discriminator"]).strip("'")
        findings.fault(origin, f'the key "{tag}" is missing')
        return
    if kind == "union_tag_invalid":
        tag = str(errors[0].get("ctx", {})["discriminator"]).strip("'")
        path, value, origin = (*path, tag), value[tag], origin.child(tag)
    visible = shown(
        value, (*origin.written().path, *path), from_environment=origin.written().from_environment
    )
    findings.fault(origin, sentence(errors, visible), used_as=path)


def _section_at(annotation: Any, value: Any, path: KeyPath) -> type[Section] | None:
    for key in path:
        annotation = below(annotation, key, value)
        value = value[key]
    return section_for(annotation, value)


def unknown_key(key: str, section: type[Section] | None) -> str:
    """The message about a key that its object does not declare, with the key or the section that is meant."""
    hint = did_you_mean(key, fields(section)) if section else ""
    homes = {name: kind for name, field in fields(Job).items() for kind in sections(field.annotation)}
    if not hint and section in (Job, *homes.values()):
        having = [name for name, kind in homes.items() if key in fields(kind)]
        hint = f'; it belongs in "{having[0]}"' if len(having) == 1 else ""
    return f"unknown key{hint}"


def _part(value: Any, path: KeyPath) -> Any:
    for key in path:
        value = value[key]
    return value


def _read_environment(piece: Traced, errors: Errors) -> Traced | None:
    """The value with texts of environment variables read as JSON where a number or a boolean is asked for.

    An environment variable is always a text; without this, none could set a number.
    """
    value = piece.value
    for path, found in errors.items():
        text = _part(piece.value, path) if path and found[0]["type"] != "missing" else None
        asked = all(error["type"] in _SCALARS for error in found)
        if (
            not asked
            or not isinstance(text, str)
            or not origin_at(piece.origin, path).written().from_environment
        ):
            continue
        try:
            scalar = json.loads(text)
        except ValueError:
            continue
        if isinstance(scalar, (bool, int, float)):
            value = _replaced(value, path, scalar)
    return None if value is piece.value else Traced(value, piece.origin)


def _replaced(value: Any, path: KeyPath, part: Any) -> Any:
    if not path:
        return part
    copy = value.copy()
    copy[path[0]] = _replaced(value[path[0]], path[1:], part)
    return copy
