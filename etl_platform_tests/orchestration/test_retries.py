"""Retries of runs on a platform in memory: what the failure before changes, and what is recorded of it."""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from etl_platform.config.project import Config
from etl_platform.decide.remedies import Remedy
from etl_platform.notify import deliver
from etl_platform.orchestration import step
from etl_platform.orchestration.build import build_definitions
from etl_platform.orchestration.keys import Graph
from etl_platform.orchestration.notifications import tell_of_run
from etl_platform.orchestration.resources import AwsResource
from etl_platform.orchestration.retrying import retry_request
from etl_platform.platforms.errors import TransientError
from etl_platform.platforms.protocol import RunHandle, RunOutcome, RunRequest
from etl_platform.platforms.records import started
from etl_platform.tracking.open import open_store
from etl_platform.tracking.records import CostBreakdown, ErrorClass, ErrorDetails, JobExecution
from etl_platform_tests.platforms.fake_platform import FakePlatform, FakeTime
from etl_platform_tests.projects import load_project

GLUE = {"user_preference": "glue", "worker_type": "G.1X", "dpu_count": 5.0}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


class Scripted(FakePlatform):
    """Its runs fail one after the other with given classes of errors, and then succeed, at once."""

    def __init__(self, *errors: ErrorClass, usage: dict[str, float] | None = None):
        super().__init__(FakeTime(), seconds=0)
        self.errors: Sequence[ErrorClass] = errors
        self.usage = usage or {}

    @property
    def sizes(self) -> list[tuple[Any, ...]]:
        keys = [run.request.job.platform for run in self.runs.values()]
        return [(one.worker_type, one.dpu_count, one.execution_class) for one in keys]

    def submit(self, request: RunRequest) -> RunHandle:
        self.ends_as = "failed" if self.errors else "success"
        return super().submit(request)

    def outcome(self, request: RunRequest, handle: RunHandle) -> RunOutcome:
        outcome = replace(super().outcome(request, handle), usage=self.usage)
        if outcome.status == "success":
            return outcome
        error = ErrorDetails(error_occurred=True, error_message="it broke", error_class=self.errors[0])
        self.errors = self.errors[1:]
        return replace(outcome, error=error)


def project(folder: Path, platform: dict[str, Any], **sections: Any) -> Config:
    job = {
        "job_id": "clean",
        "execution": {"script_path": "job.py", "max_retries": 2, "retry_delay_minutes": 0},
        "workload": {"data_volume_gb": 20.0},
        "platform": platform,
        **sections,
    }
    tracking = {"backend": "sqlite"}
    settings = {"profile": "aws", "aws_region": "us-east-1", "tracking": tracking}
    return load_project(folder, job, scripts={"job.py": ""}, settings=settings)


def materialize(
    config: Config, instance: dg.DagsterInstance, platform: FakePlatform, monkeypatch: pytest.MonkeyPatch
) -> dg.ExecuteInProcessResult:
    monkeypatch.setattr(AwsResource, "platform", lambda self, config: platform)
    job = build_definitions(config).resolve_job_def("etl")
    return job.execute_in_process(instance=instance, raise_on_error=False)


def attempts(config: Config) -> list[JobExecution]:
    """The runs of the job, oldest first."""
    return open_store(config).executions("clean").items[::-1]


