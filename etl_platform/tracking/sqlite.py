"""The store in one SQLite file, shared by the processes and threads of one machine.

Each table has its key columns beside one JSON document. WAL lets readers go on while one writes, and
`synchronous=FULL` flushes each commit to the disk before it is acknowledged. WAL needs shared memory, so the
file must not stand on a network file system.
"""

import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from etl_platform.tracking.artifacts import FolderArtifacts
from etl_platform.tracking.changes import Change, Increment, Put
from etl_platform.tracking.differences import Difference
from etl_platform.tracking.errors import StoreError, StoreUnavailableError
from etl_platform.tracking.items import POINTERS, artifact_folder
from etl_platform.tracking.query import Query
from etl_platform.tracking.sqlite_schema import SCHEMA_VERSION, columns, migrate
from etl_platform.tracking.store import TrackingStore
from etl_platform.tracking.tables import TABLES, Item, Table

_BUSY_SECONDS = 30.0
"""How long a writer waits for others; each holds the file for some milliseconds."""

_CHUNK = 500
"""Rows read at once where nobody said how many are wanted, and rows removed in one transaction."""


class SqliteStore(TrackingStore):
    """Records in a SQLite file, which is made on first use; large values in the folder `<file>.artifacts`."""

    _index_carries_all = True
    _parallel_queries = 1

    def __init__(
        self, path: Path, *, clock: Callable[[], float] = time.time, busy_seconds: float = _BUSY_SECONDS
    ):
        self.path = path
        self._folder = FolderArtifacts(path.with_name(f"{path.name}.artifacts"))
        self._busy_seconds = busy_seconds
        self._local = threading.local()
        super().__init__(self._folder, clock)

    def __str__(self) -> str:
        """What the store is, for people."""
        return f"SQLite file {self.path}"

    def _write(self, changes: Sequence[Change]) -> bool:
        with self._transaction() as connection:
            for change in changes:
                match change:
                    case Put(table, item, guard):
                        if not _put(connection, table, item, guard):
                            connection.execute("ROLLBACK")
                            return False
                    case Increment():
                        _increment(connection, change)
        return True

    def _find(self, query: Query) -> Iterator[Item]:
        table, place = query.table, query.place
        sort = f'"{place.sort}"'
        conditions = [
            f'"{place.partition}" = ?',
            "(expires_at IS NULL OR expires_at > ?)",
            f"{sort} IS NOT NULL",
        ]
        arguments: list[Any] = [query.key, self._clock()]
        for bound, comparison in ((query.low, ">="), (query.high, "<=")):
            if bound is not None:
                conditions.append(f"{sort} {comparison} ?")
                arguments.append(bound)
        comparison, direction = ("<", "DESC") if query.newest_first else (">", "ASC")
        chunk = query.limit or _CHUNK
        after: list[Any] = []
        while True:
            # Chunk by chunk: an open statement would hold back checkpoints and this connection's own writes.
            resumed = [*conditions, f"({sort}, rowid) {comparison} (?, ?)"] if after else conditions
            rows = self._read(
                f'SELECT {sort}, rowid, item FROM "{table.name}" WHERE {" AND ".join(resumed)} '
                f"ORDER BY {sort} {direction}, rowid {direction} LIMIT ?",
                [*arguments, *after, chunk],
            )
            for *_, item in rows:
                yield json.loads(item)
            if len(rows) < chunk:
                return
            after = list(rows[-1][:2])

    def _get(self, table: Table, keys: Sequence[tuple[Any, Any]]) -> list[Item]:
        statement = (
            f'SELECT item FROM "{table.name}" WHERE "{table.partition}" = ? AND "{table.sort}" = ? '
            "AND (expires_at IS NULL OR expires_at > ?)"
        )
        rows = [row for key in keys for row in self._read(statement, [*key, self._clock()])]
        return [json.loads(item) for (item,) in rows]

    def _scan(self, table: Table) -> Iterator[Item]:
        last = 0
        while rows := self._read(
            f'SELECT rowid, item FROM "{table.name}" WHERE rowid > ? '
            "AND (expires_at IS NULL OR expires_at > ?) ORDER BY rowid LIMIT ?",
            [last, self._clock(), _CHUNK],
        ):
            for _, item in rows:
                yield json.loads(item)
            last = rows[-1][0]

    def _add(self, table: Table, items: Sequence[Item]) -> int:
        with self._transaction() as connection:
            return sum(_put(connection, table, item, "new") for item in items)

    def init(self, *, dry_run: bool = False) -> list[Difference]:
        """Make the file, or bring it to this version's schema; any other use of the store does so too."""
        found = 0
        if self.path.exists():
            with (
                self._reported(),
                closing(sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True)) as connection,
            ):
                (found,) = connection.execute("PRAGMA user_version").fetchone()
        if found == SCHEMA_VERSION:
            return []
        if not dry_run:
            with self._reported():
                self._connection()
        return [
            Difference(
                str(self.path), "schema version", str(SCHEMA_VERSION), str(found or "none"), made=not dry_run
            )
        ]

    def prune(self) -> dict[str, int]:
        """Delete what has expired, with its large values; table name to number of rows."""
        return {table.name: self._prune(table) for table in TABLES if table.ttl_days is not None}

    def _prune(self, table: Table) -> int:
        removed = 0
        while True:
            with self._transaction() as connection:
                rows = connection.execute(
                    f'DELETE FROM "{table.name}" WHERE rowid IN '
                    f'(SELECT rowid FROM "{table.name}" WHERE expires_at <= ? LIMIT ?) RETURNING item',
                    [self._clock(), _CHUNK],
                ).fetchall()
            for (item,) in rows:
                if POINTERS in (gone := json.loads(item)):
                    self._folder.remove(artifact_folder(table, gone))
            removed += len(rows)
            if len(rows) < _CHUNK:
                return removed

    def close(self) -> None:
        """Close this thread's connection; those of other threads are closed when the threads end."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            self._local.connection = None
            connection.close()

    def _read(self, statement: str, arguments: Sequence[Any]) -> list[Any]:
        with self._reported():
            return self._connection().execute(statement, arguments).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._reported():
            connection = self._connection()
            # The lock is taken at once: a transaction that reads first and then writes can fail half-way.
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                if connection.in_transaction:
                    connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.OperationalError, OSError) as error:
            raise StoreUnavailableError(
                f"{self.path}: the tracking file cannot be used now ({error}). Check that its folder exists, "
                "is writable and has room, and that no other process holds it."
            ) from error
        except sqlite3.DatabaseError as error:
            raise StoreError(
                f"{self.path}: the tracking file is damaged or of another kind ({error}). "
                "Name another file in `tracking.path`, or restore this one."
            ) from error

    def _connection(self) -> sqlite3.Connection:
        # A connection must be used neither by another thread nor by a forked child.
        if getattr(self._local, "connection", None) is None or self._local.process != os.getpid():
            self._local.connection = self._connect()
            self._local.process = os.getpid()
        return self._local.connection

    def _connect(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=self._busy_seconds, isolation_level=None)
        try:
            _switch_to_wal(connection, self._busy_seconds)
            connection.execute("PRAGMA synchronous = FULL")
            migrate(connection)
        except BaseException:
            connection.close()
            raise
        return connection


def _switch_to_wal(connection: sqlite3.Connection, busy_seconds: float) -> None:
    # This statement does not wait for others who make the same file, whatever the connection's timeout.
    for retry in Retrying(
        retry=retry_if_exception(_is_locked),
        wait=wait_fixed(0.02),
        stop=stop_after_delay(busy_seconds),
        reraise=True,
    ):
        with retry:
            connection.execute("PRAGMA journal_mode = WAL")


def _is_locked(error: BaseException) -> bool:
    """Whether a wait helps; a file that cannot be written stays so."""
    return isinstance(error, sqlite3.OperationalError) and "locked" in str(error)


def _put(connection: sqlite3.Connection, table: Table, item: Item, guard: str) -> bool:
    names = columns(table)
    document = json.dumps(item, ensure_ascii=False, separators=(",", ":"))
    conflict = "NOTHING"
    if guard == "own":
        assignments = ", ".join(f'"{name}" = excluded."{name}"' for name in (*names, "item"))
        unchanged = "execution_id = excluded.execution_id AND version <= excluded.version"
        conflict = f"UPDATE SET {assignments} WHERE {unchanged}"
    quoted = ", ".join(f'"{name}"' for name in names)
    cursor = connection.execute(
        f'INSERT INTO "{table.name}" ({quoted}, item) VALUES ({", ".join("?" * len(names))}, ?) '
        f'ON CONFLICT ("{table.partition}", "{table.sort}") DO {conflict}',
        [*(item.get(name) for name in names), document],
    )
    return cursor.rowcount > 0


def _increment(connection: sqlite3.Connection, change: Increment) -> None:
    table = change.table
    where = f'"{table.partition}" = ? AND "{table.sort}" = ?'
    key = table.key_of(change.item)
    row = connection.execute(f'SELECT item FROM "{table.name}" WHERE {where}', key).fetchone()
    standing = json.loads(row[0]) if row else {}
    sums = {name: standing.get(name, 0) + amount for name, amount in change.amounts.items()}
    connection.execute(f'DELETE FROM "{table.name}" WHERE {where}', key)
    _put(connection, table, {**standing, **change.item, **sums}, "new")
