"""Servers that answer queries about their tables: Redshift by its Data API, others through SQLAlchemy."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Protocol

from etl_platform.catalog import redshift
from etl_platform.catalog.database import Address, TableName, reason, unknown_table
from etl_platform.catalog.redshift_data import run
from etl_platform.catalog.stats import CannotMeasureError
from etl_platform.quality.files import NoDataError
from etl_platform.quality.frame import QueryError
from etl_platform.quality.server_sql import ServerDialect
from etl_platform.quality.server_types import mysql_type, postgres_type

Columns = Mapping[str, tuple[str, str]]
"""Column to its type in Spark's names, and to what is selected of it."""


class Server(Protocol):
    """A server with a connection."""

    dialect: ServerDialect
    title: str

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query.

        Raises:
            QueryError: The server refuses it, breaks off, or takes too long.
        """
        ...

    def columns(self, name: TableName, dataset: str) -> Columns:
        """The columns of a table.

        Raises:
            NoDataError: There is no such table.
            QueryError: The server does not tell.
        """
        ...

    def by_characters(self) -> bool:
        """Whether regular expressions tell Unicode characters and their classes, and find empty texts."""
        ...


def quoted(name: str, dialect: ServerDialect) -> str:
    """A name as SQL."""
    from sqlglot import exp

    return exp.to_identifier(name, quoted=True).sql(dialect)


class RedshiftServer:
    """Redshift, asked statement by statement: each has a session of its own."""

    dialect: ServerDialect = "redshift"
    title = "Redshift"

    def __init__(self, client: Any, login: Mapping[str, str], *, time_zone: str, wait_seconds: int):
        """Take a client of `redshift-data`, and what `redshift_data.login_of` gave."""
        self.client = client
        self.login = login
        self.wait_seconds = wait_seconds
        self._before = (
            f"SET timezone TO {_text(time_zone)}",
            f"SET statement_timeout TO {wait_seconds * 1000}",
        )

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query, run in the job's time zone."""
        try:
            return run([*self._before, sql], self.login, self.client, wait_seconds=self.wait_seconds)
        except CannotMeasureError as error:
            raise QueryError(self.title, str(error)) from error

    def columns(self, name: TableName, dataset: str) -> Columns:
        """The columns as SVV_COLUMNS lists them."""
        found = self.rows(
            "SELECT column_name, data_type, numeric_precision, numeric_scale FROM svv_columns "
            f"WHERE table_schema = {_text(name.schema or 'public')} AND table_name = {_text(name.table)} "
            "ORDER BY ordinal_position"
        )
        if not found:
            raise NoDataError(redshift.unknown_table(dataset))
        types = {
            str(column): f"numeric({digits},{scale})" if kind == "numeric" and digits else str(kind)
            for column, kind, digits, scale in found
        }
        return {column: (postgres_type(kind), quoted(column, "redshift")) for column, kind in types.items()}

    def by_characters(self) -> bool:
        """Asked of the server: an Arabic digit and a letter of two bytes, by classes; two empty matches."""
        sql = (
            r"SELECT REGEXP_COUNT('٣é', '\\A\\p{Nd}[^\\x{a}]\\z', 1, 'p'), "
            r"REGEXP_COUNT('', '\\A\\z', 1, 'p'), REGEXP_COUNT('b', 'a*', 1, 'p')"
        )
        try:
            return all(int(count) for count in self.rows(sql)[0])
        except QueryError:
            # A pattern that it does not even read says the same.
            return False


