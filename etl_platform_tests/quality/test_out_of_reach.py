"""Rules on what is not made of files warn, and hold nothing back."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from etl_platform.quality.engine import evaluate
from etl_platform_tests.platforms.builders import config_of, job_of

SOURCES = [
    {"source_type": "kinesis", "stream_name": "clicks"},
    {"source_type": "dynamodb", "table_name": "profiles"},
    {"source_type": "redshift", "cluster": "c", "database": "d", "table": "t"},
    {"source_type": "rds", "instance": "i", "database": "d", "table": "t"},
]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source["source_type"])
def test_a_rule_that_would_stop_the_job_only_says_why_it_was_not_looked_at(
    tmp_path: Path, source: dict[str, Any]
) -> None:
    rule = {"dataset": "input", "field": "id", "severity": "critical", "action": "fail_job"}
    job = job_of(data_sources=[{"name": "input", **source}], data_quality={"completeness_checks": [rule]})
    report = evaluate(replace(config_of(tmp_path, job), profile="aws"), job, "input")
    assert report.out_of_reach and report.blocking_failures == ()
    (result,) = report.results
    assert not result.passed and "no files under profile aws" in str(result.error)


def test_data_that_is_missing_still_stops_it(tmp_path: Path) -> None:
    rule = {"dataset": "input", "field": "id", "severity": "critical", "action": "fail_job"}
    source = {"name": "input", "source_type": "s3", "path": "s3://lake/none", "format": "csv"}
    job = job_of(data_sources=[source], data_quality={"completeness_checks": [rule]})
    report = evaluate(config_of(tmp_path, job), job, "input")
    assert not report.out_of_reach and len(report.blocking_failures) == 1
