"""Datasets in DuckDB, on this machine, in bounded memory."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from etl_platform.quality.column_types import spark_type
from etl_platform.quality.files import Files
from etl_platform.quality.frame import Frame, QueryError
from etl_platform.quality.remote_files import duckdb_path, register

MEMORY_VARIABLE = "ETL_PLATFORM_QUALITY_MEMORY_GB"
"""Environment variable that bounds DuckDB's memory; absent: half of what is free when the check starts."""

_CSV_NAMES = {
    "sep": "delim",
    "delimiter": "delim",
    "quote": "quote",
    "escape": "escape",
    "nullValue": "nullstr",
}
"""Spark's names of CSV options to DuckDB's."""

_SEED = 20130101


@contextmanager
def connect(time_zone: str) -> Iterator[Any]:
    """A DuckDB of its own, closed at the end; it loads no extension from the network.

    Args:
        time_zone: IANA name: which day `current_date` is, and what a time without a zone means.
    """
    import duckdb
    import psutil

    set_gb = os.environ.get(MEMORY_VARIABLE)
    memory_gb = float(set_gb) if set_gb else psutil.virtual_memory().available / 2**30 / 2
    connection = duckdb.connect(
        config={
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "memory_limit": f"{max(memory_gb, 0.1):.3f}GiB",
        }
    )
    try:
        # The statistics of Parquet files leave NaN out, so that `x <= 10` would be taken as true of it.
        connection.execute("SET disabled_optimizers = 'statistics_propagation'")
        connection.execute(f"SET TimeZone = {literal(time_zone)}")
        yield connection
    finally:
        connection.close()


class LocalFrame(Frame):
    """A dataset as a view of a DuckDB connection."""

    engine = "local"
    dialect = "duckdb"

    def __init__(self, connection: Any, view: str, source: str):
        """Make the view.

        Args:
            connection: An open DuckDB.
            view: Name of the view.
            source: SQL that the view selects from.

        Raises:
            QueryError: The files cannot be read as they are said to be.
        """
        self.connection = connection
        super().__init__(view, {})
        self.run(f"CREATE OR REPLACE TEMP VIEW {self.name} AS SELECT * FROM {source}")
        described = self.run(f"DESCRIBE {self.name}")
        self.columns = {row[0]: spark_type(row[1]) for row in described}

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a statement, and take the rows that it gives.

        Raises:
            QueryError: DuckDB refuses it, or breaks off.
        """
        import duckdb

        try:
            return self.connection.execute(sql).fetchall()
        except duckdb.Error as error:
            raise QueryError(type(error).__name__, str(error)) from error

    def relation(self, sql: str) -> Any:
        """A DuckDB relation of a query."""
        import duckdb

        try:
            return self.connection.sql(sql)
        except duckdb.Error as error:
            raise QueryError(type(error).__name__, str(error)) from error

    def collect(self, relation: Any) -> list[tuple[Any, ...]]:
        """Run a relation."""
        import duckdb

        try:
            return relation.fetchall()
        except duckdb.Error as error:
            raise QueryError(type(error).__name__, str(error)) from error

    def sampled(self, rows: int, total: int) -> "LocalFrame":
        """A reservoir sample of exactly so many rows, or all where there are fewer."""
        source = f"{self.name} USING SAMPLE reservoir({rows} ROWS) REPEATABLE ({_SEED})"
        return LocalFrame(self.connection, f"{self.view}__sample", source)


FILE_COLUMN = "__file"
ROW_COLUMN = "file_row_number"
"""Columns that hold a row's file and its number there, from 0, where they are asked for."""


