"""Resolving choices: fields whose values have several types."""

from collections.abc import Callable, Sequence
from typing import Any

from pyspark.sql import functions as F

from . import fieldpath
from . import gluetypes as glue
from .casting import cast
from .sparktypes import has_choice
from .typedframe import NamedColumn, TypedFrame
from .typenames import parse_type

ACTIONS = "cast:TYPE, project:TYPE, make_cols, make_struct, match_catalog"


def resolve(frame: TypedFrame, specs: Sequence[Any]) -> TypedFrame:
    """Each `(path, action)` applied in turn.

    Raises:
        ValueError: A spec is no such pair, its path is not there, or its action is unknown.
    """
    for spec in specs:
        if len(spec) != 2:
            raise ValueError(f'spec {spec!r}: expected (path, action), such as ("price", "cast:double").')
        path, action = spec
        steps = fieldpath.steps_in(frame, path)
        if fieldpath.type_at(frame.schema, steps) is None:
            columns = ", ".join(field.name for field in frame.schema.fields)
            raise ValueError(f'resolveChoice: no field at "{path}"; the columns are {columns}.')
        frame = fieldpath.replace(frame, steps, change(action))
    return frame


def resolve_all(frame: TypedFrame, action: str) -> TypedFrame:
    """The action applied to every choice, the deepest first."""
    for steps in paths_of_choices(frame.schema):
        frame = fieldpath.replace(frame, steps, change(action))
    return frame


def paths_of_choices(data_type: glue.DataType, above: tuple[str, ...] = ()) -> list[list[str]]:
    """The paths of all choices of a schema, deeper ones first."""
    found: list[list[str]] = []
    match data_type:
        case glue.StructType():
            for field in data_type.fields:
                found += paths_of_choices(field.dataType, (*above, field.name))
        case glue.ArrayType():
            found += paths_of_choices(data_type.elementType, (*above, fieldpath.ELEMENTS))
        case glue.ChoiceType():
            for part in data_type.choices.values():
                found += paths_of_choices(part, above)
            found.append(list(above))
    return found


def change(action: str) -> fieldpath.Replace:
    """What an action puts in a field's place.

    Raises:
        ValueError: No such action.
    """
    kind, _, wanted = action.strip().partition(":")
    kind = kind.strip().lower()
    if kind in ("cast", "project") and wanted:
        target = parse_type(wanted)
        return lambda column: [cast(column, target) if kind == "cast" else projected(column, target)]
    if kind == "make_cols":
        return columns_by_type
    if kind in ("make_struct", "keepasstruct"):
        return lambda column: [as_struct(column)]
    raise ValueError(f'resolveChoice: no action "{action}"; there are {ACTIONS}.')


def columns_by_type(column: NamedColumn) -> list[NamedColumn]:
    """One column `name_type` for each type of a choice; a column of one type stays."""
    if not isinstance(column.type, glue.ChoiceType):
        return [column]
    return [NamedColumn(f"{column.name}_{p.name}", p.column, p.type) for p in fieldpath.branches(column)]


def as_struct(column: NamedColumn) -> NamedColumn:
    """A choice as a struct with one field for each type; a column of one type stays."""
    if not isinstance(column.type, glue.ChoiceType):
        return column
    fields = [glue.Field(part.name, part.type) for part in fieldpath.branches(column)]
    return NamedColumn(column.name, column.column, glue.StructType(fields))


def projected(column: NamedColumn, target: glue.DataType) -> NamedColumn:
    """Only the values that have the target's type; the others become null."""
    parts = fieldpath.branches(column) or [NamedColumn(column.type.typeName(), column.column, column.type)]
    for part in parts:
        if part.name == target.typeName():
            return NamedColumn(column.name, part.column, part.type)
    return NamedColumn(column.name, F.lit(None).cast(target.spelled()), target)


def match_catalog(frame: TypedFrame, declared: glue.StructType) -> TypedFrame:
    """Every choice cast to the type that the catalog's table declares for its column.

    Raises:
        ValueError: The table does not have a column that is a choice.
    """
    for field in frame.schema.fields:
        if has_choice(field.dataType):
            wanted = declared.getField(field.name) or declared.getField(field.name.lower())
            if wanted is None:
                columns = ", ".join(f.name for f in declared.fields)
                raise ValueError(f'match_catalog: the table has no column "{field.name}"; it has {columns}.')
            caster: Callable[[NamedColumn], list[NamedColumn]] = _caster(wanted.dataType)
            frame = fieldpath.replace(frame, [field.name], caster)
    return frame


def _caster(target: glue.DataType) -> fieldpath.Replace:
    return lambda column: [cast(column, target)]


class ResolveOption:
    """How `toDF` resolves one choice.

    Args:
        path: Path of the choice.
        action: `Project`, `Cast` or `KeepAsStruct`.
        target: The type, for `Project` and `Cast`.
    """

    def __init__(self, path: str, action: str, target: glue.DataType | None = None):
        self.path, self.action, self.target = path, action, target

    def spec(self) -> tuple[str, str]:
        """The option as `resolveChoice` takes it."""
        return self.path, self.action.lower() + (f":{self.target.spelled()}" if self.target else "")


def resolver(
    glue_ctx: Any, specs: Sequence[Any] | None, action: str, database: str | None, table: str | None
) -> Callable[[TypedFrame], TypedFrame]:
    """The transform that `resolveChoice` was asked for."""
    if bool(specs) == bool(action):
        raise ValueError(
            "resolveChoice: give either specs, such as specs=[('price', 'cast:double')], or one choice "
            f"for all, such as choice='make_cols'; actions: {ACTIONS}."
        )
    if specs:
        return lambda frame: resolve(frame, specs)
    if action.lower() != "match_catalog":
        change(action)
        return lambda frame: resolve_all(frame, action)
    if not database or not table:
        raise ValueError("resolveChoice: match_catalog needs database and table_name.")
    return lambda frame: match_catalog(frame, glue_ctx.catalog_schema(database, table))
