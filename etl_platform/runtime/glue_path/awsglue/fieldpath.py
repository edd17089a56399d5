"""Paths of fields, such as `a.b`, `` `a.b`.c `` and `list[].price`, and frames rebuilt below them."""

import re
from collections.abc import Callable

from pyspark.sql import Column
from pyspark.sql import functions as F

from . import gluetypes as glue
from .typedframe import NamedColumn, TypedFrame

ELEMENTS = "[]"
"""The step from an array to its elements."""
Step = str
Replace = Callable[[NamedColumn], list[NamedColumn]]
"""What stands in place of a field: itself changed, several fields, or none."""

_PART = re.compile(r"`((?:[^`]|``)+)`|([^.`\[\]]+)")


def parse(path: str) -> list[Step]:
    """The steps of a path; a name in back-ticks is one step, dots and all.

    Raises:
        ValueError: The path is malformed.
    """
    steps: list[Step] = []
    at = 0
    while at < len(path):
        if path.startswith("[]", at) and steps:
            steps.append(ELEMENTS)
            at += 2
        else:
            if steps and path[at] == ".":
                at += 1
            found = _PART.match(path, at)
            if not found:
                break
            steps.append(found[1].replace("``", "`") if found[1] else found[2])
            at = found.end()
    if at != len(path) or not steps:
        raise ValueError(
            f'"{path}" is not a path of a field; write names with dots between them, a name that holds dots '
            "in back-ticks, and [] behind an array: `a.b`.c, list[].price."
        )
    return steps


def steps_in(frame: TypedFrame, path: str) -> list[Step]:
    """The steps of a path in a frame: a column whose whole name is the path comes first."""
    return [path] if frame.schema.hasField(path) else parse(path)


def type_at(data_type: glue.DataType, steps: list[Step]) -> glue.DataType | None:
    """The type at the end of a path, or None where there is no such field."""
    for step in steps:
        if isinstance(data_type, glue.ChoiceType):
            data_type = data_type.choices.get("array" if step == ELEMENTS else "struct", glue.UnknownType())
        if isinstance(data_type, glue.ArrayType):
            data_type = data_type.elementType
            if step == ELEMENTS:
                continue
        field = data_type.getField(step) if isinstance(data_type, glue.StructType) else None
        if field is None:
            return None
        data_type = field.dataType
    return data_type


def column_at(frame: TypedFrame, steps: list[Step]) -> NamedColumn | None:
    """The value at the end of a path, named by its last step; below an array, an array of the values."""
    field = frame.schema.getField(steps[0])
    if field is None:
        return None
    found = next(c for c in frame.columns() if c.name == steps[0])
    return _descend(found, steps[1:])


def _descend(found: NamedColumn, steps: list[Step]) -> NamedColumn | None:
    if not steps:
        return found
    column, data_type, step = found.column, found.type, steps[0]
    if isinstance(data_type, glue.ChoiceType):
        branch = "array" if step == ELEMENTS else "struct"
        if branch not in data_type.choices:
            return None
        return _descend(NamedColumn(found.name, column.getField(branch), data_type.choices[branch]), steps)
    if isinstance(data_type, glue.ArrayType):
        rest = steps[1:] if step == ELEMENTS else steps
        if type_at(data_type.elementType, rest) is None:
            return None
        inner: list[NamedColumn] = []

        def element(value: Column) -> Column:
            below = _descend(NamedColumn(found.name, value, data_type.elementType), rest)
            if below is None:
                raise AssertionError("the type was found, so the value is there")
            inner.append(below)
            return below.column

        values = F.transform(column, element)
        return NamedColumn(inner[0].name, values, glue.ArrayType(inner[0].type))
    field = data_type.getField(step) if isinstance(data_type, glue.StructType) else None
    if field is None:
        return None
    return _descend(found.part(step, field.dataType), steps[1:])


def replace(frame: TypedFrame, steps: list[Step], change: Replace) -> TypedFrame:
    """The frame with the field at a path replaced, in its place; unchanged where there is no such field."""
    if type_at(frame.schema, steps) is None:
        return frame
    return frame.select(replaced(frame.columns(), steps, change))


def replaced(columns: list[NamedColumn], steps: list[Step], change: Replace) -> list[NamedColumn]:
    """The columns with the one at a path replaced, in its place."""
    changed: list[NamedColumn] = []
    for column in columns:
        if column.name != steps[0]:
            changed.append(column)
        elif len(steps) == 1:
            changed.extend(change(column))
        else:
            changed.append(_rebuilt(column, steps[1:], change))
    return changed


def _rebuilt(column: NamedColumn, steps: list[Step], change: Replace) -> NamedColumn:
    """The column with what stands below it at `steps` replaced."""
    data_type = column.type
    if isinstance(data_type, glue.ArrayType):
        rest = steps[1:] if steps[0] == ELEMENTS else steps
        return rebuilt_elements(column, lambda element: _changed_element(element, rest, change))
    if isinstance(data_type, glue.ChoiceType):
        branch = "array" if steps[0] == ELEMENTS else "struct"
        parts = [_rebuilt(part, steps, change) if part.name == branch else part for part in branches(column)]
        return NamedColumn(
            column.name, struct_of(column.column, parts), glue.ChoiceType(p.type for p in parts)
        )
    fields = replaced(fields_of(column), steps, change)
    schema = glue.StructType([glue.Field(f.name, f.type) for f in fields])
    return NamedColumn(column.name, struct_of(column.column, fields), schema)


def _changed_element(element: NamedColumn, steps: list[Step], change: Replace) -> NamedColumn:
    if steps:
        return _rebuilt(element, steps, change)
    made = change(element)
    if len(made) != 1:
        raise ValueError(f'"{element.name}[]": an element of an array cannot become several columns.')
    return made[0]


def rebuilt_elements(column: NamedColumn, rebuild: Callable[[NamedColumn], NamedColumn]) -> NamedColumn:
    """An array column with each element rebuilt."""
    if not isinstance(column.type, glue.ArrayType):
        raise TypeError(f"{column.name} is {column.type.typeName()}, not an array.")
    element_type = column.type.elementType
    made: list[NamedColumn] = []

    def element(value: Column) -> Column:
        made.append(rebuild(NamedColumn(column.name, value, element_type)))
        return made[-1].column

    return NamedColumn(column.name, F.transform(column.column, element), glue.ArrayType(made[0].type))


def fields_of(column: NamedColumn) -> list[NamedColumn]:
    """The fields of a struct column; none of any other."""
    if not isinstance(column.type, glue.StructType):
        return []
    return [column.part(f.name, f.dataType) for f in column.type.fields]


def branches(column: NamedColumn) -> list[NamedColumn]:
    """The types of a choice column, as columns; none of any other."""
    if not isinstance(column.type, glue.ChoiceType):
        return []
    return [column.part(name, kind) for name, kind in column.type.choices.items()]


def struct_of(original: Column, fields: list[NamedColumn]) -> Column:
    """A struct of these fields, null where the original is null."""
    return F.when(original.isNotNull(), F.struct(*[f.column.alias(f.name) for f in fields]))
