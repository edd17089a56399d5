from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.dialects import mysql, postgresql

from etl_platform.catalog.database import (
    MYSQL,
    POSTGRES,
    TableName,
    ask,
    stats_of_row,
)
from etl_platform.catalog.stats import TableStats
from etl_platform_tests.catalog.builders import config, measured, source

URL = "postgresql://etl:hunter2@127.0.0.1:1/shop"


def sql_stats(folder: Path, url: str = URL, kind: str = "postgres", **keys: Any) -> TableStats:
    return measured(source(kind, url=url, table="orders", **keys), config(folder))


class Connection:
    """Records the statements of a connection to an engine, and answers with one row."""

    def __init__(self, dialect: Any):
        self.dialect = dialect
        self.statements: list[tuple[str, Mapping[str, Any]]] = []

    def execute(self, statement: Any, parameters: Mapping[str, Any] | None = None) -> "Connection":
        self.statements.append((str(statement), parameters or {}))
        return self

    def mappings(self) -> "Connection":
        return self

    def one_or_none(self) -> Mapping[str, Any]:
        return {"kind": "r"}


def test_a_postgres_name_is_quoted_by_the_dialect_and_bound():
    connection: Any = Connection(postgresql.dialect())
    ask(connection, "postgresql", TableName("Sales", 'or"ders; DROP'))
    sql, parameters = connection.statements[-1]
    assert parameters == {"qualified": '"Sales"."or""ders; DROP"'}
    assert "DROP" not in sql


def test_a_mysql_name_is_bound():
    connection: Any = Connection(mysql.dialect())
    ask(connection, "mysql", TableName(None, "or`ders"))
    sql, parameters = connection.statements[-1]
    assert parameters == {"schema": None, "table": "or`ders"}
    assert "or`ders" not in sql


@pytest.mark.parametrize(("sql", "names"), [(POSTGRES, {"qualified"}), (MYSQL, {"schema", "table"})])
def test_statements_have_no_other_parameters(sql: str, names: set[str]):
    assert set(text(sql).compile().params) == names


def row(**values: Any) -> dict[str, Any]:
    return {
        "kind": "r",
        "size_bytes": 2**30,
        "row_count": 10,
        "partition_count": 0,
        "partition_keys": None,
        "updated": None,
    } | values


def test_an_engines_statistics_become_figures():
    stats = stats_of_row(row(updated=5), {"id": "BIGINT"}, "postgresql", "a/b", now=1.0)
    assert (stats.size_gb, stats.row_count, stats.rows_estimated) == (1.0, 10, True)
    assert (stats.columns, stats.last_updated, stats.partition_keys) == ({"id": "BIGINT"}, 5.0, ())


def test_a_partitioned_postgres_table_is_the_sum_of_its_leaves():
    given = row(kind="p", size_bytes=0, partition_bytes=2**31, partition_count=2, partition_keys="day,region")
    stats = stats_of_row(given, {}, "postgresql", "a/b", now=1.0)
    assert (stats.size_gb, stats.partition_count, stats.partition_keys) == (2.0, 2, ("day", "region"))


def test_a_table_that_was_never_analyzed_has_unknown_rows():
    stats = stats_of_row(row(row_count=-1), {}, "postgresql", "a/b", now=1.0)
    assert (stats.row_count, stats.rows_estimated) == (None, False)
    assert "ANALYZE" in stats.warnings[0]


@pytest.mark.parametrize("kind", ["v", "VIEW"])
def test_a_view_has_no_size(kind: str):
    stats = stats_of_row(row(kind=kind, size_bytes=0, row_count=0), {}, "mysql", "a/b", now=1.0)
    assert (stats.size_gb, stats.row_count) == (None, None)


@pytest.mark.parametrize(
    ("kind", "url", "package"),
    [
        ("postgres", URL, "psycopg[binary]"),
        ("postgres", "postgresql+pg8000://etl:hunter2@h/shop", "pg8000"),
        ("postgres", "jdbc:postgresql://etl:hunter2@h/shop", "psycopg[binary]"),
        ("mysql", "mysql://etl:hunter2@h/shop", "pymysql"),
    ],
)
def test_a_missing_driver_names_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, url: str, package: str
):
    monkeypatch.setattr("etl_platform.catalog.database.find_spec", lambda name: None)
    stats = sql_stats(tmp_path, url, kind)
    assert f"`pip install '{package}'`" in stats.warnings[0]
    assert "hunter2" not in stats.model_dump_json()


def stub_driver(monkeypatch: pytest.MonkeyPatch, name: str, error: str) -> list[dict[str, Any]]:
    """Install a DB-API driver whose connections fail; returns what it is asked with."""
    driver = ModuleType(name)
    asked: list[dict[str, Any]] = []

    class Error(Exception):
        pass

    def connect(*args: Any, **keys: Any) -> Any:
        asked.append(keys)
        raise Error(error)

    kinds = ("OperationalError", "ProgrammingError", "InterfaceError", "InternalError")
    driver.__dict__.update({kind: type(kind, (Error,), {}) for kind in kinds})
    driver.__dict__.update(
        Error=Error, connect=connect, paramstyle="pyformat", __version__="1.0", version_info=(1, 4, 0)
    )
    monkeypatch.setitem(__import__("sys").modules, name, driver)
    monkeypatch.setattr(
        "etl_platform.catalog.database.find_spec", lambda asked_for: driver if asked_for == name else None
    )
    return asked


def test_a_refused_connection_shows_no_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("db_url", "mysql://etl:p%40ss@127.0.0.1/shop")
    asked = stub_driver(monkeypatch, "pymysql", "cannot log in with p@ss or p%40ss\nmore")
    stats = sql_stats(tmp_path, "${SECRET:db_url}", "mysql")
    assert asked[0]["password"] == "p@ss"
    assert asked[0]["connect_timeout"] == 5
    assert "cannot log in with *** or ***" in stats.warnings[0]
    assert stats.size_gb is None


def test_a_url_of_another_engine_is_refused(tmp_path: Path):
    stats = sql_stats(tmp_path, "mysql://etl:hunter2@h/shop")
    assert "is of type postgres but its `url` is of mysql" in stats.warnings[0]


def test_a_broken_url_is_not_shown(tmp_path: Path):
    stats = sql_stats(tmp_path, "etl:hunter2@h")
    assert "`url` is not of the form postgresql://" in stats.warnings[0]
    assert "hunter2" not in stats.model_dump_json()


def test_an_unknown_secret_names_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("none", raising=False)
    assert "environment variable none is not set" in sql_stats(tmp_path, "${SECRET:none}").warnings[0]
