"""Joining and merging frames."""

from pyspark.sql import Column
from pyspark.sql import functions as F

from . import fieldpath
from . import gluetypes as glue
from .typedframe import NamedColumn, TypedFrame, plain


def joined_name(left: set[str], name: str) -> str:
    """The name of the second frame's column in a join: with a dot in front where the first has it too."""
    while name in left:
        name = f".{name}"
    return name


def join(first: TypedFrame, second: TypedFrame, keys1: list[str], keys2: list[str]) -> TypedFrame:
    """Rows of both frames whose keys are equal.

    Raises:
        ValueError: The keys are not equally many, or one is not there.
    """
    if len(keys1) != len(keys2) or not keys1:
        raise ValueError(f"Join: as many keys on one side as on the other; found {keys1} and {keys2}.")
    left = {field.name for field in first.schema.fields}
    renamed: list[NamedColumn] = []
    for column in second.columns():
        renamed.append(
            NamedColumn(
                joined_name(left | {c.name for c in renamed}, column.name), column.column, column.type
            )
        )
    condition: list[tuple[NamedColumn, NamedColumn]] = []
    sides = zip(keys1, keys2, strict=True)
    for key1, key2 in sides:
        condition.append((_key(first, key1, "first"), _key(second, key2, "second")))
    left_df = first.df.select("*", *[c.column.alias(f"__left_{i}") for i, (c, _) in enumerate(condition)])
    right_df = second.df.select(
        *[c.column.alias(c.name) for c in renamed],
        *[c.column.alias(f"__right_{i}") for i, (_, c) in enumerate(condition)],
    )
    on: Column = F.lit(True)
    for i in range(len(condition)):
        on = on & (F.col(f"__left_{i}") == F.col(f"__right_{i}"))
    fields = [*first.schema.fields, *(glue.Field(c.name, c.type) for c in renamed)]
    rows = left_df.join(right_df, on, "inner").select(*[plain(f.name) for f in fields])
    return TypedFrame(rows, glue.StructType(fields))


def _key(frame: TypedFrame, path: str, side: str) -> NamedColumn:
    found = fieldpath.column_at(frame, fieldpath.steps_in(frame, path))
    if found is None:
        columns = ", ".join(field.name for field in frame.schema.fields)
        raise ValueError(f'Join: the {side} frame has no field "{path}"; it has {columns}.')
    return found


def union(frames: list[TypedFrame]) -> TypedFrame:
    """The rows of all frames; a field that has another type in another frame becomes a choice."""
    types: dict[str, dict[str, glue.DataType]] = {}
    for frame in frames:
        for column in frame.columns():
            parts = (
                column.type.choices
                if isinstance(column.type, glue.ChoiceType)
                else {column.type.typeName(): column.type}
            )
            seen = types.setdefault(column.name, {})
            for name, part in parts.items():
                seen[name] = _merged(seen[name], part) if name in seen else part
    fields = [glue.Field(name, _one_or_choice(seen)) for name, seen in types.items()]
    schema = glue.StructType(fields)
    rows = [_fitted(frame, schema).df for frame in frames]
    df = rows[0]
    for other in rows[1:]:
        df = df.unionByName(other)
    return TypedFrame(df, schema)


def _one_or_choice(seen: dict[str, glue.DataType]) -> glue.DataType:
    real = {name: t for name, t in seen.items() if name not in ("null", "unknown")} or seen
    return next(iter(real.values())) if len(real) == 1 else glue.ChoiceType(real[n] for n in sorted(real))


def _merged(one: glue.DataType, other: glue.DataType) -> glue.DataType:
    """The type of values of both types, which have the same name."""
    if isinstance(one, glue.StructType) and isinstance(other, glue.StructType):
        names = dict.fromkeys([*one.field_map, *other.field_map])
        return glue.StructType([glue.Field(n, _either(one.getField(n), other.getField(n))) for n in names])
    if isinstance(one, glue.ArrayType) and isinstance(other, glue.ArrayType):
        return glue.ArrayType(_either(glue.Field("", one.elementType), glue.Field("", other.elementType)))
    if isinstance(one, glue.DecimalType) and isinstance(other, glue.DecimalType):
        scale = max(one.scale, other.scale)
        return glue.DecimalType(
            min(38, max(one.precision - one.scale, other.precision - other.scale) + scale), scale
        )
    return one


def _either(one: glue.Field | None, other: glue.Field | None) -> glue.DataType:
    if one is None or other is None:
        field = one or other
        return field.dataType if field else glue.UnknownType()
    seen: dict[str, glue.DataType] = {}
    for field in (one, other):
        parts = (
            field.dataType.choices.values()
            if isinstance(field.dataType, glue.ChoiceType)
            else [field.dataType]
        )
        for part in parts:
            name = part.typeName()
            seen[name] = _merged(seen[name], part) if name in seen else part
    return _one_or_choice(seen)


def _fitted(frame: TypedFrame, schema: glue.StructType) -> TypedFrame:
    """The frame with every column of a wider schema."""
    columns = {column.name: column for column in frame.columns()}
    return frame.select(
        [NamedColumn(f.name, fitted(columns.get(f.name), f.dataType), f.dataType) for f in schema.fields]
    )


def fitted(column: NamedColumn | None, wanted: glue.DataType) -> Column:
    """The column in a wider type: a choice that has its type, a struct that has its fields."""
    if column is None:
        return F.lit(None).cast(wanted.spelled())
    if column.type == wanted:
        return column.column
    match column.type, wanted:
        case glue.ChoiceType(), glue.ChoiceType():
            parts = {part.name: part for part in fieldpath.branches(column)}
            made = [NamedColumn(n, fitted(parts.get(n), t), t) for n, t in wanted.choices.items()]
            return fieldpath.struct_of(column.column, made)
        case _, glue.ChoiceType():
            own = column.type.typeName()
            made = [
                NamedColumn(n, fitted(column if n == own else None, t), t) for n, t in wanted.choices.items()
            ]
            return fieldpath.struct_of(column.column, made)
        case glue.StructType(), glue.StructType():
            fields = {field.name: field for field in fieldpath.fields_of(column)}
            made = [
                NamedColumn(f.name, fitted(fields.get(f.name), f.dataType), f.dataType) for f in wanted.fields
            ]
            return fieldpath.struct_of(column.column, made)
        case glue.ArrayType(), glue.ArrayType():
            element_type = column.type.elementType
            return F.transform(
                column.column, lambda v: fitted(NamedColumn("element", v, element_type), wanted.elementType)
            )
    return column.column.cast(wanted.spelled())


def merge(frame: TypedFrame, staged: TypedFrame, keys: list[str]) -> TypedFrame:
    """The frame's records whose keys the staged frame does not have, and all of the staged frame's."""
    left = frame.df.select(
        "*", *[_key(frame, k, "first").column.alias(f"__left_{i}") for i, k in enumerate(keys)]
    )
    right = staged.df.select(
        *[_key(staged, k, "staged").column.alias(f"__right_{i}") for i, k in enumerate(keys)]
    )
    on: Column = F.lit(True)
    for i in range(len(keys)):
        on = on & F.col(f"__left_{i}").eqNullSafe(F.col(f"__right_{i}"))
    kept = left.join(right, on, "left_anti").select(*[plain(f.name) for f in frame.schema.fields])
    return union([frame.rows(kept), staged])
