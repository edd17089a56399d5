"""Stand-ins of servers: they read the SQL of a dialect, and let DuckDB answer it.

What a server itself would refuse or answer otherwise is not seen so; `test_real_servers.py` is for that.
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import duckdb
import pyarrow as pa
import sqlglot
from sqlalchemy.exc import ProgrammingError
from sqlglot import exp

from etl_platform_tests.quality import zoo

REDSHIFT = {
    "i": "bigint", "n": "integer", "f": "double precision", "r": "real", "d": "numeric",
    "s": "character varying", "t": "character varying", "b": "boolean", "day": "date",
    "at": "timestamp without time zone", "when": "timestamp with time zone", "raw": "binary varying",
    "letter": "character varying",
}  # fmt: skip
POSTGRES = REDSHIFT | {"d": "numeric(10,2)", "raw": "bytea", "t": "character varying(40)"}
MYSQL = {
    "i": "bigint", "n": "int", "f": "double", "r": "float", "d": "decimal(10,2)", "s": "text",
    "t": "varchar(40)", "b": "tinyint(1)", "day": "date", "at": "datetime(6)", "when": "timestamp(6)",
    "raw": "varbinary(10)", "letter": "varchar(9)",
}  # fmt: skip


class Answering:
    """A DuckDB with the zoo, which is asked in the SQL of a dialect.

    Attributes:
        asked: The statements, in order.
    """

    def __init__(self, dialect: str, table: pa.Table):
        self.dialect = dialect
        self.asked: list[str] = []
        self._lock = threading.Lock()
        self.connection = duckdb.connect()
        self.connection.execute(f"SET TimeZone = '{zoo.ZONE}'")
        self.connection.register("rows_of_zoo", table)
        instants = 'replace (("when" AT TIME ZONE \'UTC\') AS "when")' if dialect == "mysql" else ""
        self.connection.execute(f"CREATE TABLE zoo AS SELECT * {instants} FROM rows_of_zoo")
        self.connection.execute("CREATE TABLE letters (letter VARCHAR)")
        self.connection.executemany("INSERT INTO letters VALUES (?)", [[each] for each in zoo.LETTERS])
        self.connection.execute("CREATE SCHEMA public")
        self.connection.execute("CREATE VIEW public.zoo AS FROM main.zoo")
        self.connection.execute("CREATE VIEW public.letters AS FROM main.letters")

    def answer(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query, or of a look at a table's columns; settings have none."""
        self.asked.append(sql)
        if sql.startswith("SET "):
            return []
        if "svv_columns" in sql or "pg_attribute" in sql or "information_schema.columns" in sql:
            return self._columns("letters" if "letters" in sql else "zoo" if "zoo" in sql else "none")
        if sql == "SHOW server_encoding":
            return [("UTF8",)]
        with self._lock:
            return self.connection.execute(in_duckdb(sql, self.dialect)).fetchall()

    def _columns(self, table: str) -> list[tuple[Any, ...]]:
        names = {"zoo": [name for name in zoo.zoo().column_names if name != "list"], "letters": ["letter"]}
        match self.dialect:
            case "redshift":
                digits = {"d": (10, 2)}
                return [
                    (name, REDSHIFT[name], *digits.get(name, (None, None))) for name in names.get(table, [])
                ]
            case "postgres":
                return [(name, POSTGRES[name], "b") for name in names.get(table, [])]
        return [(name, MYSQL[name]) for name in names.get(table, [])]


def in_duckdb(sql: str, dialect: str) -> str:
    """A query in the words of DuckDB."""
    tree = sqlglot.parse_one(sql, read=dialect).transform(_plain_type).transform(_in_duckdb)
    return tree.sql("duckdb")


def _plain_type(node: Any) -> Any:
    longest = isinstance(node, exp.DataType) and node.sql("redshift") == "VARCHAR(MAX)"
    return exp.DataType.build("VARCHAR") if longest else node


def _in_duckdb(node: Any) -> Any:
    if isinstance(node, exp.Collate):
        # Texts are compared by their characters there.
        return node.this.this if isinstance(node.this, exp.Cast) else node.this
    if isinstance(node, exp.RegexpCount):
        found = exp.RegexpLike(this=node.this, expression=node.expression)
        return exp.Cast(this=found, to=exp.DataType.build("INT"))
    if isinstance(node, exp.RegexpLike):
        node.set("flag", None)
        pattern = re.sub(r"\\u([0-9a-f]{4})|\\U([0-9a-f]{8})", _code, node.expression.name)
        # A point is any character to PostgreSQL, and is no part of the patterns of others.
        node.set("expression", exp.Literal.string("(?s)" + pattern.replace(r"\Z", r"\z")))
    if isinstance(node, exp.Rand):
        return exp.Rand()
    return node


def _code(match: re.Match[str]) -> str:
    return f"\\x{{{match[1] or match[2]}}}"


class Connection:
    """A connection of SQLAlchemy to an `Answering`."""

    def __init__(self, server: Answering):
        self.server = server
        self.dialect = type("Dialect", (), {"is_mariadb": False})()
        self.rows: list[tuple[Any, ...]] = []

    def execution_options(self, **options: Any) -> "Connection":
        return self

    def exec_driver_sql(self, sql: str) -> "Connection":
        try:
            self.rows = self.server.answer(sql)
        except duckdb.Error as error:
            raise ProgrammingError(sql, None, error) from error
        return self

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self.rows

    def commit(self) -> None:
        pass

    def rollback(self) -> None:
        pass


@contextmanager
def data_api(server: Answering) -> Iterator[str]:
    """The Redshift Data API over HTTP; gives its address."""
    results: dict[str, Any] = {}

    def answer(operation: str, body: dict[str, Any]) -> dict[str, Any]:
        match operation:
            case "BatchExecuteStatement":
                name = f"s{len(results)}"
                try:
                    results[name] = [server.answer(sql) for sql in body["Sqls"]]
                except duckdb.Error as error:
                    results[name] = str(error)
                return {"Id": name}
            case "DescribeStatement":
                found = results[body["Id"]]
                failed = {"Status": "FAILED", "Error": found} if isinstance(found, str) else {}
                return {"Id": body["Id"], "Status": "FINISHED", **failed}
            case "GetStatementResult":
                name, _, number = body["Id"].partition(":")
                rows = results[name][int(number) - 1]
                return {"Records": [[field_of(value) for value in row] for row in rows]}
        raise AssertionError(operation)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
            data = json.dumps(answer(self.headers["X-Amz-Target"].rpartition(".")[2], body)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}"
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def field_of(value: Any) -> dict[str, Any]:
    """A value as the Data API gives it: sums of whole numbers come as texts."""
    match value:
        case None:
            return {"isNull": True}
        case bool():
            return {"booleanValue": value}
        case int() if -(2**63) <= value < 2**63:
            return {"longValue": value}
        case float():
            return {"doubleValue": value}
        case Decimal():
            return {"stringValue": str(value)}
    return {"stringValue": str(value)}
