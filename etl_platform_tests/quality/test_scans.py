"""How often files are passed over, counted by the engine itself."""

import json
import re
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import pytest
from pandera.errors import SchemaErrors

from etl_platform.catalog.location import Location
from etl_platform.quality import backend
from etl_platform.quality.files import find_files
from etl_platform.quality.local_frame import connect, open_local
from etl_platform.quality.rules import rules_of
from etl_platform.quality.schema import Context, schema_of
from etl_platform_tests.quality import zoo
from etl_platform_tests.quality.builders import check, job_with, lake, write

ROW_RULES = {
    "completeness_checks": [{"field": "s"}, {"field": "i"}],
    "accuracy_rules": [
        {"field": "i", "rule_type": "range", "min": -9},
        {"field": "s", "rule_type": "length", "max": 99},
        {"field": "t", "rule_type": "type", "expected": "string"},
    ],
    "custom_validations": [{"name": "c", "sql": "i is null or i < 99"}],
    "freshness": {"field": "at", "max_age_hours": 1},
    "row_count": {"min": 1},
    "schema_check": {"columns": {"i": "bigint"}},
}


def rows_read(profile):
    """Rows that scans of files gave, by DuckDB's own profile of a query."""
    if isinstance(profile, list):
        return sum(map(rows_read, profile))
    if not isinstance(profile, dict):
        return 0
    inner = sum(rows_read(value) for value in profile.values() if isinstance(value, list))
    return inner + profile.get("rows_scanned", 0)


LINK = {"child_table": "target", "child_key": "s", "parent_table": "itself", "parent_key": "t"}


@pytest.mark.parametrize(
    ("further", "passes"),
    [
        ({}, 1),
        ({"duplicate_check": {"key_fields": ["i"]}}, 2),
        # One of the child, and one of the parent, which is the same here.
        ({"referential_integrity": [LINK]}, 3),
    ],
)
def test_duckdb_itself_reads_the_rows_as_often_as_is_said(further, passes, tmp_path):
    write(zoo.zoo(), lake(tmp_path))
    rules = rules_of(job_with({**ROW_RULES, **further}))
    read = 0
    with connect("UTC") as connection:
        frame = open_local(
            connection, "data", find_files(Location("s3://lake/out/", lake(tmp_path), "parquet"))
        )
        connection.execute("SET enable_profiling = 'no_output'")
        collect = frame.collect

        def counted(relation):
            nonlocal read
            rows = collect(relation)
            read += rows_read(json.loads(connection.get_profiling_information(format="json")))
            return rows

        frame.collect = counted
        context = Context(frame.columns, ZoneInfo("UTC"), datetime.now(timezone.utc))
        schema = schema_of(rules, context, dataset="target").schema
        backend.register()
        checked = backend.Checked(frame, frame, lambda name: frame)
        with pytest.raises(SchemaErrors):
            schema.validate(checked, lazy=True)
    assert frame.scans == passes
    # Of the last pass, DuckDB leaves out what a filter of the keys rules out before.
    assert (passes - 1) * zoo.ROWS < read <= passes * zoo.ROWS


@pytest.mark.slow
def test_spark_reads_files_once_for_all_row_rules(tmp_path, spark):
    from pyspark.sql import DataFrame

    write(zoo.zoo(), lake(tmp_path))
    plans = []
    collect = DataFrame.collect
    quality = {key: rule for key, rule in ROW_RULES.items() if key != "freshness"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(spark.range(1)), "collect", lambda df: plans.append(_plan(df)) or collect(df))
        report = check(zoo.zoo(), quality, tmp_path, engine="spark", spark=spark, show_values=False)
    assert [result.error for result in report.results if result.error] == []
    assert sum(len(re.findall("FileScan parquet", plan)) for plan in plans) == report.scans


def _plan(df):
    return df._jdf.queryExecution().executedPlan().toString()
