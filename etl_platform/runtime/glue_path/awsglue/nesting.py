"""Flattening structs, and DynamoDB's typed JSON."""

from collections.abc import Iterator

from pyspark.sql import functions as F

from . import fieldpath
from . import gluetypes as glue
from .typedframe import NamedColumn, TypedFrame

DYNAMODB = {"S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"}
"""Type descriptors of DynamoDB's JSON (Amazon DynamoDB developer guide, "Data type descriptors")."""


def unnest(frame: TypedFrame) -> TypedFrame:
    """Nested fields as columns of their own, named by their path: `a.b.c`."""
    return frame.select(list(_flat(frame.columns(), "")))


def _flat(columns: list[NamedColumn], above: str) -> Iterator[NamedColumn]:
    for column in columns:
        if isinstance(column.type, glue.StructType):
            yield from _flat(fieldpath.fields_of(column), f"{above}{column.name}.")
        else:
            yield NamedColumn(above + column.name, column.column, column.type)


def simplify_ddb_json(frame: TypedFrame) -> TypedFrame:
    """DynamoDB's typed JSON as plain values: `{"id": {"S": "x"}}` becomes `{"id": "x"}`.

    Elements of a list that are maps, or of several types, stay as they are, as in Glue.
    """
    return frame.select([_plain_value(column) for column in _items(frame)])


def unnest_ddb_json(frame: TypedFrame) -> TypedFrame:
    """The same, with the maps flattened to columns named by their path; lists of structs stay as they are."""
    return unnest(frame.select([_plain_value(column, lists=False) for column in _items(frame)]))


def _items(frame: TypedFrame) -> list[NamedColumn]:
    """The columns, those of an export's one `Item` column in its place."""
    columns = frame.columns()
    if [column.name for column in columns] == ["Item"]:
        return fieldpath.fields_of(columns[0])
    return columns


def _plain_value(column: NamedColumn, *, lists: bool = True) -> NamedColumn:
    data_type = column.type
    if isinstance(data_type, glue.ArrayType):
        plain_elements = lists and _of_one_plain_type(data_type.elementType)
        return fieldpath.rebuilt_elements(column, _plain_value) if plain_elements else column
    fields = fieldpath.fields_of(column)
    if not fields:
        return column
    if {field.name for field in fields} <= DYNAMODB:
        known = [field for field in fields if field.name != "NULL"]
        if len(known) != 1:
            return column if known else NamedColumn(column.name, F.lit(None).cast("string"), glue.NullType())
        inner = _plain_value(NamedColumn(column.name, known[0].column, known[0].type), lists=lists)
        return NamedColumn(column.name, inner.column, inner.type)
    inside = [_plain_value(field, lists=lists) for field in fields]
    schema = glue.StructType([glue.Field(f.name, f.type) for f in inside])
    return NamedColumn(column.name, fieldpath.struct_of(column.column, inside), schema)


def _of_one_plain_type(element: glue.DataType) -> bool:
    """Whether a list's elements are typed values of DynamoDB of one type, and no maps."""
    names = {field.name for field in element.fields} if isinstance(element, glue.StructType) else set[str]()
    return len(names - {"NULL"}) == 1 and names <= DYNAMODB - {"M"}
