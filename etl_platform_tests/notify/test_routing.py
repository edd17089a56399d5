"""Who is told."""

from pathlib import Path
from typing import Any

import pytest

from etl_platform.config.models.job import Job
from etl_platform.notify.events import (
    EVENTS,
    BudgetExceeded,
    Event,
    MonitoringAlert,
    QualityDegraded,
    RunSucceeded,
    SlaAtRisk,
)
from etl_platform.notify.routing import routes
from etl_platform_tests.notify.build import a_config, a_failure, a_job, a_run

ALL: dict[str, Any] = {
    "slack": {"enabled": True, "channels": {"run_failed": "#flight-data"}},
    "email": {"enabled": True, "recipients": ["all@example.com"]},
    "pagerduty": {"enabled": True},
    "sns": {"enabled": True},
    "webhook": {"enabled": True},
}
DEGRADED = QualityDegraded(job_id="flights", dataset="target", checks=())
AT_RISK = SlaAtRisk(job_id="flights", elapsed_minutes=9, threshold_minutes=5)
SUCCEEDED = RunSucceeded(job_id="flights", execution=a_run())
OVER_BUDGET = BudgetExceeded(job_id="flights", period="run", usd=2, budget_usd=1, month="2026-11")


def ways(folder: Path, event: Event, job: Job | None = None, **targets: Any) -> list[tuple[str, str]]:
    config = a_config(folder, {**ALL, **targets}, job=job)
    return [(route.target, route.to) for route in routes(config, event)]


def test_every_enabled_target_is_told_of_what_needs_somebody_now(tmp_path: Path) -> None:
    assert ways(tmp_path, a_failure()) == [
        ("slack", "#flight-data"),
        ("email", "all@example.com"),
        ("pagerduty", ""),
        ("sns", ""),
        ("webhook", ""),
    ]


def test_nobody_is_called_for_a_warning(tmp_path: Path) -> None:
    assert [target for target, _ in ways(tmp_path, DEGRADED)] == ["slack", "email", "sns", "webhook"]


def test_a_target_that_is_off_is_not_told(tmp_path: Path) -> None:
    assert ("sns", "") not in ways(tmp_path, a_failure(), sns={"enabled": False})


@pytest.mark.parametrize("event", [a_failure(), AT_RISK])
def test_failures_and_the_sla_go_to_the_channels_of_the_sla(tmp_path: Path, event: Event) -> None:
    job = a_job(sla={"failure_notification": ["pagerduty", "#night-shift", "duty@example.com"]})
    expected = [("pagerduty", ""), ("slack", "#night-shift"), ("email", "duty@example.com")]
    assert ways(tmp_path, event, job) == expected


def test_costs_go_to_the_channels_of_the_cost_alerts(tmp_path: Path) -> None:
    job = a_job(cost={"cost_alerts": {"enabled": True, "alert_channels": ["sns"]}})
    assert ways(tmp_path, OVER_BUDGET, job) == [("sns", "")]


def test_an_alert_goes_to_its_own_channels(tmp_path: Path) -> None:
    alert = MonitoringAlert(job_id="flights", bound="x > 1", value=2, channels=("webhook",))
    assert ways(tmp_path, alert) == [("webhook", "")]


def test_a_channel_of_a_target_that_is_off_tells_nobody(tmp_path: Path) -> None:
    job = a_job(sla={"failure_notification": ["slack"]})
    assert ways(tmp_path, a_failure(), job, slack={"enabled": False}) == []


def test_owners_and_stakeholders_get_e_mail_and_teams_do_not(tmp_path: Path) -> None:
    job = a_job(owners=["ann@example.com", "team:x"], stakeholders=["bob@example.com", "#flights"])
    found = ways(tmp_path, DEGRADED, job)
    people = [to for target, to in found if target == "email"]
    assert people == ["all@example.com", "ann@example.com", "bob@example.com"]
    assert ("slack", "#flights") in found


def test_nobody_is_told_twice(tmp_path: Path) -> None:
    job = a_job(owners=["all@example.com"], stakeholders=["all@example.com"])
    assert ways(tmp_path, DEGRADED, job).count(("email", "all@example.com")) == 1


def test_a_success_is_told_to_those_who_asked_for_it(tmp_path: Path) -> None:
    job = a_job(owners=["ann@example.com"], stakeholders=["bob@example.com"])
    assert ways(tmp_path, SUCCEEDED, job) == [("email", "bob@example.com"), ("sns", ""), ("webhook", "")]
    slack = {"enabled": True, "channels": {"run_succeeded": "#runs"}}
    assert ("slack", "#runs") in ways(tmp_path, SUCCEEDED, job, slack=slack)


@pytest.mark.parametrize("event", [a_failure(), SUCCEEDED, OVER_BUDGET, DEGRADED])
def test_under_the_local_profile_all_goes_to_the_outbox(tmp_path: Path, event: Event) -> None:
    config = a_config(tmp_path, ALL, profile="local")
    assert [route.target for route in routes(config, event)] == ["outbox"]


def test_all_events_have_names_of_their_own() -> None:
    assert len(EVENTS) == 11
    assert len({event.words for event in EVENTS.values()}) == 11
