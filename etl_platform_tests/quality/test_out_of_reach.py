"""Rules on what has no files: those on streams warn, those on tables that cannot be asked hold a run back."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from etl_platform.quality.engine import evaluate
from etl_platform.quality.report import DatasetReport
from etl_platform_tests.platforms.builders import config_of, job_of


def report_on(folder: Path, **source: Any) -> DatasetReport:
    rule = {"dataset": "input", "field": "id", "severity": "critical", "action": "fail_job"}
    job = job_of(data_sources=[{"name": "input", **source}], data_quality={"completeness_checks": [rule]})
    return evaluate(replace(config_of(folder, job), profile="aws"), job, "input")


def test_a_rule_on_a_stream_only_says_why_it_was_not_looked_at(tmp_path: Path) -> None:
    report = report_on(tmp_path, source_type="kinesis", stream_name="clicks")
    assert report.out_of_reach and report.blocking_failures == ()
    (result,) = report.results
    assert not result.passed and "a source of type `s3` where Firehose delivers" in str(result.error)


def test_a_rule_on_dynamodb_holds_the_run_back_and_says_what_to_do(tmp_path: Path) -> None:
    (result,) = report_on(tmp_path, source_type="dynamodb", table_name="profiles").blocking_failures
    assert "Declare a source of type `s3` on a copy" in str(result.error)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ({"source_type": "postgres", "url": "postgresql+pg8000://u@127.0.0.1:1/d"}, "pip install"),
        ({"source_type": "mysql", "url": "mysql:///"}, "pip install"),
        ({"source_type": "postgres", "url": "${SECRET:no_such_secret}"}, "no_such_secret"),
        ({"source_type": "redshift", "cluster": "c", "database": "d", "secret": "no arn"}, "be its ARN"),
    ],
)
def test_a_rule_on_a_table_whose_server_cannot_be_asked_holds_the_run_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: dict[str, Any], reason: str
) -> None:
    monkeypatch.setattr("etl_platform.catalog.database.find_spec", lambda name: None)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    (result,) = report_on(tmp_path, table="t", **source).blocking_failures
    assert reason in str(result.error)


def test_data_that_is_missing_still_stops_it(tmp_path: Path) -> None:
    rule = {"dataset": "input", "field": "id", "severity": "critical", "action": "fail_job"}
    source = {"name": "input", "source_type": "s3", "path": "s3://lake/none", "format": "csv"}
    job = job_of(data_sources=[source], data_quality={"completeness_checks": [rule]})
    report = evaluate(config_of(tmp_path, job), job, "input")
    assert not report.out_of_reach and len(report.blocking_failures) == 1
