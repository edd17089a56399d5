"""Queries that a database would run, over the local stand-ins of its tables."""

import re
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from .connections import TABLE_KEYS, server_table
from .reading import frame_of_stand_in

QUERY_KEYS = ("query", "sampleQuery")
"""Options that hold a query in place of a table's name."""
_PART = r'(?:\w+|"[^"]+"|`[^`]+`)'
_TABLE = re.compile(rf"\b(?:from|join)\s+({_PART}(?:\.{_PART})*)", re.IGNORECASE)
_NAMED = re.compile(rf"(?:\bwith|,)\s+({_PART})\s+as\s*\(", re.IGNORECASE)
_SUBQUERY = re.compile(r"\s*\((.*)\)\s*(?:as\s+)?\w*\s*", re.IGNORECASE | re.DOTALL)


def query_in(options: dict[str, Any]) -> str | None:
    """The query that connection options hold, as `query` or as `dbtable`: `(select …) alias`; else None."""
    for key in QUERY_KEYS:
        if options.get(key):
            return str(options[key]).strip().rstrip(";")
    named = next((str(options[key]) for key in TABLE_KEYS if options.get(key)), "")
    found = _SUBQUERY.fullmatch(named)
    return found[1].strip() if found else None


def rows_of_query(
    spark: SparkSession, connection_type: str, options: dict[str, Any], query: str
) -> DataFrame:
    """What a query gives over the stand-ins of the tables that it names, in the engine's own SQL.

    Raises:
        LookupError: A table has no stand-in.
    """
    named = {_plain(name) for name in _NAMED.findall(query)}
    tables = {name: _plain(name.rpartition(".")[2]) for name in _TABLE.findall(query)}
    others = {key: value for key, value in options.items() if key not in (*QUERY_KEYS, *TABLE_KEYS)}
    parts: list[str] = []
    for full, name in tables.items():
        if _plain(full) in named:
            continue
        table = server_table(connection_type, {**others, "dbtable": full})
        view = f"stand_in_{abs(hash(str(table))):x}"
        frame_of_stand_in(spark, table.stand_in())[0].get().df.createOrReplaceTempView(view)
        parts.append(f"`{name}` AS (SELECT * FROM {view})")
        if full != name:
            query = re.sub(rf"(?<![\w.]){re.escape(full)}(?!\w)", f"`{name}`", query)
    if connection_type != "mysql":
        # In these databases, names stand in double quotes; in Spark, texts do.
        query = re.sub(r'"(\w+)"', r"`\1`", query)
    if not parts:
        return spark.sql(query)
    own = re.match(r"\s*with\s+", query, re.IGNORECASE)
    return spark.sql(f"WITH {', '.join(parts)}{', ' if own else ' '}{query[own.end() :] if own else query}")


def _plain(name: str) -> str:
    return name.strip('"`')
