"""The figures of a run in words; what nobody measured is "unknown"."""

import datetime as dt

from etl_platform.config.models.cost import Cost
from etl_platform.tracking.records import DataQualityScores, JobExecution

UNKNOWN = "unknown"

Compared = tuple[str, str, str]
"""A name, a figure, and what it is compared with (may be empty)."""

_SCORES = ("completeness", "accuracy", "consistency", "timeliness", "validity")

_DUTIES = {
    "gdpr_compliant": "GDPR",
    "hipaa_compliant": "HIPAA",
    "pii_detected": "Personal data found",
    "pii_masked": "Personal data masked",
    "encryption_at_rest": "Encrypted at rest",
    "encryption_in_transit": "Encrypted in transit",
    "retention_policy_applied": "Retention applied",
    "audit_log_enabled": "Audit log",
}


def run_lines(
    execution: JobExecution | None, previous: JobExecution | None, cost: Cost
) -> tuple[Compared, ...]:
    """Status, time, platform, duration, cost and rows of a run, against the run before and the budget.

    Args:
        execution: The run; without one there are no figures.
        previous: The successful run before it.
        cost: The budgets of the job.
    """
    if execution is None:
        return ()
    start = dt.datetime.fromtimestamp(execution.timestamp, dt.timezone.utc)
    metrics = execution.execution_metrics
    rows = metrics.records_written if metrics else None
    before = previous.duration_seconds if previous else None
    return (
        ("Status", execution.status, _attempt(execution)),
        (
            "Started",
            f"{start:%Y-%m-%d %H:%M:%S} UTC",
            f"partition {execution.partition_key}" if execution.partition_key else "",
        ),
        ("Platform", execution.job_type or UNKNOWN, ""),
        (
            "Duration",
            duration(execution.duration_seconds),
            _against(execution.duration_seconds, before, duration(before)),
        ),
        ("Cost", usd(_cost(execution)), _cost_note(execution, previous, cost)),
        ("Rows written", UNKNOWN if rows is None else f"{rows:,}", ""),
    )


def quality_lines(execution: JobExecution | None) -> tuple[tuple[str, str], ...]:
    """The overall score, and the scores of five dimensions, 0 to 100."""
    scores = (execution and execution.data_quality) or DataQualityScores()
    return (
        ("Overall", _score(scores.overall_score)),
        *((name.capitalize(), _score(getattr(scores, f"{name}_score"))) for name in _SCORES),
        ("Checks failed", UNKNOWN if scores.quality_checks_failed is None else _checks(scores)),
    )


def compliance_lines(execution: JobExecution | None) -> tuple[tuple[str, str], ...]:
    """What was found about the law's demands; only what somebody looked at."""
    status = execution.compliance if execution else None
    if status is None:
        return ()
    told = [
        (label, "yes" if value else "no")
        for name, label in _DUTIES.items()
        if (value := getattr(status, name)) is not None
    ]
    return (*told, ("Classification", status.data_classification or UNKNOWN))


def duration(seconds: float | None) -> str:
    """Seconds as people say them."""
    if seconds is None:
        return UNKNOWN
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def usd(dollars: float | None) -> str:
    """Dollars; four digits where two would hide what it is."""
    if dollars is None:
        return UNKNOWN
    return f"${dollars:,.2f}" if dollars == 0 or abs(dollars) >= 1 else f"${dollars:,.4f}"


def _attempt(execution: JobExecution) -> str:
    return f"attempt {execution.attempt}" if execution.attempt and execution.attempt > 1 else ""


def _cost(execution: JobExecution | None) -> float | None:
    breakdown = execution.cost_breakdown if execution else None
    return breakdown.total_cost_usd if breakdown else None


def _cost_note(execution: JobExecution, previous: JobExecution | None, cost: Cost) -> str:
    now, before, budget = _cost(execution), _cost(previous), cost.budget_per_run_usd
    notes = []
    if budget is not None:
        share = "" if now is None else f"{now / budget:.0%} of "
        notes.append(f"{share}budget {usd(budget)}")
    notes.append(_against(now, before, usd(before)))
    return "; ".join(filter(None, notes))


def _against(now: float | None, before: float | None, shown: str) -> str:
    if before is None:
        return "last run unknown"
    change = f" ({now / before - 1:+.0%})" if now is not None and before else ""
    return f"last run {shown}{change}"


def _score(score: float | None) -> str:
    return UNKNOWN if score is None else f"{score:.1f}"


def _checks(scores: DataQualityScores) -> str:
    passed = scores.quality_checks_passed
    total = "" if passed is None else f" of {passed + (scores.quality_checks_failed or 0)}"
    return f"{scores.quality_checks_failed}{total}"
