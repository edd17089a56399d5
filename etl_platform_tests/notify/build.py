"""Builders of configurations, runs and messages."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from etl_platform.config.models.global_settings import GlobalSettings
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.notify.events import Happening, RunFailed
from etl_platform.notify.message import Message, compose
from etl_platform.tracking.records import (
    ComplianceStatus,
    CostBreakdown,
    DataQualityScores,
    ErrorDetails,
    ExecutionMetrics,
    Issue,
    JobExecution,
    Recommendation,
)

NOW = 1_795_000_000.0
"""2026-11-18 11:06:40 UTC."""


class Clock:
    """A clock that stands until a test moves it."""

    def __init__(self, now: float = NOW):
        self.now = now

    def __call__(self) -> float:
        return self.now


def a_job(**sections: Any) -> Job:
    job = {"job_id": "flights", "job_name": "Flights, enriched", "execution": {"sql": "SELECT 1"}}
    return Job.model_validate({**job, **sections})


def a_config(
    folder: Path,
    notifications: Mapping[str, Any] | None = None,
    *,
    profile: Any = "aws",
    job: Job | None = None,
    **settings: Any,
) -> Config:
    """A configuration under the profile `aws`, whose tracking is a SQLite file."""
    return Config(
        path=folder / "etl_config.json",
        jobs=(job or a_job(),),
        settings=GlobalSettings.model_validate(
            {
                "aws_region": "eu-central-1",
                "tracking": {"backend": "sqlite"},
                "notifications": dict(notifications or {}),
                **settings,
            }
        ),
        profile=profile,
    )


def a_run(execution_id: str = "exec-2", *, cost: float | None = None, **fields: Any) -> JobExecution:
    start = fields.pop("timestamp", NOW - 700)
    seconds = fields.pop("duration_seconds", 600.0)
    ended = {} if fields.get("status") == "running" else {"end_time": start + seconds}
    if ended:
        ended["duration_seconds"] = seconds
    return JobExecution.model_validate(
        {
            "execution_id": execution_id,
            "timestamp": start,
            "job_name": "flights",
            "status": "success",
            "cost_breakdown": None if cost is None else CostBreakdown(total_cost_usd=cost),
            **ended,
            **fields,
        }
    )


def a_failure(reason: str = "no such customer", **fields: Any) -> RunFailed:
    error = ErrorDetails(error_occurred=True, error_message=reason)
    execution = a_run(status="failed", error_details=error, **fields)
    return RunFailed(job_id="flights", execution=execution, reason=reason)


def a_message(config: Config, happening: Happening | None = None) -> Message:
    return compose(config, happening or a_failure(), NOW)


def a_full_run() -> JobExecution:
    """A run of which everything is known."""
    return a_run(
        cost=0.42,
        job_type="glue",
        dagster_run_id="7a6b5c4d-0000-4000-8000-000000000001",
        partition_key="2026-11-18",
        attempt=2,
        execution_metrics=ExecutionMetrics(records_written=336_776),
        data_quality=DataQualityScores(
            overall_score=97.4,
            completeness_score=99.1,
            accuracy_score=94.8,
            consistency_score=100.0,
            timeliness_score=100.0,
            quality_checks_passed=11,
            quality_checks_failed=1,
        ),
        compliance=ComplianceStatus(
            gdpr_compliant=True, pii_detected=False, encryption_at_rest=True, data_classification="public"
        ),
        issues_detected=[
            Issue(
                issue_id="1",
                severity="medium",
                category="performance",
                type="missing_broadcast",
                description="The join with `airports` (1,458 rows) shuffles both sides.",
                recommendation="Wrap `airports` in broadcast().",
                code_location="jobs/flights_enriched.py:41",
            ),
            Issue(
                issue_id="2",
                severity="high",
                category="performance",
                type="collect",
                description="collect() brings all rows of `weather` to the driver.",
                recommendation="Write the rows, or aggregate before collect().",
                code_location="jobs/flights_enriched.py:58",
            ),
        ],
        recommendations=[
            Recommendation(
                recommendation_id="r1",
                priority="medium",
                category="cost",
                title="Run on 2 workers",
                description="Half of the workers stood idle.",
                action="Set platform.dpu_count to 2.",
            )
        ],
    )
