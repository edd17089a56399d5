"""Functions over records: run in Spark's workers, their failures kept as error records."""

import json
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from . import gluetypes as glue
from .shapes import decode, encode, schema_of, shape
from .sparktypes import schema_of as schema_of_rows
from .typedframe import TypedFrame, plain
from .unreadable import Unreadable

Records = Callable[[Any], Iterable[Any]]
"""Makes records (dicts), or what is `Unreadable`, of one input: a dict of a row's fields, or a text."""

FAILURE = "array<struct<msg:string,stackTrace:string,input:string>>"
ERROR = (
    "struct<callsite:struct<site:string,info:string>,msg:string,stackTrace:string,input:string,"
    "bytesread:bigint,source:string,dynamicRecord:string>"
)
"""An error record, with the fields that Glue shows; `dynamicRecord` is the record as JSON."""
Failure = tuple[str, str, str]


def failure(error: Exception, given: Any) -> Failure:
    """What an error record keeps of an exception."""
    shown = given if isinstance(given, str) else json.dumps(given, default=str)
    return f"{type(error).__name__}: {error}", "".join(traceback.format_exception(error)), shown


@dataclass(frozen=True)
class Input:
    """What a function over records reads.

    Attributes:
        df: The rows.
        schema: Their schema; None where the rows have the one column `value`, a text.
    """

    df: DataFrame
    schema: glue.StructType | None

    def value(self) -> Column:
        """The argument of the worker's function: the row as a struct, or the text."""
        if self.schema is None:
            return F.col("value")
        return F.struct(*[F.col(plain(field.name)) for field in self.schema.fields])

    def read(self) -> Callable[[Any], Any]:
        """Turns the worker's argument into what the function takes."""
        schema = self.schema
        return (lambda value: value) if schema is None else (lambda value: decode(value, schema))


def attempted(make: Records, read: Callable[[Any], Any]) -> Callable[[Any], tuple[list[Any], list[Failure]]]:
    """The function with its failures caught: each becomes an error record, as in Glue."""

    def attempt(value: Any) -> tuple[list[Any], list[Failure]]:
        made: list[Any] = []
        failures: list[Failure] = []
        try:
            for record in make(read(value)):
                if isinstance(record, Unreadable):
                    failures.append(failure(record.error, record.text))
                elif isinstance(record, dict):
                    made.append(record)
                else:
                    kind = type(record).__name__
                    raise TypeError(f"the function returned a {kind}; expected a record (dict).")
        except Exception as error:  # noqa: BLE001 - a function of the script's may raise anything
            return [], [failure(error, read(value))]
        return made, failures

    return attempt


def infer(source: Input, make: Records, hint: glue.StructType | None) -> tuple[glue.StructType, bool]:
    """The schema of the records that a function makes, and whether any input failed: one pass.

    Args:
        source: What the function reads.
        make: The function.
        hint: The schema before, which decides between sizes of numbers.
    """
    attempt = attempted(make, source.read())

    def shapes(value: Any) -> list[tuple[str, str]]:
        made, failed = attempt(value)
        found = list(dict.fromkeys(pair for record in made for pair in shape(record, hint)))
        return [("!", ""), *found] if failed else found

    worker = F.udf(shapes, "array<struct<path:string,type:string>>", useArrow=False)
    found = (
        source.df.select(F.monotonically_increasing_id().alias("row"), worker(source.value()).alias("found"))
        .select("row", F.posexplode("found").alias("place", "pair"))
        .groupBy(F.col("pair.path").alias("path"), F.col("pair.type").alias("type"))
        .agg(F.min(F.struct("row", "place")).alias("first"))
        .collect()
    )
    found.sort(key=lambda row: tuple(row["first"]))
    pairs = [(row["path"], row["type"]) for row in found]
    return schema_of(pair for pair in pairs if pair[0] != "!"), ("!", "") in pairs


def made_by(source: Input, make: Records, schema: glue.StructType) -> TypedFrame:
    """The records that a function makes, one row each."""
    attempt = attempted(make, source.read())

    def rows(value: Any) -> list[Any]:
        return [encode(record, schema) for record in attempt(value)[0]]

    # A text's other columns are the partitions of its path.
    beside = [
        f for f in schema_of_rows(source.df.schema).fields if source.schema is None and f.name != "value"
    ]
    worker = F.udf(rows, f"array<{schema.spelled()}>", useArrow=False)
    made = source.df.select(
        F.explode(worker(source.value())).alias("record"), *[F.col(plain(f.name)) for f in beside]
    )
    fields = [F.col("record").getField(f.name).alias(f.name) for f in schema.fields]
    both = glue.StructType([*schema.fields, *(f for f in beside if not schema.hasField(f))])
    return TypedFrame(made.select(*fields, *[plain(f.name) for f in both.fields[len(fields) :]]), both)


def kept_by(frame: TypedFrame, predicate: Callable[[Any], Any]) -> TypedFrame:
    """The rows that a function says True of."""
    source = Input(frame.df, frame.schema)
    attempt = attempted(lambda record: [{}] if predicate(record) else [], source.read())
    worker = F.udf(lambda value: bool(attempt(value)[0]), "boolean", useArrow=False)
    return frame.rows(frame.df.where(worker(source.value())))


def errors_of(source: Input, make: Records, site: str, info: str) -> DataFrame:
    """The inputs that a function failed on, as error records: one column `error`."""
    attempt = attempted(make, source.read())
    worker = F.udf(lambda value: attempt(value)[1], FAILURE, useArrow=False)
    failed = source.df.select(F.explode(worker(source.value())).alias("f"))
    text = source.schema is None
    error = F.struct(
        F.struct(F.lit(site).alias("site"), F.lit(info).alias("info")).alias("callsite"),
        F.col("f.msg").alias("msg"),
        F.col("f.stackTrace").alias("stackTrace"),
        (F.col("f.input") if text else F.lit(None).cast("string")).alias("input"),
        F.lit(None).cast("bigint").alias("bytesread"),
        F.lit(site).alias("source"),
        (F.lit(None).cast("string") if text else F.col("f.input")).alias("dynamicRecord"),
    )
    return failed.select(error.cast(ERROR).alias("error"))
