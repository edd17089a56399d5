"""Casts between the types of a DynamicFrame: what cannot be cast becomes null, as in Glue."""

from pyspark.sql import Column
from pyspark.sql import functions as F

from . import fieldpath
from . import gluetypes as glue
from .session import on_sail
from .typedframe import NamedColumn

CONTAINERS = (glue.StructType, glue.ArrayType, glue.MapType)


def cast(column: NamedColumn, target: glue.DataType) -> NamedColumn:
    """The column with its values cast; of a choice, whichever type each value has."""
    if isinstance(column.type, glue.ChoiceType):
        parts = fieldpath.branches(column)
        fitting = [part for part in parts if _is_kind(part.type, target)]
        if fitting and _is_open(target):
            return NamedColumn(column.name, fitting[0].column, fitting[0].type)
        values = [_cast(part, target) for part in parts]
        return NamedColumn(column.name, F.coalesce(*values), target)
    if _is_open(target) and _is_kind(column.type, target):
        return column
    return NamedColumn(column.name, _cast(column, target), target)


def _is_open(target: glue.DataType) -> bool:
    """Whether the target is `struct`, `array` or `map` without saying of what."""
    match target:
        case glue.StructType(fields=[]):
            return True
        case glue.ArrayType(elementType=glue.UnknownType()):
            return True
        case glue.MapType(valueType=glue.UnknownType()):
            return True
    return False


def _is_kind(data_type: glue.DataType, target: glue.DataType) -> bool:
    return data_type.typeName() == target.typeName()


def _cast(column: NamedColumn, target: glue.DataType) -> Column:
    value, source = column.column, column.type
    if source == target:
        return value
    nested = isinstance(source, CONTAINERS)
    if nested and isinstance(target, glue.StringType):
        return F.to_json(value)
    if nested != isinstance(target, CONTAINERS) or (nested and not _is_kind(source, target)):
        return F.lit(None).cast(target.spelled())
    if isinstance(source, glue.StringType | glue.NullType) and on_sail():
        if column.sql and isinstance(target, TRIED):
            return F.expr(f"try_cast({column.sql} AS {target.spelled()})")
        value = _castable(value, target)
    return value.cast(target.spelled())


TRIED = (glue.FloatType, glue.DoubleType, glue.DecimalType, glue.BooleanType)
"""Types that `try_cast`, which SQL alone has, reads from the same texts as Spark's cast does."""
WHOLE = r"^\s*([+-]?\d{1,18})(?:\.\d*)?\s*$"
NUMBER = r"^\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?)\s*$"
CASTABLE: dict[type[glue.DataType], str] = {
    **dict.fromkeys((glue.ByteType, glue.ShortType, glue.IntegerType, glue.LongType), WHOLE),
    **dict.fromkeys((glue.FloatType, glue.DoubleType, glue.DecimalType), NUMBER),
    glue.BooleanType: r"(?i)^\s*(true|false|[tfyn01]|yes|no)\s*$",
}
"""Texts that Spark casts to each type; the first group is what is cast."""


def _castable(text: Column, target: glue.DataType) -> Column:
    """The text where it can be cast, else null: Sail's cast to some types stops the query instead."""
    pattern = CASTABLE.get(type(target))
    return text if pattern is None else F.when(text.rlike(pattern), F.regexp_extract(text, pattern, 1))


def is_whole(text: Column) -> Column:
    """Whether a text is a whole number; Spark's own cast also takes the front of `1.5`."""
    return text.rlike(r"^\s*[+-]?\d+\s*$")


def reads_as(text: Column, target: glue.DataType) -> Column:
    """Whether a text is a value of the target's type, null being one of every type."""
    castable = _cast(NamedColumn("", text, glue.StringType()), target).isNotNull()
    if isinstance(target, glue.ByteType | glue.ShortType | glue.IntegerType | glue.LongType):
        castable = castable & is_whole(text)
    return text.isNull() | castable
