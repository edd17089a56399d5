"""After a run: one report, whoever makes it; what its models cost; a failure's class and remedy."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from etl_platform.config.load import load
from etl_platform.orchestration.keys import Graph
from etl_platform.orchestration.post_run import report_once, with_models
from etl_platform.tracking.open import open_store
from etl_platform.tracking.records import (
    AgentInvocation,
    CostBreakdown,
    ErrorDetails,
    JobExecution,
    TokensConsumed,
)
from etl_platform_tests.agents.cases import run
from etl_platform_tests.projects import copy_job, load_project, write_table


def invocation(usd: float | None) -> AgentInvocation:
    tokens = TokensConsumed(input_tokens=1, output_tokens=1, total_cost_usd=usd)
    return AgentInvocation(
        invocation_id="i",
        timestamp=1.0,
        execution_id="e",
        agent_name="a",
        success=True,
        tokens_consumed=tokens,
    )


@pytest.mark.parametrize(
    ("before", "dollars", "expected"),
    [
        ({"total_cost_usd": 1.0}, [0.25, 0.5], (0.75, 1.75)),
        ({"total_cost_usd": 1.0}, [0.25, None], (None, 1.0)),
        ({"total_cost_usd": 1.75, "bedrock_cost_usd": 0.75}, [0.25, 0.5], (0.75, 1.75)),
        ({"total_cost_usd": None}, [0.25], (0.25, None)),
        (None, [0.25], (0.25, None)),
    ],
)
def test_models_are_part_of_what_a_run_cost(
    before: dict[str, Any] | None, dollars: list[float | None], expected: tuple[Any, Any]
) -> None:
    cost = with_models(CostBreakdown(**before) if before else None, [invocation(usd) for usd in dollars])
    assert cost and (cost.bedrock_cost_usd, cost.total_cost_usd) == expected


def test_where_nothing_is_known_nothing_is_written() -> None:
    assert with_models(None, [invocation(None)]) is None


def failed(folder: Path, **sections: Any) -> JobExecution:
    config = load_project(folder, copy_job("clean", **sections))
    write_table(folder, "orders", [{"order_id": 1, "amount": 1.0}])
    error = ErrorDetails(error_occurred=True, error_class="throttled", error_message="slow down")
    execution = run(
        1, days_ago=0, job_name="clean", job_type="local", status="failed", error_details=error, usd=None
    )
    open_store(config).put_execution(execution)
    return execution


REPORT = """
import sys
from pathlib import Path
from etl_platform.agents import supervisor
from etl_platform.config.load import load
from etl_platform.orchestration.keys import Graph
from etl_platform.orchestration.post_run import report_once
from etl_platform.tracking.open import open_store

config = load(Path("etl_config.json").resolve())
store = open_store(config)
execution = store.execution("exec-1")
print("ready", flush=True)
sys.stdin.readline()
print(report_once(Graph(config), store, config.jobs[0], execution))
"""
"""What the command line and the sensor do, each when it is told to."""


def reporter(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", REPORT], cwd=folder, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


@pytest.mark.slow
class TestReport:
    def test_two_processes_make_one(self, tmp_path: Path) -> None:
        failed(tmp_path)
        with reporter(tmp_path) as one, reporter(tmp_path) as other:
            assert one.stdout and other.stdout and one.stdin and other.stdin
            assert (one.stdout.readline(), other.stdout.readline()) == ("ready\n", "ready\n")
            for each in (one, other):
                assert each.stdin
                each.stdin.write("\n")
                each.stdin.flush()
            said = [one.stdout.readline(), other.stdout.readline()]
        assert sorted(one.startswith("clean failed") for one in said) == [False, True]
        invocations = open_store(load(tmp_path / "etl_config.json")).invocations("exec-1")
        assert sum(one.agent_name == "supervisor" for one in invocations) == 1

    def test_the_class_and_the_remedy_are_in_the_record(self, tmp_path: Path) -> None:
        execution = failed(tmp_path)
        config = load(tmp_path / "etl_config.json")
        store = open_store(config)
        said = report_once(Graph(config), store, config.jobs[0], execution)
        assert said == "clean failed (throttled) on this machine after 10 min 00 s. slow down"
        record = store.execution("exec-1")
        assert record and record.recommendations
        first = record.recommendations[0]
        assert first.title == "After a failure of the class throttled"
        assert "later" in first.description or "again" in first.description

    def test_what_the_law_asks_is_on_record_with_an_audit(self, tmp_path: Path) -> None:
        execution = failed(tmp_path, compliance={"gdpr_applicable": True})
        config = load(tmp_path / "etl_config.json")
        store = open_store(config)
        report_once(Graph(config), store, config.jobs[0], execution)
        record = store.execution("exec-1")
        assert record and record.compliance and record.compliance.gdpr_compliant is False
        assert [one.auditor for one in store.audits("clean")] == ["compliance_agent"]

    def test_where_no_law_is_said_to_apply_what_is_found_is_advice(self, tmp_path: Path) -> None:
        execution = failed(tmp_path)
        config = load(tmp_path / "etl_config.json")
        store = open_store(config)
        report_once(Graph(config), store, config.jobs[0], execution)
        record = store.execution("exec-1")
        assert record and record.compliance and record.compliance.gdpr_compliant is None
        assert store.audits("clean") == []

    def test_a_run_that_goes_on_is_not_reported(self, tmp_path: Path) -> None:
        execution = failed(tmp_path).model_copy(update={"status": "running"})
        config = load(tmp_path / "etl_config.json")
        assert report_once(Graph(config), open_store(config), config.jobs[0], execution) is None
