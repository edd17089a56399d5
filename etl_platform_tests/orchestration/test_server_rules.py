"""Rules on tables of servers in Dagster, under the profile `aws`: they hold a run back, or warn."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from etl_platform.config.project import Config
from etl_platform.orchestration.bad_rows import put_aside
from etl_platform.orchestration.build import build_definitions
from etl_platform.orchestration.resources import AwsResource
from etl_platform.quality.engine import evaluate
from etl_platform_tests.platforms.fake_platform import FakePlatform, FakeTime
from etl_platform_tests.projects import load_project
from etl_platform_tests.quality.server_stand_ins import Answering, Connection
from etl_platform_tests.quality.server_zoo import stored

SOURCE = {"source_type": "postgres", "url": "postgresql+pg8000://etl@127.0.0.1/shop", "table": "zoo"}


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakePlatform]:
    """A platform in memory, and a PostgreSQL with the table `zoo`."""
    server = Answering("postgres", stored("postgres"))

    @contextmanager
    def connected(*_: Any, **__: Any) -> Iterator[Connection]:
        yield Connection(server)

    found = FakePlatform(FakeTime(), seconds=0)
    monkeypatch.setattr("etl_platform.quality.servers.connected", connected)
    monkeypatch.setattr(AwsResource, "platform", lambda self, config: found)
    yield found
    server.connection.close()


def project(folder: Path, rule: dict[str, Any], source: dict[str, Any]) -> Config:
    job = {
        "job_id": "clean",
        "execution": {"script_path": "job.py"},
        "platform": {"user_preference": "glue", "worker_type": "G.1X", "dpu_count": 5.0},
        "workload": {"data_volume_gb": 1.0},
        "data_sources": [{"name": "stores", **source}],
        "data_quality": {
            "accuracy_rules": [{"field": "i", "rule_type": "range", **rule, "dataset": "stores"}]
        },
    }
    settings = {"profile": "aws", "aws_region": "us-east-1", "tracking": {"backend": "sqlite"}}
    return load_project(folder, job, scripts={"job.py": ""}, settings=settings)


def run(config: Config, *, checks: bool) -> dg.ExecuteInProcessResult:
    with dg.DagsterInstance.ephemeral() as instance:
        job = build_definitions(config).resolve_job_def("etl")
        if not checks:
            job = job.get_subset(asset_selection={dg.AssetKey("clean")}, asset_check_selection=set())
        return job.execute_in_process(instance=instance, raise_on_error=False)


@pytest.mark.parametrize("checks", [True, False], ids=["with its checks", "alone"])
def test_a_critical_rule_on_a_table_of_a_server_holds_the_run_back(
    tmp_path: Path, platform: FakePlatform, checks: bool
) -> None:
    config = project(tmp_path, {"min": 0, "severity": "critical"}, SOURCE)
    assert not run(config, checks=checks).success
    assert platform.runs == {}


@pytest.mark.parametrize("checks", [True, False], ids=["with its checks", "alone"])
def test_a_critical_rule_that_holds_lets_the_run_begin(
    tmp_path: Path, platform: FakePlatform, checks: bool
) -> None:
    config = project(tmp_path, {"min": -100, "severity": "critical"}, SOURCE)
    assert run(config, checks=checks).success
    assert len(platform.runs) == 1


def test_bad_rows_of_a_server_stay_there_and_the_warning_says_what_to_do(
    tmp_path: Path, platform: FakePlatform
) -> None:
    config = project(tmp_path, {"min": 0, "severity": "high", "action": "quarantine"}, SOURCE)
    job = config.job("clean")
    report = evaluate(config, job, "stores")
    places, (warning,) = put_aside(config, job, report, "run-1", None)
    assert places == {} and report.blocking_failures == ()
    assert "accuracy__i__range stay in the server's table. Give the rules the action" in warning


def test_a_critical_rule_on_dynamodb_holds_the_run_back_and_says_what_to_do(
    tmp_path: Path, platform: FakePlatform
) -> None:
    source = {"source_type": "dynamodb", "table_name": "profiles"}
    result = run(project(tmp_path, {"min": 0, "severity": "critical"}, source), checks=False)
    (event,) = (event for event in result.all_events if event.is_step_failure)
    assert "Declare a source of type `s3` on a copy" in event.step_failure_data.error_display_string
    assert platform.runs == {}


def test_a_critical_rule_on_a_stream_warns(tmp_path: Path, platform: FakePlatform) -> None:
    source = {"source_type": "kinesis", "stream_name": "clicks"}
    result = run(project(tmp_path, {"min": 0, "severity": "critical"}, source), checks=True)
    assert result.success
    (evaluation,) = result.get_asset_check_evaluations()
    assert (evaluation.passed, evaluation.severity) == (False, dg.AssetCheckSeverity.WARN)
