"""The tables of a SQLite file, and how a file of an older version becomes one of this version."""

import json
import sqlite3

from etl_platform.tracking.errors import SchemaVersionError
from etl_platform.tracking.tables import NUMERIC_KEYS, TABLES, Table

SCHEMA_VERSION = 1
"""Raised by one whenever the tables below change; kept in the file as `user_version`."""


def columns(table: Table) -> tuple[str, ...]:
    """Columns beside the document: every key, and what guards and lifetimes look at."""
    return tuple(dict.fromkeys((*table.key_attributes, "execution_id", "version", "expires_at")))


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a file to this version: missing tables, columns and indexes are made, nothing is dropped.

    A new column is filled from the documents, which hold every attribute.

    Raises:
        SchemaVersionError: The file is of a newer version.
    """
    if _is_current(connection):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have done it while this one waited.
        if not _is_current(connection):
            for table in TABLES:
                _bring_up(connection, table)
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _is_current(connection: sqlite3.Connection) -> bool:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise SchemaVersionError(
            f"the tracking file has schema version {version}, and this version of etl-platform writes "
            f"{SCHEMA_VERSION}. Install the version that wrote it, or name another file in `tracking.path`."
        )
    return version == SCHEMA_VERSION


def _bring_up(connection: sqlite3.Connection, table: Table) -> None:
    wanted = columns(table)
    definitions = {
        name: f'"{name}" {"NUMERIC" if name in NUMERIC_KEYS | {"version", "expires_at"} else "TEXT"}'
        for name in wanted
    }
    connection.execute(
        f'CREATE TABLE IF NOT EXISTS "{table.name}" ({", ".join(definitions.values())}, item TEXT NOT NULL)'
    )
    standing = {name for _, name, *_ in connection.execute(f'PRAGMA table_info("{table.name}")')}
    missing = [name for name in wanted if name not in standing]
    for name in missing:
        connection.execute(f'ALTER TABLE "{table.name}" ADD COLUMN {definitions[name]}')
    if missing:
        _fill(connection, table, missing)
    connection.execute(
        f'CREATE UNIQUE INDEX IF NOT EXISTS "{table.name}Key" '
        f'ON "{table.name}" ("{table.partition}", "{table.sort}")'
    )
    for index in table.indexes:
        connection.execute(
            f'CREATE INDEX IF NOT EXISTS "{index.name}" '
            f'ON "{table.name}" ("{index.partition}", "{index.sort}")'
        )
    if table.ttl_days is not None:
        connection.execute(f'CREATE INDEX IF NOT EXISTS "{table.name}Expiry" ON "{table.name}" (expires_at)')


def _fill(connection: sqlite3.Connection, table: Table, names: list[str]) -> None:
    assignments = ", ".join(f'"{name}" = ?' for name in names)
    rows = connection.execute(f'SELECT rowid, item FROM "{table.name}"').fetchall()
    values = ((*(json.loads(item).get(name) for name in names), rowid) for rowid, item in rows)
    connection.executemany(f'UPDATE "{table.name}" SET {assignments} WHERE rowid = ?', values)
