"""Which keys an object of the language may have, read from the models."""

import types
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AliasChoices
from pydantic.fields import FieldInfo

from etl_platform.config.models.base import Section


@cache
def fields(model: type[Section]) -> Mapping[str, FieldInfo]:
    """The fields of a model by the keys that files use."""
    return {_key(name, field): field for name, field in model.model_fields.items()}


@cache
def attributes(model: type[Section]) -> Mapping[str, str]:
    """The attributes of a model by the keys that files use."""
    return {_key(name, field): name for name, field in model.model_fields.items()}


def _key(name: str, field: FieldInfo) -> str:
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return str(alias.choices[0])
    return str(alias or name)


@cache
def alternatives(annotation: Any) -> tuple[Any, ...]:
    """The types that an annotation allows: unions, optionals and `Annotated` taken apart."""
    if get_origin(annotation) is Annotated:
        return alternatives(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(found for argument in get_args(annotation) for found in alternatives(argument))
    return (annotation,)


def sections(annotation: Any) -> tuple[type[Section], ...]:
    """The objects with declared keys that an annotation allows."""
    return tuple(
        kind for kind in alternatives(annotation) if isinstance(kind, type) and issubclass(kind, Section)
    )


def section_for(annotation: Any, value: Any) -> type[Section] | None:
    """The one object with declared keys that a value is meant to be; None where that cannot be told."""
    candidates = sections(annotation)
    if len(candidates) < 2 or not isinstance(value, Mapping):
        return candidates[0] if len(candidates) == 1 else None
    for candidate in candidates:
        tags = ((key, field) for key, field in fields(candidate).items() if is_tag(field))
        if any(value.get(key) in get_args(field.annotation) for key, field in tags):
            return candidate
    return None


def is_tag(field: FieldInfo) -> bool:
    """Whether a field tells which of several objects this is, as `source_type` does."""
    return field.is_required() and get_origin(field.annotation) is Literal


def below(annotation: Any, key: str | int, value: Any = None) -> Any:
    """The annotation of a part of a value; None where the language does not say.

    Args:
        annotation: The annotation of the whole.
        key: Key or index of the part.
        value: The whole, where it is known; it tells which of several objects is meant.
    """
    for kind in alternatives(annotation):
        arguments = get_args(kind)
        if get_origin(kind) is list and isinstance(key, int):
            return arguments[0]
        if get_origin(kind) is dict and isinstance(key, str):
            return arguments[1]
    section = section_for(annotation, value)
    if section is None or key not in fields(section):
        return None
    return fields(section)[str(key)].annotation