def open_local(connection: Any, view: str, files: Files, *, numbered: bool = False) -> LocalFrame:
    """A dataset's files as a view of a DuckDB connection.

    Args:
        connection: An open DuckDB.
        view: Name of the view.
        files: The files.
        numbered: Further columns FILE_COLUMN and ROW_COLUMN; for Parquet only.

    Raises:
        QueryError: The files cannot be read as they are said to be.
    """
    if files.format == "orc":
        return _open_arrow(connection, view, files)
    if files.filesystem is not None:
        register(connection, files.filesystem)
    listed = literal([duckdb_path(path, files.filesystem) for path in files.paths])
    hive = "hive_partitioning = false"
    if files.partitions:
        types = ", ".join(f"{literal(key)}: {_DUCKDB_TYPES[kind]}" for key, kind in files.partitions.items())
        hive = f"hive_partitioning = true, hive_types = {{{types}}}"
    match files.format:
        case "parquet":
            further = f", filename = '{FILE_COLUMN}', {ROW_COLUMN} = true" if numbered else ""
            source = f"read_parquet({listed}, union_by_name = true, {hive}{further})"
            source = _with_instants(connection, source, listed)
        case "csv":
            options = "".join(
                f", {name} = {literal(value)}" for name, value in csv_options(files.options).items()
            )
            # A sample of all rows: a type guessed from the first ones would break off the scan later.
            # An empty text is null, in quotes or not, as Spark reads it.
            source = (
                f"read_csv({listed}, union_by_name = true, sample_size = -1, allow_quoted_nulls = true, "
                f"{hive}{options})"
            )
        case _:
            source = f"read_json({listed}, union_by_name = true, sample_size = -1, {hive})"
    return LocalFrame(connection, view, source)


_DUCKDB_TYPES = {
    "int": "INTEGER",
    "bigint": "BIGINT",
    "double": "DOUBLE",
    "date": "DATE",
    "string": "VARCHAR",
}


def csv_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Spark's CSV options in DuckDB's names; what a source does not say is detected from its files."""
    chosen = {_CSV_NAMES[name]: value for name, value in options.items() if name in _CSV_NAMES}
    if "header" in options:
        chosen["header"] = str(options["header"]).lower() == "true"
    return chosen


def _with_instants(connection: Any, source: str, listed: str) -> str:
    """Read INT96 columns, which Spark writes for timestamps, as the instants that they are."""
    import duckdb

    try:
        rows = connection.execute(
            f"SELECT DISTINCT name FROM parquet_schema({listed}) WHERE type = 'INT96'"
        ).fetchall()
    except duckdb.Error as error:
        raise QueryError(type(error).__name__, str(error)) from error
    if not rows:
        return source
    quoted = ['"' + row[0].replace('"', '""') + '"' for row in rows]
    replaced = ", ".join(f"timezone('UTC', {name}) AS {name}" for name in quoted)
    return f"(SELECT * REPLACE ({replaced}) FROM {source})"


def _open_arrow(connection: Any, view: str, files: Files) -> LocalFrame:
    """ORC, which DuckDB does not read: by pyarrow, batch by batch."""
    import pyarrow as pa
    from pyarrow import dataset

    types = {"int": pa.int32(), "bigint": pa.int64(), "double": pa.float64(), "date": pa.date32()}
    hive = dataset.partitioning(
        pa.schema([(key, types.get(kind, pa.string())) for key, kind in files.partitions.items()]),
        flavor="hive",
    )
    try:
        data = dataset.dataset(
            list(files.paths),
            format=files.format,
            partitioning=hive,
            partition_base_dir=files.root,
            filesystem=files.filesystem,
        )
        # A dataset has the columns of its first file only, until it is told those of all.
        schemas = [data.schema, *(fragment.physical_schema for fragment in data.get_fragments())]
        data = data.replace_schema(pa.unify_schemas(schemas, promote_options="permissive"))
    except (pa.ArrowInvalid, OSError) as error:
        raise QueryError(type(error).__name__, str(error)) from error
    registered = f"{view}__files"
    connection.register(registered, data)
    return LocalFrame(connection, view, f'"{registered}"')


def literal(value: str | bool | int | float | Sequence[str]) -> str:
    """A Python value as a DuckDB literal."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return "[" + ", ".join(map(literal, value)) + "]"
