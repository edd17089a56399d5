"""Datasets in DuckDB, on this machine, in bounded memory."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from etl_platform.quality.column_types import spark_type
from etl_platform.quality.expressions import quote
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
        numbered: Further columns FILE_COLUMN and ROW_COLUMN. Parquet has its rows numbered; of other formats
            a table of the rows is made, which DuckDB keeps on disk where its memory is too small.

    Raises:
        QueryError: The files cannot be read as they are said to be.
    """
    if files.filesystem is not None:
        register(connection, files.filesystem)
    if files.format == "orc":
        return _number_orc(connection, view, files) if numbered else _open_arrow(connection, view, files)
    listed = literal([duckdb_path(path, files.filesystem) for path in files.paths])
    hive = "hive_partitioning = false"
    if files.partitions:
        types = ", ".join(f"{literal(key)}: {_DUCKDB_TYPES[kind]}" for key, kind in files.partitions.items())
        hive = f"hive_partitioning = true, hive_types = {{{types}}}"
    named = f", filename = '{FILE_COLUMN}'" if numbered else ""
    match files.format:
        case "parquet":
            further = f"{named}, {ROW_COLUMN} = true" if numbered else ""
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
                f"{hive}{options}{named})"
            )
        case _:
            source = f"read_json({listed}, union_by_name = true, sample_size = -1, {hive}{named})"
    if numbered and files.format != "parquet":
        source = _number_rows(connection, view, source)
    return LocalFrame(connection, view, source)


def _number_rows(connection: Any, view: str, source: str) -> str:
    """A table of text files' rows with their numbers; DuckDB keeps the order of the files and of their rows.

    https://duckdb.org/docs/stable/sql/dialect/order_preservation says what keeps it: so does `OVER ()`.
    """
    table = quote(f"{view}__rows", "duckdb")
    sql = (
        f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT * EXCLUDE (__n), "
        f"__n - min(__n) OVER (PARTITION BY {FILE_COLUMN}) AS {ROW_COLUMN} "
        f"FROM (SELECT *, row_number() OVER () AS __n FROM {source})"
    )
    _run(connection, sql)
    return table


def _number_orc(connection: Any, view: str, files: Files) -> LocalFrame:
    """A table of ORC files' rows with their numbers, filled batch by batch."""
    import pyarrow as pa

    data = _arrow_dataset(files)
    numbers = pa.schema([(FILE_COLUMN, pa.string()), (ROW_COLUMN, pa.int64())])
    schema = pa.schema([*data.schema, *numbers])

    def batches() -> Iterator[pa.RecordBatch]:
        for fragment in data.get_fragments():
            first, name = 0, duckdb_path(fragment.path, files.filesystem)
            for batch in fragment.to_batches(schema=data.schema, use_threads=False):
                rows = pa.array(range(first, first + batch.num_rows), pa.int64())
                path = pa.array([name] * batch.num_rows, pa.string())
                yield pa.RecordBatch.from_arrays([*batch.columns, path, rows], schema=schema)
                first += batch.num_rows

    table = quote(f"{view}__rows", "duckdb")
    connection.register(f"{view}__batches", pa.RecordBatchReader.from_batches(schema, batches()))
    _run(connection, f'CREATE OR REPLACE TEMP TABLE {table} AS SELECT * FROM "{view}__batches"')
    return LocalFrame(connection, view, table)


def _run(connection: Any, sql: str) -> None:
    import duckdb

    try:
        connection.execute(sql)
    except duckdb.Error as error:
        raise QueryError(type(error).__name__, str(error)) from error


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
    registered = f"{view}__files"
    connection.register(registered, _arrow_dataset(files))
    return LocalFrame(connection, view, f'"{registered}"')


def _arrow_dataset(files: Files) -> Any:
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
        return data.replace_schema(pa.unify_schemas(schemas, promote_options="permissive"))
    except (pa.ArrowInvalid, OSError) as error:
        raise QueryError(type(error).__name__, str(error)) from error


def literal(value: str | bool | int | float | Sequence[str]) -> str:
    """A Python value as a DuckDB literal."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return "[" + ", ".join(map(literal, value)) + "]"
