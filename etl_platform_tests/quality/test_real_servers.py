"""The contract of servers: a real one counts as the reference does, for every kind of rule and value.

The suite starts no servers, and brings no drivers. Where there are empty databases and `pip install pg8000
pymysql`, name them:

    ETL_PLATFORM_TEST_SERVERS="postgresql+pg8000://me@127.0.0.1/empty mysql+pymysql://me@127.0.0.1/empty2" \\
        pytest etl_platform_tests/quality/test_real_servers.py
"""

import os
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from etl_platform.quality.engine import evaluate
from etl_platform.quality.report import DatasetReport
from etl_platform_tests.quality import zoo
from etl_platform_tests.quality.builders import config_of, job_with

URLS = os.environ.get("ETL_PLATFORM_TEST_SERVERS", "").split()

TYPES = {
    "postgresql": "i bigint, n integer, f double precision, r real, d numeric(10,2), s text, t varchar(40), "
    'b boolean, day date, "at" timestamp, "when" timestamptz, raw bytea',
    "mysql": "i bigint, n int, f double, r float, d decimal(10,2), s text, t varchar(40), b tinyint(1), "
    "day date, `at` datetime(6), `when` timestamp(6) null, raw varbinary(10)",
}


def stored(backend: str) -> pa.Table:
    """The zoo without what a server has no type or value for."""
    table = zoo.zoo().drop_columns(["list"])
    rows = table.to_pylist()
    for row in rows if backend == "mysql" else ():
        for field in ("f", "r"):
            if row[field] is not None and (row[field] != row[field] or row[field] == float("inf")):
                row[field] = None
    return pa.Table.from_pylist(rows, table.schema)


def fill(url: str, table: pa.Table) -> None:
    backend = sa.make_url(url).get_backend_name()
    utc = "SET time_zone = '+00:00'" if backend == "mysql" else "SET TIME ZONE 'UTC'"
    columns = sa.table("zoo", *map(sa.column, table.column_names))
    with sa.create_engine(url).begin() as connection:
        for statement in (
            utc,
            "DROP TABLE IF EXISTS zoo",
            "DROP TABLE IF EXISTS letters",
            f"CREATE TABLE zoo ({TYPES[backend]})",
            "CREATE TABLE letters (letter varchar(9))",
        ):
            connection.execute(sa.text(statement))
        connection.execute(sa.insert(columns), table.to_pylist())
        letters = sa.table("letters", sa.column("letter"))
        connection.execute(sa.insert(letters), [{"letter": letter} for letter in zoo.LETTERS])


def report_of(url: str, folder: Path, **further: Any) -> tuple[DatasetReport, pa.Table]:
    """What comes of the rules on the zoo in a server, and the rows that stand there."""
    backend = sa.make_url(url).get_backend_name()
    kind = "mysql" if backend == "mysql" else "postgres"
    table = stored(backend)
    fill(url, table)
    quality: dict[str, Any] = zoo.quality() | further
    quality["completeness_checks"] = [{"field": field} for field in table.column_names]
    quality["freshness"] = {"field": "when", "max_age_hours": 24}
    for rules in quality.values():
        for rule in rules if isinstance(rules, list) else [rules] if isinstance(rules, dict) else []:
            rule |= {"child_table": "zoo"} if "child_table" in rule else {"dataset": "zoo"}
    sources = [{"name": name, "source_type": kind, "url": url, "table": name} for name in ("zoo", "letters")]
    execution = {"script_path": "x.py", "timezone": zoo.ZONE}
    job = job_with(quality, sources=sources, target=None, execution=execution)
    config = replace(config_of(job, folder=folder), profile="aws")
    return evaluate(config, job, "zoo", now=datetime(2024, 3, 4, tzinfo=timezone.utc)), table


@pytest.mark.parametrize("url", URLS)
def test_a_server_counts_as_the_reference_does(url: str, tmp_path: Path) -> None:
    report, table = report_of(url, tmp_path)
    results = {result.rule.check_name: result for result in report.results}
    assert "breaks the query off" in str(results.pop("custom__c10").error)
    assert results.pop("freshness__when").passed
    rows, columns = zoo.expected(table)[:-2], [None, None, None]
    wanted = dict(zip((r.rule.check_name for r in report.results), [*rows, *columns], strict=True))
    assert [result.error for result in results.values() if result.error] == []
    counts = {name: result.rows_failed for name, result in results.items()}
    assert counts == {name: wanted[name] for name in counts}


@pytest.mark.parametrize("url", URLS)
def test_a_server_draws_a_sample(url: str, tmp_path: Path) -> None:
    report, _ = report_of(url, tmp_path, sample_size=100)
    assert report.rows == zoo.ROWS
    assert report.sampled_rows is not None and 50 < report.sampled_rows < 200
