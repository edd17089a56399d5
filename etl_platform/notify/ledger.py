"""What was told and what waits to be sent: one SQLite file that several processes share.

An event is written with all its deliveries in one transaction before anything is sent, so that a process that
dies leaves what it did not send to the next. One process sends to a target at a time. A message may be sent
twice where a process dies between the target's answer and its own note of it.
"""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from etl_platform.notify.errors import DeliveryError, LedgerError
from etl_platform.notify.message import Message
from etl_platform.notify.routing import Route, TargetName

QUIET_SECONDS = 6 * 3600
"""How long a cause that stays open is not told again. A convention of this project."""

GIVE_UP_SECONDS = 24 * 3600
"""Age of a message that is not tried again: by then it is no news."""

KEEP_SECONDS = 30 * 86_400
"""How long the file lists what was given up, and remembers what is told once."""

FIRST_PAUSE_SECONDS = 60
LONGEST_PAUSE_SECONDS = 3600

_BUSY_SECONDS = 20.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS causes (
    cause TEXT PRIMARY KEY, details TEXT NOT NULL, routes TEXT NOT NULL, told_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS waiting (
    number INTEGER PRIMARY KEY AUTOINCREMENT, created REAL NOT NULL,
    target TEXT NOT NULL, route TEXT NOT NULL, message TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, next_try REAL NOT NULL DEFAULT 0,
    holds_back INTEGER NOT NULL DEFAULT 0, error TEXT
);
CREATE INDEX IF NOT EXISTS waiting_by_target ON waiting (target, number);
CREATE TABLE IF NOT EXISTS told (key TEXT PRIMARY KEY, told_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS leases (target TEXT PRIMARY KEY, until REAL NOT NULL, holder TEXT NOT NULL);
"""


@dataclass(frozen=True)
class Waiting:
    """A message that one target has not got yet.

    Attributes:
        number: Its place in the file.
        attempts: How often it was tried in vain.
        error: Why it was not taken the last time.
        given_up: It is too old to be tried again.
    """

    number: int
    route: Route
    message: Message
    attempts: int
    error: str | None
    given_up: bool


class Ledger:
    """The file of causes and deliveries."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time):
        """Use a file, which is made when it is first written.

        Args:
            path: The SQLite file.
            clock: Unix seconds UTC.
        """
        self.path = path
        self._clock = clock

    def tell(self, message: Message, details: frozenset[str], routes: Sequence[Route]) -> bool:
        """Take in an event, unless its cause is open, all its details are told, and the time is quiet.

        What is never over (state `info`) is taken in once, however late it is told again.

        Returns:
            Whether it will be sent.
        """
        now = self._clock()
        with self._transaction() as connection:
            row = connection.execute(
                "SELECT details, told_at FROM causes WHERE cause = ?", (message.cause,)
            ).fetchone()
            told = frozenset(json.loads(row[0])) if row else frozenset()
            quiet = message.state == "info" or (row is not None and now - row[1] < QUIET_SECONDS)
            if row and details <= told and quiet:
                return False
            shown = json.dumps([route.model_dump() for route in routes])
            connection.execute(
                "INSERT OR REPLACE INTO causes VALUES (?, ?, ?, ?)",
                (message.cause, json.dumps(sorted(told | details)), shown, now),
            )
            _enqueue(connection, message, routes)
            if message.state == "info":
                connection.execute(
                    "DELETE FROM causes WHERE told_at < ? AND cause LIKE ?",
                    (now - KEEP_SECONDS, f"{message.event}/%"),
                )
        return True

    def recover(self, message: Message, details: frozenset[str] | None) -> bool:
        """Take in the end of an event; it goes to those who were told of the event.

        Args:
            message: What to say.
            details: Those that are over; None: all.

        Returns:
            Whether it will be sent: the cause was open, and none of its details is left.
        """
        if not self.is_open(message.cause):
            return False
        with self._transaction() as connection:
            row = connection.execute(
                "SELECT details, routes FROM causes WHERE cause = ?", (message.cause,)
            ).fetchone()
            if row is None:
                return False
            left = frozenset() if details is None else frozenset(json.loads(row[0])) - details
            if left:
                connection.execute(
                    "UPDATE causes SET details = ? WHERE cause = ?", (json.dumps(sorted(left)), message.cause)
                )
                return False
            connection.execute("DELETE FROM causes WHERE cause = ?", (message.cause,))
            _enqueue(connection, message, [Route(**route) for route in json.loads(row[1])])
        return True

    def is_told(self, key: str) -> bool:
        """Whether all that there is to tell under a key was taken in."""
        if not self.path.exists():
            return False
        with self._open() as connection:
            return bool(connection.execute("SELECT 1 FROM told WHERE key = ?", (key,)).fetchone())

    def note_told(self, key: str) -> None:
        """Remember that all that there is to tell under a key was taken in."""
        now = self._clock()
        with self._transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO told VALUES (?, ?)", (key, now))
            connection.execute("DELETE FROM told WHERE told_at < ?", (now - KEEP_SECONDS,))

    def is_open(self, cause: str, details: frozenset[str] = frozenset()) -> bool:
        """Whether a cause was told with all these details, and is not over."""
        if not self.path.exists():
            return False
        with self._open() as connection:
            row = connection.execute("SELECT details FROM causes WHERE cause = ?", (cause,)).fetchone()
            return row is not None and details <= frozenset(json.loads(row[0]))

    def due_targets(self) -> list[TargetName]:
        """Targets for which something is due."""
        if not self.path.exists():
            return []
        now = self._clock()
        with self._open() as connection:
            rows = connection.execute(
                "SELECT DISTINCT target FROM waiting WHERE next_try <= ? AND created > ?",
                (now, now - GIVE_UP_SECONDS),
            )
            return [target for (target,) in rows]

    @contextmanager
    def alone(self, target: str, holder: str, seconds: float) -> Iterator[bool]:
        """Be the only process that sends to a target, or does what it names; False where another one is.

        Args:
            target: The target, or the name of what only one process may do at a time.
            holder: A name that no other holder has.
            seconds: When others may take over, should this process die.
        """
        now = self._clock()
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO leases VALUES (?, ?, ?) ON CONFLICT (target) DO UPDATE "
                "SET until = excluded.until, holder = excluded.holder WHERE until <= ?",
                (target, now + seconds, holder, now),
            )
            (held_by,) = connection.execute(
                "SELECT holder FROM leases WHERE target = ?", (target,)
            ).fetchone()
        try:
            yield held_by == holder
        finally:
            with self._transaction() as connection:
                connection.execute("DELETE FROM leases WHERE target = ? AND holder = ?", (target, holder))

    def next_due(self, target: TargetName, after: int) -> Waiting | None:
        """The next message for a target, in the order in which they were taken in.

        What the target could not take for the moment holds back what came after it; what it refused does not.

        Args:
            target: The target.
            after: Number of the message before; 0 for the first.
        """
        now = self._clock()
        with self._open() as connection:
            rows = connection.execute(
                "SELECT * FROM waiting WHERE target = ? AND number > ? AND created > ? ORDER BY number",
                (target, after, now - GIVE_UP_SECONDS),
            )
            for row in rows:
                if row["next_try"] <= now:
                    return _waiting(row, now)
                if row["holds_back"]:
                    return None
        return None

    def sent(self, number: int) -> None:
        """Forget a message that its target has."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM waiting WHERE number = ?", (number,))

    def failed(self, number: int, error: DeliveryError) -> None:
        """Keep a message that its target did not take, and why; it is tried again later."""
        now = self._clock()
        asked = error.retry_after_seconds or 0
        with self._transaction() as connection:
            connection.execute(
                "UPDATE waiting SET attempts = attempts + 1, holds_back = ?, error = ?, "
                "next_try = ? + max(?, min(? * (1 << attempts), ?)) WHERE number = ?",
                (
                    *(int(error.retry_can_help), str(error)),
                    *(now, asked, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, number),
                ),
            )
            connection.execute("DELETE FROM waiting WHERE created < ?", (now - KEEP_SECONDS,))

    def waiting(self) -> list[Waiting]:
        """All that some target has not got, oldest first."""
        if not self.path.exists():
            return []
        with self._open() as connection:
            now = self._clock()
            return [_waiting(row, now) for row in connection.execute("SELECT * FROM waiting ORDER BY number")]

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(
                sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None)
            ) as connection:
                connection.row_factory = sqlite3.Row
                connection.execute("PRAGMA synchronous = FULL")
                connection.executescript(_SCHEMA)
                yield connection
        except (sqlite3.Error, OSError) as error:
            raise LedgerError(
                f"{self.path}: the file of notifications cannot be used ({error}). Check that its folder is "
                "writable and has room."
            ) from error


def _enqueue(connection: sqlite3.Connection, message: Message, routes: Sequence[Route]) -> None:
    document = message.model_dump_json()
    connection.executemany(
        "INSERT INTO waiting (target, route, message, created) VALUES (?, ?, ?, ?)",
        [(route.target, route.model_dump_json(), document, message.created) for route in routes],
    )


def _waiting(row: sqlite3.Row, now: float) -> Waiting:
    return Waiting(
        row["number"],
        Route.model_validate_json(row["route"]),
        Message.model_validate_json(row["message"]),
        row["attempts"],
        row["error"],
        row["created"] <= now - GIVE_UP_SECONDS,
    )
