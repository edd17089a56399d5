"""`postgres`, `mysql`: a table, by the statistics of its engine, through SQLAlchemy."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote, quote_plus

from etl_platform.catalog.context import Context
from etl_platform.catalog.stats import CannotMeasureError, TableStats, gigabytes
from etl_platform.config.models.data_sources import Source, SqlSource
from etl_platform.config.project import Config
from etl_platform.config.secrets import UnknownSecretError, resolve_secrets

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

Engine = Literal["postgresql", "mysql"]

# Module of each driver to the package that brings it, and to its names of the time-outs; the first that
# is installed is taken.
DRIVERS: dict[Engine, dict[str, tuple[str, dict[str, Any]]]] = {
    "postgresql": {
        "psycopg": ("psycopg[binary]", {"connect_timeout": 5}),
        "psycopg2": ("psycopg2-binary", {"connect_timeout": 5}),
        "pg8000": ("pg8000", {"timeout": 20}),
    },
    "mysql": {
        "pymysql": ("pymysql", {"connect_timeout": 5, "read_timeout": 20}),
        "MySQLdb": ("mysqlclient", {"connect_timeout": 5, "read_timeout": 20}),
        "mysql.connector": ("mysql-connector-python", {"connection_timeout": 5}),
    },
}
DRIVER_NAMES = {"MySQLdb": "mysqldb", "mysql.connector": "mysqlconnector"}

# A partitioned table has no pages of its own, so its leaves are summed; `reltuples` is -1 before ANALYZE.
POSTGRES = """
SELECT c.relkind::text AS kind,
       (SELECT sum(pg_total_relation_size(leaf.relid)) FROM pg_partition_tree(c.oid) AS leaf)
           AS partition_bytes,
       pg_total_relation_size(c.oid) AS size_bytes,
       c.reltuples::bigint AS row_count,
       (SELECT count(*) FROM pg_partition_tree(c.oid) AS leaf WHERE leaf.isleaf AND leaf.level > 0)
           AS partition_count,
       (SELECT string_agg(a.attname, ',' ORDER BY key.position)
          FROM pg_partitioned_table AS p
          CROSS JOIN unnest(p.partattrs) WITH ORDINALITY AS key(number, position)
          JOIN pg_attribute AS a ON a.attrelid = p.partrelid AND a.attnum = key.number
         WHERE p.partrelid = c.oid) AS partition_keys,
       NULL AS updated
FROM pg_class AS c WHERE c.oid = to_regclass(:qualified)
"""

MYSQL = """
SELECT t.table_type AS kind, t.data_length + t.index_length AS size_bytes, t.table_rows AS row_count,
       UNIX_TIMESTAMP(t.update_time) AS updated,
       (SELECT count(p.partition_name) FROM information_schema.partitions AS p
         WHERE p.table_schema = t.table_schema AND p.table_name = t.table_name) AS partition_count,
       (SELECT max(p.partition_expression) FROM information_schema.partitions AS p
         WHERE p.table_schema = t.table_schema AND p.table_name = t.table_name) AS partition_keys
FROM information_schema.tables AS t
WHERE t.table_schema = coalesce(:schema, database()) AND t.table_name = :table
"""


@dataclass(frozen=True)
class TableName:
    """A table of a database; names are used as they are, with every character they have."""

    schema: str | None
    table: str


@dataclass(frozen=True)
class Address:
    """A table of a server, and how to log in there.

    Attributes:
        engine: The kind of server.
        url: Where it stands; it holds the password, which it does not show.
        name: The table.
    """

    engine: Engine
    url: "URL"
    name: TableName


class NoDriverError(CannotMeasureError):
    """No driver of an engine is installed; the message names one."""


def measure_sql(source: SqlSource, dataset: str, context: Context) -> TableStats:
    """Figures of a table behind a URL.

    Raises:
        CannotMeasureError: No driver, no connection, no such table; the message holds no secret.
    """
    return measure_table(source, sql_address(source, dataset, context.config), dataset, context)


def sql_address(source: SqlSource, dataset: str, config: Config) -> Address:
    """Where a table behind a URL stands.

    Raises:
        CannotMeasureError: The URL is none, or of another engine; the message holds no secret.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        text = resolve_secrets(source.url, config).removeprefix("jdbc:")
    except UnknownSecretError as error:
        raise CannotMeasureError(str(error)) from None
    engine: Engine = "postgresql" if source.source_type == "postgres" else "mysql"
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # The error of the parser may quote the URL, which holds the password.
        raise CannotMeasureError(
            f"{dataset}: `url` is not of the form {engine}://user:password@host:port/database."
        ) from None
    if url.get_backend_name() not in (engine, "postgres", "mariadb"):
        raise CannotMeasureError(
            f"{dataset} is of type {source.source_type} but its `url` is of "
            f"{url.get_backend_name()}; change one of them."
        )
    return Address(engine, url, TableName(source.schema_name, source.table))