def test_a_retry_takes_the_remedy_of_the_failure_before(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = project(tmp_path, GLUE)
    platform = Scripted("out_of_memory", "out_of_memory")
    assert materialize(config, instance, platform, monkeypatch).success
    assert [size[:2] for size in platform.sizes] == [("G.1X", 5), ("G.2X", 10), ("G.4X", 20)]
    _, second, third = attempts(config)
    assert third.optimizations_applied is not None
    (optimization,) = third.optimizations_applied
    assert optimization.applied
    assert "G.4X" in optimization.description
    assert second.platform_decision is not None
    assert "ran out of memory on G.1X: G.2X" in (second.platform_decision.decision_reasoning or "")


def test_a_remedy_outlasts_the_next_failure(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = project(tmp_path, {**GLUE, "execution_class": "flex"})
    platform = Scripted("capacity", "unknown")
    assert materialize(config, instance, platform, monkeypatch).success
    assert [size[2] for size in platform.sizes] == ["flex", "standard", "standard"]


def test_a_failure_that_no_change_helps_is_not_retried(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = project(tmp_path, {**GLUE, "max_dpu": 8.0})
    platform = Scripted("out_of_memory", "out_of_memory")
    materialize(config, instance, platform, monkeypatch)
    assert len(platform.runs) == 1


@pytest.mark.parametrize(
    ("keys", "retries", "seconds"),
    [({}, 0, 300), ({"retry_delay_minutes": 1}, 0, None), ({}, 1, None)],
)
def test_a_throttled_run_waits_longer_than_the_default_policy(
    tmp_path: Path, keys: dict[str, Any], retries: int, seconds: float | None
) -> None:
    execution = {"script_path": "job.py", "max_retries": 1, **keys}
    job = project(tmp_path, GLUE, execution=execution).job("clean")
    found = retry_request(job, retries, Remedy(True, "later", wait_seconds=300))
    assert (found.seconds_to_wait if found else None) == seconds


def test_a_retry_goes_back_to_a_run_that_may_still_go_on(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = project(tmp_path, {"allowed_platforms": ["glue", "lambda"]})
    group = "first-run/clean/"
    job = config.job("clean")
    left = RunRequest(job, config, "exec-left", group, timeout_seconds=60)
    platform = Scripted()
    store = open_store(config)
    store.put_execution(started(left, "glue", 1_790_000_000.0))
    platform.submit(left)
    monkeypatch.setattr(step, "attempt_group", lambda *about: group)
    assert materialize(config, instance, platform, monkeypatch).success
    assert len(platform.runs) == 1
    record = store.execution("exec-left")
    assert record is not None
    assert record.status == "success"


def test_a_run_is_priced_with_the_size_that_it_ran_with(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = project(tmp_path, GLUE)
    platform = Scripted("out_of_memory", usage={"execution_seconds": 3600})
    assert materialize(config, instance, platform, monkeypatch).success
    costs = [one.cost_breakdown and one.cost_breakdown.total_cost_usd for one in attempts(config)]
    assert costs == [pytest.approx(2.2), pytest.approx(4.4)]
    (trend,) = open_store(config).cost_trend("clean", "2000-01-01", "2999-01-01")
    assert (trend.priced_executions, trend.total_cost_usd) == (2, pytest.approx(6.6))


def test_a_cost_that_no_counter_tells_is_unknown_and_said_so(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = project(tmp_path, GLUE)
    assert materialize(config, instance, Scripted(), monkeypatch).success
    (record,) = attempts(config)
    assert record.cost_breakdown is not None
    assert record.cost_breakdown.total_cost_usd is None
    assert any("The cost of the run is unknown" in warning for warning in record.warnings)


def test_a_failure_is_an_issue_until_a_run_succeeds(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = project(tmp_path, GLUE)
    platform = Scripted("code")
    materialize(config, instance, platform, monkeypatch)
    platform.errors = ["code"]
    materialize(config, instance, platform, monkeypatch)
    (issue,) = open_store(config).issues("clean")
    assert (issue.issue_type, issue.occurrences, issue.resolved) == ("run_failed_code", 2, False)
    assert [each.type for each in attempts(config)[0].issues_detected or ()] == ["run_failed_code"]
    platform.errors = []
    materialize(config, instance, platform, monkeypatch)
    (issue,) = open_store(config).issues("clean")
    assert issue.resolved


def test_a_failure_of_another_kind_does_not_resolve_the_one_before(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = project(tmp_path, GLUE)
    platform = Scripted("code")
    materialize(config, instance, platform, monkeypatch)
    platform.errors = ["permission"]
    materialize(config, instance, platform, monkeypatch)
    assert not any(issue.resolved for issue in open_store(config).issues("clean"))


def test_a_platform_that_does_not_answer_opens_its_circuit(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution = {"script_path": "job.py"}
    config = project(tmp_path, {**GLUE, "allow_agent_override": False}, execution=execution)
    platform = Scripted()

    def refuse(*about: Any, **more: Any) -> RunOutcome:
        raise TransientError("Rate exceeded (ThrottlingException)")

    monkeypatch.setattr(step.driver, "run", refuse)
    for _ in range(3):
        materialize(config, instance, platform, monkeypatch)
    assert [record.status for record in attempts(config)] == ["failed"] * 3
    result = materialize(config, instance, platform, monkeypatch)
    (event,) = (each for each in result.all_events if each.is_step_failure)
    assert "its last 3 runs failed by its own fault" in event.step_failure_data.error_display_string


def test_what_a_run_costs_is_told(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "send_waiting", lambda *about, **more: [])
    cost = {"budget_per_run_usd": 10.0, "budget_monthly_usd": 2.0, "cost_alerts": {"enabled": True}}
    alert = {"metric": "total_cost_usd", "operator": ">", "threshold": 1}
    config = project(tmp_path, GLUE, cost=cost, monitoring={"alerts": [alert]})
    webhook = {"enabled": True, "url": "http://127.0.0.1:9/"}
    notifications = config.settings.notifications.model_validate({"webhook": webhook})
    settings = config.settings.model_copy(update={"notifications": notifications})
    config = replace(config, settings=settings)
    store = open_store(config)
    for number in range(6):
        then = time.time() - 86_400 * (number + 1)
        point = CostBreakdown(total_cost_usd=0.1)
        past = {"job_name": "clean", "job_type": "glue", "status": "success", "cost_breakdown": point}
        store.put_execution(
            JobExecution.model_validate({"execution_id": f"exec-{number}", "timestamp": then, **past})
        )
    result = materialize(config, instance, Scripted(usage={"execution_seconds": 3600}), monkeypatch)
    tell_of_run(Graph(config), instance, result.dagster_run, "", log=logging.getLogger())
    told = {waiting.message.event for waiting in deliver.undelivered(config)}
    assert told == {"run_succeeded", "budget_exceeded", "cost_anomaly", "monitoring_alert"}
