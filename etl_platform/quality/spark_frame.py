"""Datasets in Spark, in a session that the caller gives."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from etl_platform.quality.column_types import normal_type
from etl_platform.quality.frame import Frame, QueryError

if TYPE_CHECKING:
    # A Glue script's process measures frames, and opens no files.
    from etl_platform.quality.files import Files

_SEED = 20130101
_CSV_OPTIONS = {"delim": "sep", "quote": "quote", "escape": "escape"}


@contextmanager
def session_of(spark: Any, time_zone: str) -> Iterator[Any]:
    """A session of its own on the same Spark, with the settings that the rules' meaning needs.

    Args:
        spark: A running `SparkSession`; its own settings and views are left as they are.
        time_zone: IANA name of the job's time zone.
    """
    session = spark.newSession()
    # A failed cast or an overflow is null, as in the local engine, and breaks off no scan.
    session.conf.set("spark.sql.ansi.enabled", "false")
    session.conf.set("spark.sql.session.timeZone", time_zone)
    yield session


class SparkFrame(Frame):
    """A dataset as a temporary view of a Spark session."""

    engine = "spark"
    dialect = "spark"

    def __init__(self, session: Any, view: str, data: Any):
        """Make the view of a Spark DataFrame."""
        self.session = session
        self.data = data
        super().__init__(view, {name: normal_type(kind) for name, kind in data.dtypes})
        data.createOrReplaceTempView(view)

    def relation(self, sql: str) -> Any:
        """A Spark DataFrame of a query."""
        data = _guarded(lambda: self.session.sql(sql))
        # Behind Spark Connect a query is looked at when its columns are asked for.
        _guarded(lambda: data.columns)
        return data

    def collect(self, relation: Any) -> list[tuple[Any, ...]]:
        """Run a DataFrame and bring its rows here."""
        return [tuple(row) for row in _guarded(relation.collect)]

    def sampled(self, rows: int, total: int) -> "SparkFrame":
        """Each row with the same chance, so that about so many rows are looked at."""
        fraction = min(1.0, rows / total) if total else 1.0
        data = self.data.sample(fraction=fraction, seed=_SEED)
        return SparkFrame(self.session, f"{self.view}__sample", data)


def open_spark(session: Any, view: str, files: "Files", time_zone: str) -> SparkFrame:
    """A dataset's files as a view of a Spark session.

    The types of CSV and JSON columns are those that the local engine finds, so that both read the same.

    Raises:
        QueryError: The files cannot be read as they are said to be.
    """
    from etl_platform.quality.local_frame import connect, open_local

    reader = session.read
    if files.partitions:
        reader = reader.option("basePath", files.root)
    paths = list(files.paths) if files.filesystem is None else [f"s3a://{path}" for path in files.paths]
    if files.filesystem is not None and files.partitions:
        reader = reader.option("basePath", f"s3a://{files.root}")
    if files.format in ("csv", "json"):
        with connect(time_zone) as connection:
            columns = open_local(connection, view, files).columns
            detected = _csv_dialect(connection, files) if files.format == "csv" else {}
        schema = ", ".join(f"`{name.replace('`', '``')}` {kind}" for name, kind in columns.items())
        # A value that does not fit its type is an error, not a null.
        reader = reader.schema(schema).options(mode="FAILFAST", **detected)
        reader = reader.options(**{name: str(value) for name, value in files.options.items()})
    else:
        reader = reader.option("mergeSchema", "true")
    data = _guarded(lambda: reader.format(files.format).load(paths))
    return SparkFrame(session, view, data)


def _csv_dialect(connection: Any, files: "Files") -> dict[str, str]:
    """Header and separators of CSV files, as the local engine detects them."""
    from etl_platform.quality.remote_files import duckdb_path

    found = connection.execute(
        'SELECT Delimiter, Quote, "Escape", HasHeader FROM sniff_csv(?)',
        [duckdb_path(files.paths[0], files.filesystem)],
    ).fetchone()
    dialect = dict(zip(("sep", "quote", "escape"), found[:3], strict=True))
    return {"header": str(bool(found[3])).lower()} | {
        # `(empty)` is how DuckDB says that it met no such character.
        name: value
        for name, value in dialect.items()
        if value and value != "(empty)"
    }


def _guarded(call: Any) -> Any:
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        return call()
    except (PySparkException, Py4JError) as error:
        lines = str(error).strip().splitlines()
        # Py4J's first line is the name of its own call.
        message = lines[1].lstrip(": ") if isinstance(error, Py4JError) and len(lines) > 1 else lines[0]
        raise QueryError(type(error).__name__, message) from error
