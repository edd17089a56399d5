"""Arrays pivoted out to tables of their own."""

import uuid

from pyspark.sql import functions as F

from . import gluetypes as glue
from .nesting import unnest
from .typedframe import NamedColumn, TypedFrame, plain


def relationalize(frame: TypedFrame, root: str) -> dict[str, TypedFrame]:
    """A flat root table, and one table for each array.

    In the root, an array's column holds a key (long); the array's table, named `<root>_<path of the array>`,
    has the columns `id` (that key), `index` (position from 0) and the elements: `<path>.val`, or
    `<path>.val.<field>` for each field of an element that is a struct. Arrays in elements get tables too.
    """
    return _pivoted(unnest(frame), root, root)


def _pivoted(flat: TypedFrame, name: str, root: str) -> dict[str, TypedFrame]:
    arrays = [field.name for field in flat.schema.fields if isinstance(field.dataType, glue.ArrayType)]
    if not arrays:
        return {name: flat}
    # The key must be the same in every table made from it, whichever job computes it first. Spark's cache
    # knows a frame by its plan, and files at one path may have changed: the literal makes this plan its own.
    keyed = flat.df.withColumn(KEY, F.monotonically_increasing_id() + 1)
    keyed = keyed.withColumn(OWN, F.lit(uuid.uuid4().hex)).persist()
    held = flat.rows(keyed)
    columns = [_key_of(column) if column.name in arrays else column for column in held.columns()]
    tables = {name: held.select(columns)}
    for path in arrays:
        tables |= _pivoted(_elements(held, path), f"{root}_{path}", root)
    return tables


KEY, OWN = "__relationalize_key", "__relationalize_own"


def _key_of(column: NamedColumn) -> NamedColumn:
    return NamedColumn(column.name, F.when(column.column.isNotNull(), F.col(KEY)), glue.LongType())


def _elements(held: TypedFrame, path: str) -> TypedFrame:
    array = held.schema.field_map[path].dataType
    if not isinstance(array, glue.ArrayType):
        raise TypeError(f"{path} is {array.typeName()}, not an array.")
    value = f"{path}.val"
    df = held.df.select(F.col(KEY).alias("id"), F.posexplode(F.col(plain(path))).alias("index", value))
    fields = {"id": glue.LongType(), "index": glue.IntegerType(), value: array.elementType}
    return unnest(TypedFrame(df, glue.StructType([glue.Field(n, t) for n, t in fields.items()])))
