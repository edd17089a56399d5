"""The local Data Catalog: tables of Spark's catalog, and those that jobs before have written."""

import difflib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession

from . import gluetypes as glue
from .localfiles import ROOT, local_path
from .session import on_sail
from .typedframe import TypedFrame, plain
from .typenames import parse_type

GLUE_OPTIONS = {"useCatalogSchema", "excludeStorageClasses"}
"""Options beside `useSparkDataSource` that are not those of Spark's reader."""


@dataclass(frozen=True)
class Table:
    """A table of files.

    Attributes:
        database: Its database.
        name: Its name.
        provider: Spark's name of the format.
        location: Path of its folder.
        options: Spark's reader options.
        columns: Column to type in Spark's spelling, partition columns last.
        partition_keys: The columns that are partitions.
    """

    database: str
    name: str
    provider: str
    location: str
    options: dict[str, str]
    columns: dict[str, str]
    partition_keys: list[str]

    @property
    def schema(self) -> glue.StructType:
        """Columns and types."""
        return glue.StructType([glue.Field(name, parse_type(t)) for name, t in self.columns.items()])


def quoted(database: str, table: str) -> str:
    """The table's name in SQL."""
    return f"{plain(database)}.{plain(table)}"


def exists(spark: SparkSession, database: str, table: str) -> bool:
    """Whether the catalog has a table."""
    return _found(spark, database, table) is not None


def _found(spark: SparkSession, database: str, table: str) -> TypedFrame | None:
    try:
        # Asking for the table itself also brings in those that are registered when first named; its schema
        # makes the engine look for it.
        return TypedFrame.of(spark.table(quoted(database, table)))
    except AnalysisException:
        if spark.catalog.databaseExists(database) and spark.catalog.tableExists(f"{database}.{table}"):
            raise
        return None


def table_rows(spark: SparkSession, database: str, table: str) -> TypedFrame:
    """The rows of a table, and its columns and types.

    Raises:
        LookupError: There is no such table, with the key that declares one.
    """
    found = _found(spark, database, table)
    if found is None:
        known = spark.catalog.databaseExists(database)
        there = spark.sql(f"SHOW TABLES IN {plain(database)}").collect() if known else []
        near = difflib.get_close_matches(table, [row["tableName"] for row in there], n=1)
        raise LookupError(
            f"no table {database}.{table} in the local catalog{f' (there is {near[0]})' if near else ''}; "
            "declare it in the job's `data_sources` "
            f'("source_type": "glue_catalog", "database": "{database}", '
            f'"table": "{table}"); its files are in '
            f"<global_settings.local.root>/glue/{database}/{table}/."
        )
    return found


def describe(spark: SparkSession, database: str, table: str, rows: DataFrame | None = None) -> Table:
    """What the catalog says of a table.

    Args:
        spark: The session.
        database: The table's database.
        table: Its name.
        rows: Its rows, where the caller has them already.
    """
    known = rows if rows is not None else table_rows(spark, database, table).df
    fields = known.schema.fields
    names_of_columns = [field.name for field in fields]
    said = spark.sql(f"DESCRIBE TABLE EXTENDED {quoted(database, table)}").collect()
    names = [row["col_name"] for row in said]
    facts = {row["col_name"]: row["data_type"] for row in said[len(fields) :]}
    keys: list[str] = []
    if "# Partition Information" in names:
        at = names.index("# Partition Information") + 2
        keys = [name for name in names[at : at + len(fields)] if name in names_of_columns]
    columns = {field.name: field.dataType.simpleString() for field in fields}
    provider = facts.get("Provider", "")
    return Table(database, table, provider.lower(), facts.get("Location", ""), _options(facts), columns, keys)


def provider_of(spark: Any, database: str, table: str) -> str:
    """Spark's name of a table's format; on classic Spark without the query that `describe` is."""
    if on_sail():
        return describe(spark, database, table).provider
    state = spark._jsparkSession.sessionState()
    name = state.sqlParser().parseTableIdentifier(quoted(database, table))
    provider = state.catalog().getTempViewOrPermanentTableMetadata(name).provider()
    return str(provider.get()).lower() if provider.isDefined() else ""


def _options(facts: dict[str, Any]) -> dict[str, str]:
    """Reader options, which Spark shows as storage properties and Sail as table properties."""
    shown = [facts.get("Storage Properties"), facts.get("Table Properties")]
    pairs = [pair.partition("=") for text in shown if text for pair in text.strip("[]").split(", ")]
    return {name.removeprefix("option."): value for name, _, value in pairs if name}


