"""Predicates of partitions and rows: what a script writes as `year == '2026' and month == '01'`."""

import re

from . import gluetypes as glue
from .catalog import Table
from .session import on_sail
from .typedframe import TypedFrame

WHOLE = (glue.ByteType, glue.ShortType, glue.IntegerType, glue.LongType)


def where(frame: TypedFrame, predicate: str) -> TypedFrame:
    """The rows that a predicate of SQL holds for."""
    return frame.rows(frame.df.where(for_engine(predicate, frame.schema)))


def only_partitions(predicate: str, table: Table) -> None:
    """Refuse a predicate of partitions that names another column, as Glue does.

    Raises:
        ValueError: It does.
    """
    words = set(re.findall(r"\w+", " ".join(re.split(r"'[^']*'", predicate)).lower()))
    for name in table.columns:
        if name.lower() in words and name not in table.partition_keys:
            keys = ", ".join(table.partition_keys) or "none"
            raise ValueError(
                f"the predicate {predicate!r} names {name}, which is no partition of "
                f"{table.database}.{table.name}; its partitions: {keys}. Filter by {name} after reading."
            )


def for_engine(predicate: str, schema: glue.StructType) -> str:
    """The predicate as this engine finds with it what Spark does.

    Where the outer partitions equal numbers, Sail looks for the folder `month=1` and passes over `month=01`;
    a sum in the column's place keeps it from that.
    """
    names = [re.escape(field.name) for field in schema.fields if isinstance(field.dataType, WHOLE)]
    if not names or not on_sail():
        return predicate
    column = re.compile(rf"(?<![\w.`])(`?)({'|'.join(names)})\1(?![\w.`(])", re.IGNORECASE)
    parts = re.split(r"('[^']*')", predicate)
    return "".join(part if part.startswith("'") else column.sub(r"(`\2` + 0)", part) for part in parts)
