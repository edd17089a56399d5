"""Queries that a script sends to a database run over the stand-ins of its tables."""

from pathlib import Path
from typing import Any

import pytest

from etl_platform_tests.runtime.awsglue.files import rows, write_json

pytestmark = pytest.mark.slow

URL = {"url": "jdbc:postgresql://db.abc:5432/sales", "user": "u", "password": "p"}


@pytest.fixture
def sales(root: Path) -> Path:
    folder = root / "rds" / "db" / "sales"
    write_json(
        folder / "orders", [{"id": 1, "customer": 7, "amount": 5}, {"id": 2, "customer": 8, "amount": 9}]
    )
    write_json(folder / "customers", [{"id": 7, "name": "Ann"}, {"id": 8, "name": "Bob"}])
    return folder


@pytest.mark.parametrize(
    ("key", "query"),
    [
        ("dbtable", "(SELECT id, amount FROM public.orders WHERE amount > 6) AS large"),
        ("dbtable", "(select id, amount from orders where amount > 6) large"),
        ("query", 'SELECT "id", o.amount FROM public.orders o WHERE o.amount > 6'),
        ("sampleQuery", "select orders.id, orders.amount from sales.orders where orders.amount > 6;"),
        ("query", "with l as (select * from orders where amount > 6) select id, amount from l"),
        (
            "query",
            "SELECT o.id, o.amount FROM public.orders o\n JOIN customers c ON c.id = o.customer\n"
            "WHERE c.name = 'Bob'",
        ),
    ],
)
def test_a_query_gives_what_the_database_would(glue: Any, sales: Path, key: str, query: str):
    frame = glue.create_dynamic_frame.from_options("postgresql", {**URL, key: query})
    assert rows(frame) == [{"id": 2, "amount": 9}]


def test_a_table_of_a_query_without_stand_in_is_named(glue: Any, sales: Path):
    with pytest.raises(LookupError, match="rds://db/sales/payments: no local stand-in"):
        glue.create_dynamic_frame.from_options("postgresql", {**URL, "query": "select * from payments"})


def test_a_predicate_holds_for_tables_of_databases(glue: Any, sales: Path):
    options = {**URL, "dbtable": "orders"}
    frame = glue.create_dynamic_frame.from_options("postgresql", options, push_down_predicate="amount > 6")
    assert [row["id"] for row in rows(frame)] == [2]


def test_a_connection_by_name_finds_the_table_wherever_it_is(glue: Any, sales: Path):
    options = {
        "useConnectionProperties": "true",
        "connectionName": "My connection",
        "dbtable": "public.orders",
    }
    frame = glue.create_dynamic_frame.from_options("postgresql", options)
    assert frame.count() == 2
    glue.write_dynamic_frame.from_jdbc_conf(frame, "My connection", {"dbtable": "orders"})
    assert glue.create_dynamic_frame.from_options("postgresql", {**URL, "dbtable": "orders"}).count() == 4


def test_a_sink_of_a_database_appends_to_the_stand_in(glue: Any, sales: Path):
    frame = glue.create_dynamic_frame.from_options("postgresql", {**URL, "dbtable": "orders"})
    glue.getSink("postgresql", **URL, dbtable="copies").writeFrame(frame)
    assert glue.create_dynamic_frame.from_options("postgresql", {**URL, "dbtable": "copies"}).count() == 2


def test_a_connection_s_facts_have_the_documented_keys(glue: Any):
    assert set(glue.extract_jdbc_conf(connection_name="c")) == {
        *("enforceSSL", "skipCustomJDBCCertValidation", "url", "fullUrl", "customJDBCCertString"),
        *("user", "customJDBCCert", "password", "vendor"),
    }


def test_statements_around_the_rows_are_told_not_to_be_run(
    glue: Any, sales: Path, caplog: pytest.LogCaptureFixture
):
    frame = glue.create_dynamic_frame.from_options("postgresql", {**URL, "dbtable": "orders"})
    options = {**URL, "dbtable": "copies", "preactions": "TRUNCATE TABLE copies"}
    glue.write_dynamic_frame.from_options(frame, "redshift", options)
    assert "preactions> | no server is here to run these statements" in caplog.text


@pytest.mark.parametrize(
    ("predicate", "expected"),
    [
        ("(year=='2026' and month=='01')", "((`year` + 0)=='2026' and (`month` + 0)=='01')"),
        ("`month` in (1, 2) and name = 'month'", "(`month` + 0) in (1, 2) and name = 'month'"),
        ("month_name = 'May' and Year(day) = 2026", "month_name = 'May' and Year(day) = 2026"),
    ],
)
def test_on_sail_numbers_of_partitions_are_no_names_of_folders(
    monkeypatch: pytest.MonkeyPatch, predicate: str, expected: str
):
    from awsglue.gluetypes import Field, IntegerType, StringType, StructType
    from awsglue.predicates import for_engine

    monkeypatch.setenv("SPARK_REMOTE", "sc://localhost")
    types = {"year": IntegerType(), "month": IntegerType(), "name": StringType()}
    assert for_engine(predicate, StructType([Field(name, kind) for name, kind in types.items()])) == expected