def spark_rows(spark: SparkSession, database: str, table: str, options: dict[str, Any]) -> DataFrame:
    """The rows of a table as Spark's own reader gives them.

    Args:
        spark: The session.
        database: The table's database.
        table: Its name.
        options: Options of Spark's reader; with `useCatalogSchema` the table's types, else those of the data.

    Raises:
        LookupError: There is no such table.
    """
    rows = table_rows(spark, database, table).df
    own = {n: v for n, v in options.items() if n not in GLUE_OPTIONS}
    if not own:
        return rows
    known = describe(spark, database, table, rows)
    reader = spark.read.format(known.provider).options(**{**known.options, **own})
    if str(options.get("useCatalogSchema")).lower() == "true":
        reader = reader.schema(rows.schema)
    return reader.load(known.location)


def declared_schema(spark: SparkSession, database: str, table: str) -> glue.StructType:
    """Columns and types of a table."""
    return table_rows(spark, database, table).schema


def create(spark: SparkSession, table: Table) -> None:
    """Make the table in Spark's catalog, over the files that are there, in place of an older one."""
    spark.sql(f"CREATE DATABASE IF NOT EXISTS {plain(table.database)}")
    spark.sql(f"DROP TABLE IF EXISTS {quoted(table.database, table.name)}")
    columns = ", ".join(f"{plain(name)} {kind}" for name, kind in table.columns.items())
    options = ", ".join(f"'{name}' '{value}'" for name, value in table.options.items())
    partitions = ", ".join(plain(key) for key in table.partition_keys)
    location = table.location.replace("'", "\\'")
    spark.sql(
        f"CREATE TABLE {quoted(table.database, table.name)} ({columns}) USING {table.provider}"
        + (f" OPTIONS ({options})" if options else "")
        + (f" PARTITIONED BY ({partitions})" if partitions else "")
        + f" LOCATION '{location}'"
    )
    recover(spark, table)


def recover(spark: SparkSession, table: Table) -> None:
    """Let the catalog see partitions that were written since."""
    if on_sail():
        # Sail looks at the files each time.
        return
    if table.partition_keys:
        spark.sql(f"ALTER TABLE {quoted(table.database, table.name)} RECOVER PARTITIONS")
    spark.catalog.refreshTable(f"{table.database}.{table.name}")


def update(spark: SparkSession, table: Table, behavior: str) -> None:
    """Bring the catalog up to what was written.

    Args:
        spark: The session.
        table: What was written.
        behavior: `UPDATE_IN_DATABASE` adds columns that the table lacks; `LOG` leaves its columns.

    Raises:
        ValueError: Another behavior.
    """
    if behavior not in ("UPDATE_IN_DATABASE", "LOG"):
        raise ValueError(f'updateBehavior "{behavior}": expected UPDATE_IN_DATABASE or LOG.')
    if not exists(spark, table.database, table.name):
        create(spark, table)
        _record(table)
        return
    known = describe(spark, table.database, table.name)
    added = {name: kind for name, kind in table.columns.items() if name not in known.columns}
    if added and behavior == "UPDATE_IN_DATABASE":
        plain_columns = {n: k for n, k in known.columns.items() if n not in known.partition_keys} | added
        partitions = {n: known.columns[n] for n in known.partition_keys}
        wider = Table(**{**asdict(known), "columns": plain_columns | partitions})
        create(spark, wider)
        _record(wider)
        return
    recover(spark, known)


def _folder() -> Path | None:
    root = os.environ.get(ROOT)
    return Path(root) / "glue_catalog" if root else None


def _record(table: Table) -> None:
    """Keep a table for the jobs after this one; without a local root it lives as long as the process."""
    folder = _folder()
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f".{os.getpid()}.tmp"
        draft.write_text(json.dumps(asdict(table), indent=1))
        draft.replace(folder / f"{table.database}.{table.name}.json")


def restore(spark: SparkSession) -> None:
    """Make the tables that jobs before have written, where the catalog lacks them and has their files."""
    folder = _folder()
    for file in sorted(folder.glob("*.json")) if folder is not None else []:
        table = Table(**json.loads(file.read_text()))
        if local_path(table.location).exists() and not exists(spark, table.database, table.name):
            create(spark, table)
