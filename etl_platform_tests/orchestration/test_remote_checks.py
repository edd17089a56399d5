"""Rules counted by a run of a platform: the local one stands in for a cluster, and runs the very script."""

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pyarrow as pa
import pytest

from etl_platform.config.models.global_settings import GlobalSettings
from etl_platform.config.project import Config
from etl_platform.orchestration.remote_checks import (
    Cluster,
    RemoteCheckError,
    check_job,
    cluster_of,
    evaluate_remotely,
)
from etl_platform.platforms.local import LocalPlatform
from etl_platform.quality.engine import evaluate
from etl_platform.quality.rules import rules_of
from etl_platform.tracking.open import open_store
from etl_platform_tests.quality import zoo
from etl_platform_tests.quality.builders import job_with, lake, write

NOW = datetime(2024, 3, 2, tzinfo=timezone.utc)


def config_of(folder: Path, job) -> Config:
    settings = {"local": {"root": "root", "engine": "spark"}, "artifacts": {"s3_uri": "s3://artifacts/etl"}}
    return Config(
        path=folder / "etl_config.json", jobs=(job,), settings=GlobalSettings.model_validate(settings)
    )


def remote(folder: Path, job, **options):
    config = config_of(folder, job)
    rules = [rule for rule in rules_of(job) if rule.dataset == "target"]
    cluster = Cluster(LocalPlatform(), attempt_group="run/step")
    return evaluate_remotely(config, job, "target", cluster, rules=rules, clock=lambda: NOW, **options)


@pytest.mark.slow
def test_a_run_of_the_script_makes_the_report_of_the_engine_here(tmp_path):
    write(zoo.zoo(), lake(tmp_path))
    write(pa.table({"letter": pa.array(zoo.LETTERS, pa.string())}), lake(tmp_path, "letters"))
    job = job_with(
        zoo.quality(),
        sources=[{"name": "letters", "source_type": "s3", "path": "s3://lake/letters/"}],
        execution={"script_path": "x.py", "timezone": zoo.ZONE},
    )
    report = remote(tmp_path, job)
    here = evaluate(config_of(tmp_path, job), job, "target", engine="local", now=NOW, show_values=False)
    alike = {"seconds": 0.0, "engine": ""}
    assert replace(report, results=(), **alike) == replace(here, results=(), **alike)
    assert [replace(each, seconds=0.0) for each in report.results] == [
        replace(each, seconds=0.0) for each in here.results
    ]
    assert [result.rows_failed for result in report.results] == zoo.expected(zoo.zoo())
    (record,) = open_store(config_of(tmp_path, job)).executions("orders__checks").items
    assert (record.status, record.job_type) == ("success", "local")


@pytest.mark.slow
def test_a_run_that_fails_says_why_and_names_its_execution(tmp_path):
    write([{"x": 1}], lake(tmp_path))
    job = job_with(
        {"completeness_checks": [{"field": "x"}]},
        execution={"script_path": "x.py", "spark_conf": {"spark.sql.shuffle.partitions": "none"}},
    )
    with pytest.raises(
        RemoteCheckError, match=r"could not be counted on local(.|\n)*etl-platform show exec-"
    ):
        remote(tmp_path, job)


def test_missing_data_starts_no_run(tmp_path):
    (result,) = remote(tmp_path, job_with({"completeness_checks": [{"field": "x"}]})).results
    assert result.error is not None and "does not exist" in result.error


class TestCheckJob:
    def made(self, tmp_path, gigabytes=1.0, **platform):
        job = job_with({}, platform=platform)
        return check_job(config_of(tmp_path, job), job, "exec-1", gigabytes=gigabytes)

    def test_it_is_small_and_leaves_the_definition_of_the_job_alone(self, tmp_path):
        made = self.made(tmp_path, glue_job_name="orders", dpu_count=40, iam_role="runner")
        assert made.job_id == "orders__checks"
        assert (made.platform.glue_job_name, made.platform.dpu_count) == (None, 2)
        assert made.platform.iam_role == "runner"
        assert made.target is None and made.data_sources == []

    def test_it_grows_with_the_data_and_not_beyond_the_job(self, tmp_path):
        assert self.made(tmp_path, gigabytes=55.0, dpu_count=40).platform.dpu_count == 7
        assert self.made(tmp_path, gigabytes=5500.0, dpu_count=40).platform.dpu_count == 40

    def test_it_gets_its_documents_by_arguments(self, tmp_path):
        arguments = self.made(tmp_path).execution.arguments
        assert arguments == {
            "RULES": "s3://artifacts/etl/checks/exec-1/rules.json",
            "COUNTS": "s3://artifacts/etl/checks/exec-1/counts",
        }


@pytest.mark.parametrize(
    ("platform", "expected"),
    [
        ({"user_preference": "emr_serverless"}, "emr_serverless"),
        ({"user_preference": "lambda"}, None),
        ({"user_preference": "lambda", "allowed_platforms": ["batch", "emr"]}, "emr"),
        ({}, None),
    ],
)
def test_rules_run_on_a_platform_of_the_job_that_has_spark(platform, expected, tmp_path):
    job = job_with({}, platform=platform)
    assert cluster_of(config_of(tmp_path, job), job) == expected
