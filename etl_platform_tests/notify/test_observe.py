"""What runs, checks and the clock say of a job."""

from datetime import datetime, timezone
from typing import Any

import pytest

from etl_platform.config.models.job import Job
from etl_platform.notify.events import Event, MonitoringAlert, Recovery
from etl_platform.notify.observe import (
    CheckOutcome,
    Past,
    after_checks,
    after_deadline,
    after_run,
    deadline_between,
    while_running,
)
from etl_platform.tracking.records import (
    AuditRecord,
    ComplianceCheck,
    ComplianceStatus,
    ErrorDetails,
    ExecutionMetrics,
    JobExecution,
    QualityRecord,
)
from etl_platform_tests.notify.build import NOW, a_job, a_run


def told(job: Job, run: JobExecution, past: Past | None = None) -> dict[str, str]:
    """Name of each event to its sentence."""
    happened = after_run(job, run, past or Past())
    return {each.name: each.sentence for each in happened if isinstance(each, Event)}


def over(job: Job, run: JobExecution, past: Past | None = None) -> set[str]:
    """Causes that are over."""
    return {each.cause for each in after_run(job, run, past or Past()) if isinstance(each, Recovery)}


def test_a_failed_run_says_why() -> None:
    run = a_run(status="failed", error_details=ErrorDetails(error_occurred=True, error_message="no memory"))
    assert told(a_job(), run) == {"run_failed": "The run failed: no memory"}


def test_a_run_that_timed_out_failed() -> None:
    assert "The run timed out" in told(a_job(), a_run(status="timeout"))["run_failed"]


@pytest.mark.parametrize("status", ["cancelled", "running"])
def test_nothing_is_told_of_a_run_that_somebody_cancelled_or_that_goes_on(status: str) -> None:
    assert after_run(a_job(), a_run(status=status), Past()) == []


def test_a_success_ends_failures_and_missed_deadlines() -> None:
    assert over(a_job(), a_run()) >= {"run_failed/flights", "sla_missed/flights/deadline"}
    assert told(a_job(), a_run()) == {"run_succeeded": "The run succeeded."}


SLA = {"max_duration_minutes": 9, "alert_threshold_minutes": 6}


def test_a_run_that_took_too_long_missed_its_sla() -> None:
    job = a_job(sla=SLA)
    assert told(job, a_run())["sla_missed"] == "The run took 10.0 minutes; `sla.max_duration_minutes` is 9."
    assert "sla_missed/flights/duration" not in over(job, a_run())


def test_a_run_in_time_keeps_the_sla() -> None:
    causes = {"sla_missed/flights/duration", "sla_at_risk/flights"}
    assert over(a_job(sla=SLA), a_run(duration_seconds=300.0)) >= causes
    assert over(a_job(sla=SLA), a_run(duration_seconds=500.0)) & causes == {"sla_missed/flights/duration"}


@pytest.mark.parametrize(
    ("minutes", "events"), [(5.9, []), (6, ["sla_at_risk"]), (9.1, ["sla_missed"]), (121, [])]
)
def test_a_run_that_goes_on_is_watched(minutes: float, events: list[str]) -> None:
    run = a_run(status="running", timestamp=NOW - minutes * 60)
    # Its timeout is 60 minutes: after twice that nobody believes the record.
    assert [event.name for event in while_running(a_job(sla=SLA), run, NOW)] == events


