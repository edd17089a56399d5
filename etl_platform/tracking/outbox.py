"""Records that a store did not take, kept in a local file until it does.

A run that succeeded must not fail because its record cannot be written: what the store cannot take for the
moment is kept here and delivered later, in the order in which it was written. After a crash a delivery may be
repeated, which is harmless, because every write of a store changes nothing the second time.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal

from etl_platform.config.project import Config
from etl_platform.tracking.errors import StoreError, StoreUnavailableError
from etl_platform.tracking.records import (
    AgentInvocation,
    AuditRecord,
    IssueRecord,
    JobExecution,
    QualityRecord,
)
from etl_platform.tracking.store import TrackingStore
from etl_platform.tracking.values import Record

Write = Literal["put_execution", "count_cost", "put_invocation", "put_issue", "put_quality", "put_audit"]

_RECORDS: dict[Write, type[Record]] = {
    "put_execution": JobExecution,
    "count_cost": JobExecution,
    "put_invocation": AgentInvocation,
    "put_issue": IssueRecord,
    "put_quality": QualityRecord,
    "put_audit": AuditRecord,
}

_BUSY_SECONDS = 30.0


class Outbox:
    """Writes to a store that may be down."""

    def __init__(self, path: Path, store: TrackingStore, *, clock: Callable[[], float] = time.time):
        """Use a file, which is made when it is first needed.

        Args:
            path: SQLite file, shared by all processes that write to the store from this machine.
            store: Where the records belong.
            clock: Unix seconds UTC, kept beside each record.
        """
        self._path = path
        self._store = store
        self._clock = clock

    def write(self, write: Write, record: Record) -> str | None:
        """Write a record to the store, after those that wait; or keep it where the store cannot be reached.

        Args:
            write: The method of the store.
            record: What it is given.

        Returns:
            None where the store has it; else a warning for the run.

        Raises:
            StoreError: The store refuses the record for good, or the outbox cannot be used either.
        """
        try:
            if self._path.exists():
                self.deliver()
                # Another process may be delivering: no record may overtake those that wait.
                if self.waiting():
                    return self._keep(write, record, "earlier records still wait to be delivered")
            getattr(self._store, write)(record)
        except StoreUnavailableError as error:
            return self._keep(write, record, str(error))
        return None

    def deliver(self) -> int:
        """Write what waits to the store, oldest first; return how many were written.

        One process delivers at a time; another that tries meanwhile returns 0 at once. A record that the
        store refuses for good stays as `refused`, so that it holds back no other.

        Raises:
            StoreUnavailableError: The store is still down; what it did not take stays.
        """
        if not self._path.exists():
            return 0
        delivered = 0
        with self._alone() as alone, self._open() as connection:
            while alone and (row := connection.execute(_NEXT).fetchone()):
                number, write, document = row
                try:
                    getattr(self._store, write)(_RECORDS[write].model_validate_json(document))
                except StoreUnavailableError:
                    raise
                except StoreError as error:
                    connection.execute(
                        "UPDATE waiting SET refused = ? WHERE number = ?", (str(error), number)
                    )
                    continue
                connection.execute("DELETE FROM waiting WHERE number = ?", (number,))
                delivered += 1
        return delivered

    def waiting(self) -> int:
        """How many records wait to be delivered."""
        return self._count("refused IS NULL")

    def refused(self) -> int:
        """How many records the store refused for good; they stay in the file until somebody looks at them."""
        return self._count("refused IS NOT NULL")

    def _count(self, condition: str) -> int:
        if not self._path.exists():
            return 0
        with self._open() as connection:
            return connection.execute(f"SELECT count(*) FROM waiting WHERE {condition}").fetchone()[0]

    def _keep(self, write: Write, record: Record, reason: str) -> str:
        document = record.model_dump_json(exclude_none=True)
        with self._open() as connection:
            connection.execute(
                "INSERT INTO waiting (write, document, kept_at) VALUES (?, ?, ?)",
                (write, document, self._clock()),
            )
        return f"a record was kept in {self._path} and is delivered later: {reason}"

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(
                sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None)
            ) as connection:
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute(_TABLE)
                yield connection
        except (sqlite3.Error, OSError) as error:
            raise StoreError(
                f"{self._path}: the outbox cannot be used ({error}). Check that its folder is writable "
                "and has room."
            ) from error

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        # A lock of SQLite ends with the process that holds it, however that ends.
        lock = self._path.with_name(f"{self._path.name}.lock")
        with closing(sqlite3.connect(lock, timeout=0, isolation_level=None)) as connection:
            try:
                connection.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError as error:
                if "locked" not in str(error):
                    raise
                yield False
                return
            yield True


_TABLE = """
CREATE TABLE IF NOT EXISTS waiting (
    number INTEGER PRIMARY KEY AUTOINCREMENT, write TEXT NOT NULL, document TEXT NOT NULL,
    kept_at REAL NOT NULL, refused TEXT
)
"""
_NEXT = "SELECT number, write, document FROM waiting WHERE refused IS NULL ORDER BY number LIMIT 1"


def open_outbox(config: Config, store: TrackingStore) -> Outbox:
    """The outbox of a configuration: `tracking-outbox.db` in the local root."""
    return Outbox(config.local_root / "tracking-outbox.db", store)
