"""The script that counts on a cluster, on a real Spark: its counts make the report of the engines here."""

import json
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pyarrow as pa
import pytest

from etl_platform.config.models.job import Job
from etl_platform.quality.engine import evaluate
from etl_platform.quality.remote import remote_check, remote_report
from etl_platform.quality.rules import rules_of
from etl_platform_tests.quality import zoo
from etl_platform_tests.quality.builders import config_of, job_with, lake, write

pytestmark = pytest.mark.slow

NOW = datetime(2024, 3, 2, tzinfo=timezone.utc)


def counted(spark: Any, folder, job: Job, **options: Any):
    """The report on what the script counts, from a document that went through JSON both ways."""
    from etl_platform.runtime.rule_counts import Counting

    config, rules = config_of(job, folder=folder), [r for r in rules_of(job) if r.dataset == "target"]
    check = remote_check(config, job, "target", rules=rules, now=NOW, **options)
    # The local stand-in of S3, which Spark in this process does not know.
    document = json.dumps(check.document).replace("s3://lake", str(folder / "root/s3/lake"))
    counts = Counting(spark.newSession(), json.loads(document)).counts()
    counts = json.loads(json.dumps(counts))
    return remote_report(config, job, "target", check, counts, rules=rules, start=0.0)


def comparable(report):
    results = [replace(result, seconds=0.0, failing_values=(), failing_rows=()) for result in report.results]
    return results, report.rows, report.scans, report.engine, report.passed


def test_rules_of_every_kind_count_as_in_this_process_and_as_the_reference(spark, tmp_path):
    table = zoo.zoo()
    write(table, lake(tmp_path))
    write(pa.table({"letter": pa.array(zoo.LETTERS, pa.string())}), lake(tmp_path, "letters"))
    job = job_with(
        {**zoo.quality(), "freshness": {"field": "when", "max_age_hours": 24}},
        sources=[{"name": "letters", "source_type": "s3", "path": "s3://lake/letters/"}],
        execution={"script_path": "x.py", "timezone": zoo.ZONE},
    )
    report = counted(spark, tmp_path, job)
    here = evaluate(
        config_of(job, folder=tmp_path),
        job,
        "target",
        engine="spark",
        spark=spark,
        now=NOW,
        show_values=False,
    )
    assert comparable(report) == comparable(here)
    counts = [result.rows_failed for result in report.results]
    expected = zoo.expected(table)
    freshness = next(n for n, result in enumerate(report.results) if result.rule.kind == "freshness")
    del counts[freshness]
    assert counts == expected


def test_a_rule_whose_column_is_missing_or_of_another_type_fails_alone(spark, tmp_path):
    write([{"x": 1, "s": "a"}], lake(tmp_path))
    quality = {
        "completeness_checks": [
            {"field": "nowhere"},
            {"field": "x"},
            {"field": "maybe", "required": False},
        ],
        "accuracy_rules": [{"field": "s", "rule_type": "range", "min": 0}],
        "custom_validations": [{"name": "c", "sql": "nowhere > 1"}],
        "duplicate_check": {"key_fields": ["nowhere"]},
    }
    report = counted(spark, tmp_path, job_with(quality))
    here = evaluate(
        config_of(job_with(quality), folder=tmp_path),
        job_with(quality),
        "target",
        engine="spark",
        spark=spark,
    )
    assert [result.error for result in report.results] == [result.error for result in here.results]
    assert [result.passed for result in report.results] == [False, True, True, False, False, False]


def test_a_query_that_spark_breaks_off_is_the_error_of_its_rule_alone(spark, tmp_path):
    write([{"x": 1, "s": "a"}], lake(tmp_path))
    quality = {
        "completeness_checks": [{"field": "x"}],
        "custom_validations": [{"name": "c", "sql": "s.inner > 1"}],
    }
    report = counted(spark, tmp_path, job_with(quality))
    assert [(r.rows_failed, bool(r.error)) for r in report.results] == [(0, False), (None, True)]


def test_only_the_folders_of_the_partition_are_counted(spark, tmp_path):
    target = {"type": "s3", "path": "s3://lake/out/", "partition_by": ["day"]}
    write([{"x": None}, {"x": 1}], lake(tmp_path, "out/day=2024-01-01"))
    write([{"x": 1}], lake(tmp_path, "out/day=2024-01-02"))
    job = job_with({"completeness_checks": [{"field": "x"}, {"field": "day"}]}, target=target)
    report = counted(spark, tmp_path, job, partition_key="2024-01-02")
    assert [(r.rows_checked, r.rows_failed) for r in report.results] == [(1, 0), (1, 0)]


def test_a_sample_has_its_interval(spark, tmp_path):
    write(pa.table({"x": [None, 1] * 2000, "k": range(4000)}), lake(tmp_path))
    quality = {
        "sample_size": 1000,
        "completeness_checks": [{"field": "x"}],
        "duplicate_check": {"key_fields": ["k"]},
    }
    nulls, unique = counted(spark, tmp_path, job_with(quality)).results
    assert nulls.interval_percent is not None
    assert nulls.interval_percent[0] < 50 < nulls.interval_percent[1]
    assert (unique.rows_checked, unique.rows_failed, unique.interval_percent) == (4000, 0, None)


def test_a_parent_that_is_missing_is_the_error_of_its_rule_alone(spark, tmp_path):
    write([{"x": 1}], lake(tmp_path))
    link = {"child_table": "target", "child_key": "x", "parent_table": "p", "parent_key": "id"}
    quality = {"completeness_checks": [{"field": "x"}], "referential_integrity": [link]}
    source = {"name": "p", "source_type": "s3", "path": "s3://lake/p/"}
    nulls, orphans = counted(spark, tmp_path, job_with(quality, sources=[source])).results
    assert (nulls.rows_failed, nulls.error) == (0, None)
    assert orphans.error is not None and "does not exist" in orphans.error


def test_declared_types_of_csv_are_taken(spark, tmp_path):
    (lake(tmp_path) / "a.csv").write_text("x,s\n1,a\n,b\n")
    target = {
        "type": "s3",
        "path": "s3://lake/out/",
        "format": "csv",
        "schema": {"x": "bigint", "s": "string"},
    }
    report = counted(spark, tmp_path, job_with({"completeness_checks": [{"field": "x"}]}, target=target))
    assert report.columns == {"x": "bigint", "s": "string"}
    assert [result.rows_failed for result in report.results] == [1]


def test_messages_that_may_quote_personal_data_stay_on_the_cluster(spark, tmp_path):
    (lake(tmp_path) / "a.csv").write_text("x\nMarie Curie\n")
    target = {"type": "s3", "path": "s3://lake/out/", "format": "csv", "schema": {"x": "bigint"}}
    rules = {"accuracy_rules": [{"field": "x", "rule_type": "range", "min": 1}]}
    job = job_with(rules, target=target, compliance={"pii_fields": ["x"]})
    (result,) = counted(spark, tmp_path, job).results
    assert result.error is not None and "withheld" in result.error and "Curie" not in repr(result)