def moment(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp()


DAILY = a_job(
    sla={"deadline_cron": "0 6 * * *"}, execution={"sql": "SELECT 1", "timezone": "America/New_York"}
)


def test_a_deadline_is_found_in_the_zone_of_the_job() -> None:
    # 06:00 in New York is 11:00 UTC in winter; the clocks went back on 1 November 2026.
    window = (moment("2026-11-17T11:00"), moment("2026-11-18T11:00"))
    assert deadline_between(DAILY, moment("2026-11-18T10:59"), moment("2026-11-18T11:00")) == window
    assert deadline_between(DAILY, moment("2026-11-18T11:00"), moment("2026-11-19T10:59")) is None
    assert deadline_between(a_job(), 0, NOW) is None


@pytest.mark.parametrize(
    ("end", "missed"),
    [
        ("2026-11-17T11:00", True),
        ("2026-11-17T11:01", False),
        ("2026-11-18T11:00", False),
        ("2026-11-18T11:01", True),
    ],
)
def test_a_deadline_is_kept_by_a_run_since_the_one_before(end: str, missed: bool) -> None:
    window = (moment("2026-11-17T11:00"), moment("2026-11-18T11:00"))
    run = a_run(timestamp=moment(end) - 600)
    assert (after_deadline(DAILY, window, [run]) is not None) == missed


def test_a_missed_deadline_says_when_the_target_was_made() -> None:
    window = (moment("2026-11-17T11:00"), moment("2026-11-18T11:00"))
    event = after_deadline(DAILY, window, [a_run(timestamp=moment("2026-11-16T12:50"))])
    assert event is not None
    assert event.sentence == (
        "The target was not fresh at 2026-11-18 06:00 EST (`sla.deadline_cron`); "
        "the end of the last successful run is 2026-11-16 08:00."
    )
    never = after_deadline(DAILY, window, [])
    assert never is not None
    assert never.sentence.endswith("is unknown.")


def budgeted(**alerts: Any) -> Job:
    cost_alerts = {"enabled": True, **alerts}
    return a_job(cost={"budget_per_run_usd": 1.0, "budget_monthly_usd": 30.0, "cost_alerts": cost_alerts})


def test_a_run_near_its_budget_is_told() -> None:
    events = told(budgeted(threshold_percent=80), a_run(cost=0.8))
    assert events["budget_threshold"] == "The run cost $0.80, 80% of `budget_per_run_usd` of $1.00."
    assert "budget_exceeded" not in events


def test_a_run_over_its_budget_is_told_once() -> None:
    events = told(budgeted(), a_run(cost=1.5))
    assert events["budget_exceeded"] == "The run cost $1.50, 150% of `budget_per_run_usd` of $1.00."
    assert "budget_threshold" not in events


def test_a_month_over_its_budget_is_told() -> None:
    events = told(budgeted(), a_run(cost=0.1), Past(month_usd=31.0))
    assert events["budget_exceeded"] == "2026-11 so far cost $31.00, 103% of `budget_monthly_usd` of $30.00."


def test_a_cheap_run_ends_what_was_over_the_budget() -> None:
    causes = over(budgeted(), a_run(cost=0.1), Past(month_usd=1.0))
    kinds = ("budget_exceeded", "budget_threshold")
    assert {f"{kind}/flights/{period}" for kind in kinds for period in ("run", "month")} <= causes


def test_an_unknown_cost_says_nothing_of_budgets() -> None:
    assert "budget_exceeded" not in told(budgeted(), a_run())
    assert not [cause for cause in over(budgeted(), a_run()) if cause.startswith("budget")]


def test_costs_are_told_only_where_alerts_are_asked_for() -> None:
    assert "budget_exceeded" not in told(a_job(cost={"budget_per_run_usd": 1.0}), a_run(cost=2.0))


def earlier(cost: float) -> Past:
    return Past([a_run(f"exec-{n}", cost=cost, timestamp=NOW - 86_400 * (n + 1)) for n in range(6)])


def test_an_unusual_cost_is_told_and_a_usual_one_ends_it() -> None:
    assert "exec-2 cost $5.0000 (+900%)" in told(budgeted(), a_run(cost=5.0), earlier(0.5))["cost_anomaly"]
    assert "cost_anomaly/flights" in over(budgeted(), a_run(cost=0.5), earlier(0.5))


ALERT = {"metric": "memory_mb_max", "operator": ">", "threshold": 1000, "channels": ["slack"]}


def with_memory(megabytes: float | None) -> JobExecution:
    return a_run(execution_metrics=ExecutionMetrics(memory_mb_max=megabytes))


def test_a_figure_over_a_bound_is_told_with_the_channels_of_the_alert() -> None:
    job = a_job(monitoring={"alerts": [ALERT]})
    (event,) = (e for e in after_run(job, with_memory(1500), Past()) if isinstance(e, MonitoringAlert))
    assert event.sentence == "`memory_mb_max > 1000`: the run had 1,500."
    assert event.channels == ("slack",)


def test_a_figure_that_nobody_measured_crosses_no_bound_and_ends_none() -> None:
    job = a_job(monitoring={"alerts": [ALERT]})
    assert "monitoring_alert" not in told(job, with_memory(None))
    assert not [cause for cause in over(job, with_memory(None)) if cause.startswith("monitoring")]
    assert "monitoring_alert/flights/memory_mb_max > 1000" in over(job, with_memory(10))


def test_alerts_see_the_scores_of_the_run() -> None:
    alert = {"metric": "overall_score", "operator": "<", "threshold": 90}
    quality = QualityRecord(job_name="flights", timestamp=NOW, execution_id="exec-2", overall_score=80.0)
    job = a_job(monitoring={"alerts": [alert]})
    assert "monitoring_alert" in told(job, a_run(), Past(quality=quality))


def test_monitoring_that_is_off_watches_nothing() -> None:
    job = a_job(monitoring={"enabled": False, "alerts": [ALERT]})
    assert "monitoring_alert" not in told(job, with_memory(1500))


def test_a_degrading_score_is_told_with_its_anomalies() -> None:
    quality = QualityRecord(
        job_name="flights",
        timestamp=NOW,
        execution_id="exec-2",
        overall_score=71.25,
        trend="degrading",
        anomalies_detected=["the row count is 3, far below the usual 900."],
    )
    sentence = told(a_job(), a_run(), Past(quality=quality))["quality_degraded"]
    assert "the row count is 3" in sentence
    assert "it is 71.2 now" in sentence
    steady = quality.model_copy(update={"trend": "stable", "anomalies_detected": []})
    assert "quality_degraded/flights/history" in over(a_job(), a_run(), Past(quality=steady))


def test_what_an_audit_found_is_told() -> None:
    checks = [
        ComplianceCheck(check_name="pii_masked", passed=False),
        ComplianceCheck(check_name="encryption_at_rest", passed=True),
        ComplianceCheck(check_name="retention", passed=None),
    ]
    audit = AuditRecord(
        audit_id="a",
        timestamp=NOW,
        execution_id="exec-2",
        job_name="flights",
        compliance_checks=checks,
        auditor="x",
    )
    run = a_run(compliance=ComplianceStatus(gdpr_compliant=False))
    sentence = told(a_job(), run, Past(audits=[audit]))["compliance_violation"]
    assert sentence == "Not met: gdpr_compliant, pii_masked."


def test_failed_checks_are_told_by_what_they_do() -> None:
    outcomes = [
        CheckOutcome("schema", False, True, "column x is missing"),
        CheckOutcome("row_count", True, True, ""),
        CheckOutcome("freshness__day", False, False, "3 days old"),
    ]
    happened = after_checks(a_job(), "target", outcomes)
    events = {each.cause: each.details for each in happened if isinstance(each, Event)}
    assert events == {
        "quality_failed/flights/target": {"schema"},
        "quality_degraded/flights/target": {"freshness__day"},
    }
    (recovery,) = (each for each in happened if isinstance(each, Recovery))
    assert (recovery.cause, recovery.details) == ("quality_failed/flights/target", {"row_count"})
