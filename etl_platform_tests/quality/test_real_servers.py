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

from etl_platform.config.models.job import Job
from etl_platform.quality.engine import evaluate
from etl_platform.quality.report import DatasetReport
from etl_platform_tests.quality import zoo
from etl_platform_tests.quality.builders import config_of, lake, write
from etl_platform_tests.quality.server_zoo import REFUSED, different, expressions_on, job_on, stored

URLS = os.environ.get("ETL_PLATFORM_TEST_SERVERS", "").split()

TYPES = {
    "postgresql": "i bigint, n integer, f double precision, r real, d numeric(10,2), s text, t varchar(40), "
    'b boolean, day date, "at" timestamp, "when" timestamptz, raw bytea',
    "mysql": "i bigint, n int, f double, r float, d decimal(10,2), s text, t varchar(40), b tinyint(1), "
    "day date, `at` datetime(6), `when` timestamp(6) null, raw varbinary(10)",
}


def backend_of(url: str) -> str:
    return sa.make_url(url).get_backend_name()


def fill(url: str) -> pa.Table:
    """Make the tables anew; gives the rows of the zoo."""
    table = stored(backend_of(url))
    utc = "SET time_zone = '+00:00'" if backend_of(url) == "mysql" else "SET TIME ZONE 'UTC'"
    columns = sa.table("zoo", *map(sa.column, table.column_names))
    with sa.create_engine(url).begin() as connection:
        for statement in (
            utc,
            "DROP TABLE IF EXISTS zoo",
            "DROP TABLE IF EXISTS letters",
            f"CREATE TABLE zoo ({TYPES[backend_of(url)]})",
            "CREATE TABLE letters (letter varchar(9))",
        ):
            connection.execute(sa.text(statement))
        connection.execute(sa.insert(columns), table.to_pylist())
        letters = sa.table("letters", sa.column("letter"))
        connection.execute(sa.insert(letters), [{"letter": letter} for letter in zoo.LETTERS])
    return table


def source(url: str, table: str) -> dict[str, Any]:
    kind = "mysql" if backend_of(url) == "mysql" else "postgres"
    return {"source_type": kind, "url": url, "table": table}


def report_of(job: Job, folder: Path) -> DatasetReport:
    config = replace(config_of(job, folder=folder), profile="aws")
    now = datetime(2024, 3, 4, tzinfo=timezone.utc)
    return evaluate(config, job, "zoo", now=now, show_values=False)


@pytest.mark.parametrize("url", URLS)
def test_a_server_counts_as_the_reference_does(url: str, tmp_path: Path) -> None:
    table = fill(url)
    report = report_of(job_on(source(url, "zoo"), {"name": "letters", **source(url, "letters")}), tmp_path)
    found = different(report, table)
    assert "breaks the query off" in str(found.pop(REFUSED)[2])
    assert found == {}
    # All rows rules, one unique key, one foreign key over child and parent.
    assert report.scans == 4


@pytest.mark.parametrize("url", URLS)
def test_a_server_answers_custom_validations_as_the_local_engine_does(url: str, tmp_path: Path) -> None:
    write(fill(url), lake(tmp_path, "zoo"))
    here = expressions_on({"source_type": "s3", "path": "s3://lake/zoo/"})
    local = evaluate(config_of(here, folder=tmp_path), here, "zoo", engine="local", show_values=False)
    there = report_of(expressions_on(source(url, "zoo")), tmp_path)
    wanted = [(result.rule.description, result.rows_failed, None) for result in local.results]
    assert [(r.rule.description, r.rows_failed, r.error) for r in there.results] == wanted


@pytest.mark.parametrize("url", URLS)
def test_a_server_draws_a_sample(url: str, tmp_path: Path) -> None:
    fill(url)
    job = job_on(source(url, "zoo"), {"name": "letters", **source(url, "letters")}, sample_size=100)
    report = report_of(job, tmp_path)
    assert report.rows == zoo.ROWS
    assert report.sampled_rows is not None and 50 < report.sampled_rows < 200
