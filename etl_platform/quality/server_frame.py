"""Tables of servers as frames: the same queries as elsewhere, asked of the server that holds the rows."""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo

from etl_platform.quality.column_types import family
from etl_platform.quality.frame import Frame, QueryError
from etl_platform.quality.schema import RuleFault
from etl_platform.quality.server import Server, quoted
from etl_platform.quality.server_sql import ServerDialect, Speech, said

_SEED = 20130101


class Views:
    """The tables of one server that queries name, each with its columns as rules compare them."""

    def __init__(self, server: Server, zone: ZoneInfo, now: datetime, *, seconds: float):
        """Begin without any; after so many seconds, nothing more is asked."""
        self.server = server
        self.seconds = seconds
        self._ends = time.monotonic() + seconds
        self.selects: dict[str, str] = {}
        self._by_characters: bool | None = None
        self.speech = Speech(server.dialect, server.title, zone, now, self._tells_characters)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query over the views.

        Raises:
            QueryError: The server refuses it, breaks off, or takes too long.
        """
        if time.monotonic() > self._ends:
            # What takes too long is not tried again in parts.
            raise QueryError(
                self.server.title,
                f"no answer within the {self.seconds:g} s of `execution.timeout_minutes`; raise it, or set "
                "`data_quality.sample_size`.",
            )
        views = ", ".join(
            f"{quoted(view, self.server.dialect)} AS ({select})" for view, select in self.selects.items()
        )
        return self.server.rows(f"WITH {views} {sql}")

    def _tells_characters(self) -> bool:
        if self._by_characters is None:
            self._by_characters = self.server.by_characters()
        return self._by_characters


class ServerFrame(Frame):
    """A table of a server; a class for each dialect says which."""

    def __init__(self, views: Views, view: str, select: str, columns: Mapping[str, str]):
        """Name a query as a view."""
        super().__init__(view, columns)
        self.views = views
        views.selects[view] = select

    @property
    def name(self) -> str:
        """The view's name as SQL."""
        return self.column(self.view)

    def column(self, name: str) -> str:
        """A column's name as SQL."""
        return quoted(name, self.views.server.dialect)

    def relation(self, sql: str) -> Any:
        """A query; it is run where its rows are taken."""
        return sql

    def collect(self, relation: Any) -> list[tuple[Any, ...]]:
        """Run a query."""
        return self.views.ask(relation)

    def refusal(self, expression: Any) -> RuleFault | None:
        """Why the server cannot be asked an expression of `conditions`; None: it can."""
        try:
            self._said(expression)
        except RuleFault as fault:
            return fault
        return None

    def aggregate(self, fails: Mapping[str, Any], newest: Mapping[str, Any]) -> dict[str, Any]:
        """Evaluate all rules about rows in one pass."""
        asked = [{name: self._said(each) for name, each in rules.items()} for rules in (fails, newest)]
        found = super().aggregate(*asked)
        # MySQL answers with numbers.
        return found | {name: None if found[name] is None else bool(found[name]) for name in newest}

    def matching(
        self, condition: Any, columns: Sequence[str], flags: Sequence[Any], limit: int
    ) -> list[tuple[Any, ...]]:
        """Some rows for which an expression is true: columns, and whether further expressions are."""
        rows = super().matching(self._said(condition), columns, [self._said(flag) for flag in flags], limit)
        instants = {n for n, name in enumerate(columns) if family(self.columns[name]) == "timestamp"}
        return [tuple(_in_utc(v) if n in instants else v for n, v in enumerate(row)) for row in rows]

    def sampled(self, rows: int, total: int) -> "ServerFrame":
        """Each row with the same chance, so that about so many rows are looked at; drawn for each query."""
        random = f"RAND({_SEED})" if self.dialect == "mysql" else "RANDOM()"
        select = f"SELECT * FROM {self.name} WHERE {random} < {rows / total:.12f}"
        return type(self)(self.views, f"{self.view}__sample", select, self.columns)

    def _said(self, expression: Any) -> Any:
        return said(expression, self.views.speech, self.columns)


class RedshiftFrame(ServerFrame):
    """A table of Redshift."""

    engine = "redshift"
    dialect = "redshift"


class PostgresFrame(ServerFrame):
    """A table of PostgreSQL."""

    engine = "postgres"
    dialect = "postgres"


class MySqlFrame(ServerFrame):
    """A table of MySQL or MariaDB."""

    engine = "mysql"
    dialect = "mysql"


FRAMES: Mapping[ServerDialect, type[ServerFrame]] = {
    "redshift": RedshiftFrame,
    "postgres": PostgresFrame,
    "mysql": MySqlFrame,
}


def _in_utc(value: Any) -> Any:
    """A moment of a session in UTC; MySQL's drivers give it without a zone."""
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=timezone.utc)
    return value