class SqlServer:
    """PostgreSQL, MySQL or MariaDB on a connection whose session reads only."""

    def __init__(self, connection: Any, address: Address, *, time_zone: str, wait_seconds: int):
        """Take an open connection, and set its session.

        Raises:
            QueryError: The server refuses the settings.
        """
        self.connection = connection.execution_options(no_parameters=True)
        self.address = address
        postgres = address.engine == "postgresql"
        self.dialect: ServerDialect = "postgres" if postgres else "mysql"
        maria = bool(getattr(connection.dialect, "is_mariadb", False))
        self.title = "PostgreSQL" if postgres else "MariaDB" if maria else "MySQL"
        self._collation = "utf8mb4_nopad_bin" if maria else "utf8mb4_0900_bin"
        isolated = "TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
        if postgres:
            settings = [
                f"SET SESSION CHARACTERISTICS AS {isolated}",
                f"SET TIME ZONE {_text(time_zone)}",
                f"SET statement_timeout = {wait_seconds * 1000}",
                "SET standard_conforming_strings = on",
                "SET DateStyle = ISO",
            ]
        else:
            limit = f"max_statement_time = {wait_seconds}"
            settings = [
                f"SET SESSION {isolated}",
                # Names of time zones are known only to servers that were given their tables.
                "SET SESSION time_zone = '+00:00'",
                "SET SESSION sql_mode = ''",
                f"SET SESSION {limit if maria else f'max_execution_time = {wait_seconds * 1000}'}",
                "SET NAMES utf8mb4",
            ]
        for setting in settings:
            self._execute(setting)
        # Settings of a transaction that is rolled back would be lost.
        self.connection.commit()

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query; all queries see the same data until one fails."""
        return [tuple(row) for row in self._execute(sql).fetchall()]

    def columns(self, name: TableName, dataset: str) -> Columns:
        """The columns as the catalog of the server lists them."""
        found = self._postgres_columns(name) if self.dialect == "postgres" else self._mysql_columns(name)
        if not found:
            raise NoDataError(unknown_table(dataset))
        return found

    def by_characters(self) -> bool:
        """They do, in PostgreSQL where the database is in UTF-8."""
        return self.dialect == "mysql" or self.rows("SHOW server_encoding")[0][0] == "UTF8"

    def _execute(self, sql: str) -> Any:
        from sqlalchemy.exc import SQLAlchemyError

        try:
            return self.connection.exec_driver_sql(sql)
        except (SQLAlchemyError, OSError) as error:
            # Of a connection that is lost, the next query tells.
            with suppress(SQLAlchemyError, OSError):
                self.connection.rollback()
            raise QueryError(self.title, reason(error, self.address.url)) from None

    def _postgres_columns(self, name: TableName) -> Columns:
        parts = [part for part in (name.schema, name.table) if part]
        qualified = ".".join(quoted(part, "postgres") for part in parts)
        rows = self.rows(
            "SELECT a.attname, format_type(CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE a.atttypid END, "
            "CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END), t.typtype::text "
            "FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid "
            f"WHERE a.attrelid = to_regclass({_text(qualified)}) AND a.attnum > 0 AND NOT a.attisdropped "
            "ORDER BY a.attnum"
        )
        columns = {}
        for column, kind, of in rows:
            plain = quoted(column, "postgres")
            text = of == "e" or kind == "uuid"
            found = "string" if of == "e" else postgres_type(kind)
            columns[column] = (found, f"CAST({plain} AS TEXT) AS {plain}" if text else plain)
        return columns

    def _mysql_columns(self, name: TableName) -> Columns:
        schema = _text(name.schema, "mysql") if name.schema else "database()"
        rows = self.rows(
            "SELECT column_name, column_type FROM information_schema.columns "
            f"WHERE table_schema = {schema} AND table_name = {_text(name.table, 'mysql')} "
            "ORDER BY ordinal_position"
        )
        columns = {}
        for column, kind in rows:
            plain, found = quoted(column, "mysql"), mysql_type(str(kind))
            # Its collations may take `a` for `A`, and leave blanks at the end out.
            exact = f"CONVERT({plain} USING utf8mb4) COLLATE {self._collation} AS {plain}"
            columns[column] = (found, exact if found == "string" else plain)
        return columns


def _text(value: str, dialect: str = "postgres") -> str:
    from sqlglot import exp

    return exp.Literal.string(value).sql(dialect)
