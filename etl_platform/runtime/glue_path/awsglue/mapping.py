"""Mapping, selecting, dropping and renaming fields."""

import logging
from collections.abc import Sequence
from typing import Any

from pyspark.sql import functions as F

from . import fieldpath
from . import gluetypes as glue
from .casting import cast
from .typedframe import NamedColumn, TypedFrame
from .typenames import parse_type

log = logging.getLogger(__name__)

Mapping = tuple[str, str, str, str]
"""Source path, source type, target path, target type."""


def apply_mapping(frame: TypedFrame, mappings: Sequence[Any]) -> TypedFrame:
    """Only the mapped fields, renamed, cast, and nested where the target's path has dots.

    A source that is not there gives no field, as in Glue; the log says so.

    Raises:
        ValueError: A mapping does not have the four parts (source, its type, target, its type).
    """
    targets: list[tuple[list[str], NamedColumn]] = []
    for mapping in mappings:
        if len(mapping) != 4 or not all(isinstance(part, str) for part in mapping):
            raise ValueError(
                f"mapping {mapping!r}: expected (source path, source type, target path, target type), "
                'such as ("id", "string", "customer.id", "long").'
            )
        source, _, target, target_type = mapping
        found = fieldpath.column_at(frame, fieldpath.steps_in(frame, source))
        if found is None:
            log.warning("source=<%s> | no such field, so the mapping gives no column", source)
        else:
            targets.append((fieldpath.parse(target), cast(found, parse_type(target_type))))
    return frame.select(_nested(targets))


def _nested(targets: list[tuple[list[str], NamedColumn]]) -> list[NamedColumn]:
    """Columns by their target paths; several below one name become a struct."""
    names = dict.fromkeys(steps[0] for steps, _ in targets)
    made: list[NamedColumn] = []
    for name in names:
        below = [(steps[1:], column) for steps, column in targets if steps[0] == name]
        leaves = [column for steps, column in below if not steps]
        if leaves:
            made.append(NamedColumn(name, leaves[-1].column, leaves[-1].type))
            continue
        fields = _nested(below)
        struct = F.struct(*[f.column.alias(f.name) for f in fields])
        schema = glue.StructType([glue.Field(f.name, f.type) for f in fields])
        made.append(NamedColumn(name, struct, schema))
    return made


def select_fields(frame: TypedFrame, paths: Sequence[str]) -> TypedFrame:
    """The fields at these paths; a nested one keeps its place in its struct."""
    wanted = [fieldpath.steps_in(frame, path) for path in paths]
    return frame.select(_kept(frame.columns(), [w for w in wanted if fieldpath.type_at(frame.schema, w)]))


def _kept(columns: list[NamedColumn], wanted: list[list[str]]) -> list[NamedColumn]:
    by_name = {column.name: column for column in columns}
    made: list[NamedColumn] = []
    for name in dict.fromkeys(steps[0] for steps in wanted):
        column = by_name[name]
        below = [steps[1:] for steps in wanted if steps[0] == name]
        if not all(below) or not isinstance(column.type, glue.StructType):
            made.append(column)
            continue
        fields = _kept(fieldpath.fields_of(column), below)
        schema = glue.StructType([glue.Field(f.name, f.type) for f in fields])
        made.append(NamedColumn(name, fieldpath.struct_of(column.column, fields), schema))
    return made


def drop_fields(frame: TypedFrame, paths: Sequence[str]) -> TypedFrame:
    """Without the fields at these paths, nested ones too; a path that is not there changes nothing."""
    for path in paths:
        frame = fieldpath.replace(frame, fieldpath.steps_in(frame, path), lambda column: [])
    return frame


def rename_field(frame: TypedFrame, old: str, new: str) -> TypedFrame:
    """With a field renamed; moved, where the new path lies elsewhere; unchanged where it is not there."""
    source, target = fieldpath.steps_in(frame, old), fieldpath.parse(new)
    moved = fieldpath.column_at(frame, source)
    if moved is None:
        log.warning("field=<%s> | no such field, so nothing is renamed", old)
        return frame
    if source[:-1] == target[:-1]:
        return fieldpath.replace(frame, source, lambda c: [NamedColumn(target[-1], c.column, c.type)])
    rest = fieldpath.replaced(frame.columns(), source, lambda column: [])
    return frame.select(_inserted(rest, target, moved))


def _inserted(columns: list[NamedColumn], target: list[str], value: NamedColumn) -> list[NamedColumn]:
    """The columns with a value put at a path, making the structs that the path needs."""
    name = target[0]
    there = next((column for column in columns if column.name == name), None)
    others = [column for column in columns if column.name != name]
    if len(target) == 1:
        return [*others, NamedColumn(name, value.column, value.type)]
    fields = _inserted(fieldpath.fields_of(there) if there else [], target[1:], value)
    schema = glue.StructType([glue.Field(f.name, f.type) for f in fields])
    return [*others, NamedColumn(name, F.struct(*[f.column.alias(f.name) for f in fields]), schema)]


def drop_null_fields(frame: TypedFrame) -> TypedFrame:
    """Without the fields that are null in every record (type `null`), nested ones too."""
    return frame.select([c for c in map(_without_nulls, frame.columns()) if c is not None])


def _without_nulls(column: NamedColumn) -> NamedColumn | None:
    match column.type:
        case glue.NullType():
            return None
        case glue.StructType():
            fields = [f for f in map(_without_nulls, fieldpath.fields_of(column)) if f is not None]
            schema = glue.StructType([glue.Field(f.name, f.type) for f in fields])
            return (
                NamedColumn(column.name, fieldpath.struct_of(column.column, fields), schema)
                if fields
                else None
            )
        case glue.ArrayType(elementType=glue.NullType()):
            return None
    return column
