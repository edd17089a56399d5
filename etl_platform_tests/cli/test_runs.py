import json
import time
from pathlib import Path

import pytest

from etl_platform.config.load import load
from etl_platform.tracking.open import open_store
from etl_platform.tracking.records import (
    Alternative,
    CostBreakdown,
    ErrorDetails,
    ExecutionMetrics,
    JobExecution,
    PlatformDecision,
    Status,
    TokensConsumed,
)
from etl_platform_tests.cli.commands import call
from etl_platform_tests.projects import copy_job, load_project
from etl_platform_tests.tracking.build import an_invocation

STARTED = float(int(time.time()) - 3600)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Two jobs; one ran three times."""
    with open_store(load_project(tmp_path, copy_job("copied"), copy_job("idle"))) as store:
        statuses: list[Status] = ["success", "failed", "running"]
        for n, status in enumerate(statuses):
            store.put_execution(
                JobExecution(
                    execution_id=f"exec-{n}",
                    timestamp=STARTED + n,
                    job_name="copied",
                    job_type="local",
                    status=status,
                    duration_seconds=None if status == "running" else 125.0,
                    end_time=None if status == "running" else STARTED + n + 125,
                    cost_breakdown=CostBreakdown(total_cost_usd=0.5) if status == "success" else None,
                    execution_metrics=ExecutionMetrics(data_read_gb=1.5 / 1024, records_processed=336_776),
                    platform_decision=PlatformDecision(
                        selected_platform="local",
                        alternatives_considered=[Alternative(platform="glue", feasible=False)],
                    ),
                    error_details=ErrorDetails(error_occurred=True, error_message="no [bold] column")
                    if status == "failed"
                    else None,
                )
            )
        store.put_invocation(an_invocation(execution_id="exec-0", timestamp=STARTED + 1))
    return tmp_path


def rows(table: str) -> list[list[str]]:
    lines = (line.split("│")[1:-1] for line in table.splitlines() if "│" in line)
    return [[cell.strip() for cell in line] for line in lines]


def test_runs_are_a_table_newest_first(project: Path) -> None:
    answer = call(project, "runs", TZ="Europe/Berlin")
    started = time.strftime("%Y-%m-%d", time.gmtime(STARTED))
    found = rows(answer.stdout)
    assert [row[0] for row in found] == ["exec-2", "exec-1", "exec-0"]
    assert [row[2] for row in found] == ["running", "failed", "success"]
    assert [row[6] for row in found] == ["unknown", "2 min 05 s", "2 min 05 s"]
    assert [row[7] for row in found] == ["unknown", "unknown", "$0.50"]
    assert all(started[:4] in row[5] and row[5].endswith(("CET", "CEST")) for row in found)


def test_runs_of_one_job(project: Path) -> None:
    answer = call(project, "runs", "copied", "--limit", "1")
    assert [row[0] for row in rows(answer.stdout)] == ["exec-2"]
    assert "the newest 1; --limit shows more" in answer.stdout


def test_a_job_without_runs_is_an_empty_table(project: Path) -> None:
    answer = call(project, "runs", "idle")
    assert (answer.returncode, rows(answer.stdout)) == (0, [])
    assert "no run yet" in answer.stdout


def test_an_unknown_job_is_a_sentence(project: Path) -> None:
    answer = call(project, "runs", "copid")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert 'no job "copid"; did you mean "copied"?' in answer.stderr


def test_runs_as_json(project: Path) -> None:
    listed = json.loads(call(project, "runs", "--format", "json").stdout)
    assert [(one["execution_id"], one["total_cost_usd"]) for one in listed] == [
        ("exec-2", None),
        ("exec-1", None),
        ("exec-0", 0.5),
    ]
    assert listed[2]["timestamp"] == STARTED


def test_show_tells_all_of_a_run(project: Path) -> None:
    answer = call(project, "show", "exec-0")
    found = {row[0]: row[1] for row in rows(answer.stdout) if len(row) == 2}
    assert found["status"] == "success"
    assert found["duration seconds"] == "2 min 05 s"
    assert found["data read gb"] == "1.5 MB"
    assert found["records processed"] == "336,776"
    assert found["total cost usd"] == "$0.50"
    assert found["data written gb"] == "unknown"


def test_show_tells_who_was_asked_and_what_it_cost(project: Path) -> None:
    tokens = TokensConsumed(input_tokens=1200, output_tokens=80, total_cost_usd=0.0123)
    with open_store(load(project / "etl_config.json")) as store:
        store.put_invocation(
            an_invocation(
                "call-2",
                execution_id="exec-0",
                timestamp=STARTED + 2,
                provider="policy:supervisor",
                agent_name="supervisor",
                duration_ms=1500.0,
                tokens_consumed=tokens,
                fallback_reason="throttled: slow down",
            )
        )
    found = rows(call(project, "show", "exec-0").stdout)
    asked = {row[0]: row[2:] for row in found if len(row) == 8}
    expected = ["policy:supervisor", "1,200", "80", "$0.012", "1,500", "throttled: slow down"]
    assert asked["supervisor"] == expected
    assert asked["decision_agent"][1:5] == ["unknown"] * 4


def test_text_of_a_record_is_not_taken_for_markup(project: Path) -> None:
    assert "no [bold] column" in call(project, "show", "exec-1").stdout


def test_show_as_json(project: Path) -> None:
    shown = json.loads(call(project, "show", "exec-0", "--format", "json").stdout)
    assert shown["execution"]["execution_metrics"]["records_processed"] == 336_776
    assert [one["agent_name"] for one in shown["invocations"]] == ["decision_agent"]
    assert shown["audits"] == []


def test_an_unknown_execution_is_a_sentence(project: Path) -> None:
    answer = call(project, "show", "exec-9")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert 'no execution "exec-9"' in answer.stderr
    assert "`etl-platform runs` lists them" in answer.stderr