def measure_table(source: Source, address: Address, dataset: str, context: Context) -> TableStats:
    """Figures of a table of a reachable database.

    Raises:
        CannotMeasureError: No driver, no connection, no such table; the message holds no password.
    """
    from sqlalchemy.exc import SQLAlchemyError

    engine, name = address.engine, address.name
    try:
        with connected(address, dataset) as connection:
            row = ask(connection, engine, name)
            columns = columns_of(connection, name) if row and source.auto_detect_schema else {}
    except NoDriverError as error:
        raise CannotMeasureError(f"{error} Or set `size_gb`.") from None
    except SQLAlchemyError as error:
        raise CannotMeasureError(f"{dataset}: {reason(error, address.url)}") from None
    if row is None:
        raise CannotMeasureError(unknown_table(dataset), missing=True)
    return stats_of_row(row, columns, engine, dataset, context.now)


def unknown_table(dataset: str) -> str:
    """What to say of a table that the database does not show."""
    return (
        f"{dataset}: the database knows no such table, or its user may not see it; check `schema` and "
        "`table`, and grant SELECT on it."
    )


@contextmanager
def connected(address: Address, dataset: str, *, wait_seconds: int | None = None) -> Iterator["Connection"]:
    """A connection of its own, closed at the end.

    Args:
        address: Where the table stands.
        dataset: What it is called in messages.
        wait_seconds: How long to wait for an answer; None: as long as statistics take.

    Raises:
        NoDriverError: No driver of the engine is installed.
        CannotMeasureError: No connection; the message holds no password.
    """
    from sqlalchemy import create_engine
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.pool import NullPool

    module, timeouts = _driver(address.engine, address.url)
    if wait_seconds is not None:
        timeouts = timeouts | {key: wait_seconds for key in ("timeout", "read_timeout") if key in timeouts}
    url = address.url.set(drivername=f"{address.engine}+{DRIVER_NAMES.get(module, module)}")
    try:
        connection = create_engine(url, connect_args=timeouts, poolclass=NullPool).connect()
    except SQLAlchemyError as error:
        raise CannotMeasureError(f"{dataset}: {reason(error, url)}") from None
    with connection:
        yield connection


def _driver(engine: Engine, url: "URL") -> tuple[str, dict[str, Any]]:
    """Module of the driver and its time-outs; the one that the URL names, else an installed one."""
    named = url.drivername.partition("+")[2]
    modules = {DRIVER_NAMES.get(module, module): module for module in DRIVERS[engine]}
    if named and named not in modules:
        raise CannotMeasureError(f"driver {named} is not supported; use one of {', '.join(modules)}.")
    candidates = [modules[named]] if named else list(DRIVERS[engine])
    for module in candidates:
        if find_spec(module.partition(".")[0]):
            return module, DRIVERS[engine][module][1]
    package = DRIVERS[engine][candidates[0]][0]
    raise NoDriverError(f"no driver for {engine} is installed: `pip install '{package}'`.")


def ask(connection: "Connection", engine: Engine, name: TableName) -> Mapping[str, Any] | None:
    """The engine's statistics of a table; None where it knows no such table."""
    from sqlalchemy import text

    if engine == "postgresql":
        preparer = connection.dialect.identifier_preparer
        parts = [preparer.quote_identifier(part) for part in (name.schema, name.table) if part]
        connection.execute(text("SET LOCAL statement_timeout = 20000"))
        result = connection.execute(text(POSTGRES), {"qualified": ".".join(parts)})
    else:
        result = connection.execute(text(MYSQL), {"schema": name.schema, "table": name.table})
    row = result.mappings().one_or_none()
    return None if row is None else {str(key): value for key, value in row.items()}


def columns_of(connection: "Connection", name: TableName) -> dict[str, str]:
    """Column to the engine's type."""
    from sqlalchemy import inspect

    found = inspect(connection).get_columns(name.table, schema=name.schema)
    return {column["name"]: str(column["type"]) for column in found}


def stats_of_row(
    row: Mapping[str, Any], columns: dict[str, str], engine: Engine, dataset: str, now: float
) -> TableStats:
    """Figures of a row of POSTGRES or MYSQL."""
    kind = str(row["kind"])
    if kind in ("v", "VIEW", "SYSTEM VIEW"):
        size = rows = None
        warnings = (f"{dataset} is a view, which has no size of its own; set `size_gb`.",)
    else:
        size = row["size_bytes"]
        if row.get("partition_bytes") is not None:
            size = row["partition_bytes"]
        rows = row["row_count"]
        warnings = ()
    if rows is not None and int(rows) < 0:
        rows = None
        warnings = (f"{dataset}: row count unknown until the database has run ANALYZE on it.",)
    keys = str(row["partition_keys"] or "").replace("`", "")
    return TableStats(
        dataset=dataset,
        exists=True,
        size_gb=gigabytes(None if size is None else float(size)),
        row_count=None if rows is None else int(rows),
        rows_estimated=rows is not None,
        partition_count=int(row["partition_count"] or 0) or None,
        partition_keys=tuple(key.strip() for key in keys.split(",") if key.strip()),
        columns=columns,
        format=engine,
        last_updated=None if row["updated"] is None else float(row["updated"]),
        detected_by="pg_total_relation_size and reltuples (with indexes)"
        if engine == "postgresql"
        else "information_schema.tables (data_length + index_length)",
        measured_at=now,
        warnings=warnings,
    )


def reason(error: Exception, url: "URL") -> str:
    """The driver's first line without the password, in whatever form it stands there."""
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    text = f"{type(error).__name__}: {lines[0] if lines else 'no reason given'}"
    password = str(url.password or "")
    for form in (password, quote(password, safe=""), quote_plus(password)):
        if form:
            text = text.replace(form, "***")
    return text
