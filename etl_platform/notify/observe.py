"""What a run, its checks and the clock say of a job: events, and what is over."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from etl_platform.config.models.job import Job
from etl_platform.notify.events import (
    BudgetExceeded,
    BudgetThreshold,
    ComplianceViolation,
    CostAnomaly,
    Event,
    FailedCheck,
    Happening,
    MonitoringAlert,
    Period,
    QualityDegraded,
    QualityFailed,
    Recovery,
    RunFailed,
    RunSucceeded,
    SlaAtRisk,
    SlaMissed,
)
from etl_platform.notify.metrics import bound_of, is_crossed, value_of
from etl_platform.pricing.anomaly import LEAST_HISTORY, WINDOW, anomaly
from etl_platform.pricing.history import CostPoint, known_sum
from etl_platform.tracking.records import AuditRecord, JobExecution, QualityRecord
from etl_platform.tracking.store import TrackingStore


@dataclass(frozen=True)
class Past:
    """What stands in tracking beside a run that ended.

    Attributes:
        executions: Runs of the job before it, newest first.
        month_usd: What the job cost in the UTC month of the run, with it; None where nothing is priced.
        quality: The scores of the run with their trend.
        audits: Audits of the run.
    """

    executions: Sequence[JobExecution] = ()
    month_usd: float | None = None
    quality: QualityRecord | None = None
    audits: Sequence[AuditRecord] = ()

    @property
    def previous(self) -> JobExecution | None:
        """The successful run before."""
        return next((one for one in self.executions if one.status == "success"), None)


def read_past(store: TrackingStore, execution: JobExecution) -> Past:
    """Read what stands beside a run.

    Raises:
        StoreError: The store cannot be read.
    """
    job_id, start = execution.job_name, execution.timestamp
    before = store.executions(job_id, until=start, limit=WINDOW + 1).items
    trends = store.cost_trend(job_id, f"{_month(execution)}-01", _day(execution).isoformat())
    scores = store.quality_trend(job_id, since=start)
    own = execution.execution_id
    return Past(
        [one for one in before if one.execution_id != own],
        known_sum(trend.total_cost_usd for trend in trends),
        next((each for each in scores if each.execution_id == own), None),
        [audit for audit in store.audits(job_id, since=start) if audit.execution_id == own],
    )


def _day(execution: JobExecution) -> dt.date:
    return dt.datetime.fromtimestamp(execution.timestamp, dt.timezone.utc).date()


def _month(execution: JobExecution) -> str:
    return _day(execution).isoformat()[:7]


def after_run(job: Job, execution: JobExecution, past: Past) -> list[Happening]:
    """What a run that ended says of its job; nothing where somebody cancelled it."""
    if execution.status in ("running", "cancelled"):
        return []
    if execution.data_quality is None and past.quality:
        execution = execution.model_copy(update={"data_quality": past.quality})
    happened: list[Happening] = []
    if execution.status == "success":
        happened += _after_success(job, execution, past)
    else:
        error = execution.error_details
        reason = (error and error.error_message) or f"no reason is known; its status is {execution.status}."
        happened.append(
            RunFailed(job_id=job.job_id, execution=execution, previous=past.previous, reason=reason)
        )
    happened += _sla(job, execution, past)
    if job.cost.cost_alerts.enabled:
        happened += [*_budgets(job, execution, past), *_anomaly(job, execution, past)]
    happened += [*_scores(job, execution, past), *_compliance(job, execution, past)]
    if job.monitoring.enabled:
        happened += _alerts(job, execution, past)
    return happened


def _over(
    event: type[Event], execution: JobExecution, past: Past, sentence: str, subject: str = ""
) -> Recovery:
    return Recovery(
        event=event,
        job_id=execution.job_name,
        subject=subject,
        sentence=sentence,
        execution=execution,
        previous=past.previous,
    )


def _after_success(job: Job, execution: JobExecution, past: Past) -> Iterator[Happening]:
    yield RunSucceeded(job_id=job.job_id, execution=execution, previous=past.previous)
    yield _over(RunFailed, execution, past, "The run succeeded.")
    yield _over(SlaMissed, execution, past, "The target is fresh.", "deadline")


def _sla(job: Job, execution: JobExecution, past: Past) -> Iterator[Happening]:
    if execution.duration_seconds is None:
        return
    minutes = execution.duration_seconds / 60
    longest, alert = job.sla.max_duration_minutes, job.sla.alert_threshold_minutes
    if longest is not None and minutes > longest:
        yield _too_long(job, execution, minutes, longest, past.previous)
    elif execution.status == "success":
        yield _over(SlaMissed, execution, past, f"The run took {minutes:,.1f} minutes.", "duration")
        if alert is None or minutes <= alert:
            yield _over(SlaAtRisk, execution, past, f"The run took {minutes:,.1f} minutes.")


def _too_long(
    job: Job, execution: JobExecution, minutes: float, longest: float, previous: JobExecution | None
) -> SlaMissed:
    took = "has been going on for" if execution.status == "running" else "took"
    return SlaMissed(
        job_id=job.job_id,
        execution=execution,
        previous=previous,
        promise="duration",
        explanation=f"The run {took} {minutes:,.1f} minutes; `sla.max_duration_minutes` is {longest:g}.",
    )


_TRUSTED_MINUTES = 60
"""How long after its `timeout_minutes` a run that is recorded as running is believed to be: later, whoever
should have stopped it and written so is gone. A convention of this project."""


def while_running(job: Job, execution: JobExecution, now: float) -> list[Event]:
    """What the duration of a run that still goes on says.

    Args:
        job: Its job.
        execution: The run.
        now: Unix seconds UTC.
    """
    minutes = (now - execution.timestamp) / 60
    if minutes > job.execution.timeout_minutes + _TRUSTED_MINUTES:
        return []
    longest, alert = job.sla.max_duration_minutes, job.sla.alert_threshold_minutes
    if longest is not None and minutes > longest:
        return [_too_long(job, execution, minutes, longest, None)]
    if alert is not None and minutes >= alert:
        return [
            SlaAtRisk(
                job_id=job.job_id, execution=execution, elapsed_minutes=minutes, threshold_minutes=alert
            )
        ]
    return []


def deadline_between(job: Job, since: float, now: float) -> tuple[float, float] | None:
    """The last deadline of `sla.deadline_cron` in a time, and the deadline before it.

    Args:
        job: The job.
        since: Unix seconds UTC; a deadline at this very moment does not count.
        now: Unix seconds UTC.

    Returns:
        Unix seconds of the deadline before, and of the deadline; None where there was none.
    """
    from cronsim import CronSim

    if job.sla.deadline_cron is None:
        return None
    zone = ZoneInfo(job.execution.timezone)
    # Backwards, a cron line starts before the given moment; deadlines stand on whole minutes.
    moments = CronSim(
        job.sla.deadline_cron, dt.datetime.fromtimestamp(now, zone) + dt.timedelta(seconds=1), reverse=True
    )
    deadline = next(moments).timestamp()
    return (next(moments).timestamp(), deadline) if deadline > since else None


def after_deadline(
    job: Job, window: tuple[float, float], executions: Sequence[JobExecution]
) -> SlaMissed | None:
    """A deadline that was missed: no run of the job succeeded since the deadline before.

    Args:
        job: The job.
        window: The deadline before, and the deadline; Unix seconds UTC.
        executions: The latest runs of the job.
    """
    before, deadline = window
    ends = [one.end_time for one in executions if one.status == "success" and one.end_time is not None]
    if any(before < end <= deadline for end in ends):
        return None
    zone = ZoneInfo(job.execution.timezone)
    at = dt.datetime.fromtimestamp(deadline, zone)
    last = max((end for end in ends if end <= deadline), default=None)
    made = f"{dt.datetime.fromtimestamp(last, zone):%Y-%m-%d %H:%M}" if last is not None else "unknown"
    return SlaMissed(
        job_id=job.job_id,
        promise="deadline",
        explanation=f"The target was not fresh at {at:%Y-%m-%d %H:%M %Z} (`sla.deadline_cron`); "
        f"the end of the last successful run is {made}.",
    )


def _budgets(job: Job, execution: JobExecution, past: Past) -> Iterator[Happening]:
    cost = execution.cost_breakdown
    costs: tuple[tuple[Period, float | None, float | None], ...] = (
        ("run", cost and cost.total_cost_usd, job.cost.budget_per_run_usd),
        ("month", past.month_usd, job.cost.budget_monthly_usd),
    )
    for period, usd, budget in costs:
        if usd is None or budget is None:
            continue
        near = usd >= budget * job.cost.cost_alerts.threshold_percent / 100
        over = usd > budget
        if near:
            kind = BudgetExceeded if over else BudgetThreshold
            yield kind(
                job_id=job.job_id,
                execution=execution,
                previous=past.previous,
                period=period,
                usd=usd,
                budget_usd=budget,
                month=_month(execution),
            )
        sentence = (
            f"{'The run' if period == 'run' else _month(execution)} cost ${usd:,.2f} of ${budget:,.2f}."
        )
        if not over:
            yield _over(BudgetExceeded, execution, past, sentence, period)
        if not near:
            yield _over(BudgetThreshold, execution, past, sentence, period)


def _point(execution: JobExecution) -> CostPoint:
    cost = execution.cost_breakdown
    return CostPoint(
        execution.execution_id,
        execution.job_name,
        execution.job_type,
        execution.timestamp,
        cost.total_cost_usd if cost else None,
    )


def _anomaly(job: Job, execution: JobExecution, past: Past) -> Iterator[Happening]:
    run, earlier = _point(execution), [_point(each) for each in past.executions]
    if found := anomaly(run, earlier):
        yield CostAnomaly(
            job_id=job.job_id, execution=execution, previous=past.previous, explanation=found.sentence
        )
    elif run.usd is not None and sum(one.usd is not None for one in earlier) >= LEAST_HISTORY:
        yield _over(CostAnomaly, execution, past, f"The run cost ${run.usd:,.4f}.")


def _scores(job: Job, execution: JobExecution, past: Past) -> Iterator[Happening]:
    scores = past.quality
    if scores is None:
        return
    found = [
        FailedCheck(f"anomaly {number}", sentence)
        for number, sentence in enumerate(scores.anomalies_detected or (), 1)
    ]
    if scores.trend == "degrading":
        known = "unknown" if scores.overall_score is None else f"{scores.overall_score:.1f}"
        found.append(FailedCheck("trend", f"the overall score falls from run to run; it is {known} now"))
    if found:
        yield QualityDegraded(
            job_id=job.job_id,
            execution=execution,
            previous=past.previous,
            dataset="history",
            checks=tuple(found),
        )
    elif scores.trend is not None:
        yield _over(QualityDegraded, execution, past, f"The trend is {scores.trend}.", "history")


def _compliance(job: Job, execution: JobExecution, past: Past) -> Iterator[Happening]:
    checks = [check for audit in past.audits for check in audit.compliance_checks]
    told = {check.check_name: check.passed for check in checks}
    if execution.compliance:
        told |= {
            name: value
            for name in ("gdpr_compliant", "hipaa_compliant")
            if (value := getattr(execution.compliance, name)) is not None
        }
    violations = tuple(sorted(name for name, passed in told.items() if passed is False))
    met = frozenset(name for name, passed in told.items() if passed)
    if violations:
        yield ComplianceViolation(
            job_id=job.job_id, execution=execution, previous=past.previous, violations=violations
        )
    if met:
        yield Recovery(
            event=ComplianceViolation,
            job_id=job.job_id,
            sentence="All that was not met is met.",
            details=met,
            execution=execution,
            previous=past.previous,
        )


def _alerts(job: Job, execution: JobExecution, past: Past) -> Iterator[Happening]:
    for alert in job.monitoring.alerts:
        value = value_of(execution, alert.metric)
        if value is None:
            continue
        bound = bound_of(alert)
        if is_crossed(alert, value):
            yield MonitoringAlert(
                job_id=job.job_id,
                execution=execution,
                previous=past.previous,
                bound=bound,
                value=value,
                channels=tuple(alert.channels),
            )
        else:
            sentence = f"`{bound}` no longer holds: the run had {value:,.6g}."
            yield _over(MonitoringAlert, execution, past, sentence, bound)


@dataclass(frozen=True)
class CheckOutcome:
    """How a rule fared.

    Attributes:
        name: Of the check.
        passed: Whether it holds.
        blocking: It stops the job, or the jobs that read the data.
        sentence: What the rule says and what was found.
    """

    name: str
    passed: bool
    blocking: bool
    sentence: str


def after_checks(
    job: Job, dataset: str, outcomes: Sequence[CheckOutcome], execution: JobExecution | None = None
) -> list[Happening]:
    """What the rules on a dataset of a job say.

    Args:
        job: The job whose rules they are.
        dataset: `target`, or the name of a source.
        outcomes: Of the rules that were evaluated; the others stay as they were told.
        execution: The run of the job that they were evaluated with.
    """
    happened: list[Happening] = []
    for kind, blocking in ((QualityFailed, True), (QualityDegraded, False)):
        own = [each for each in outcomes if each.blocking == blocking]
        failed = tuple(FailedCheck(each.name, each.sentence) for each in own if not each.passed)
        passed = frozenset(each.name for each in own if each.passed)
        if failed:
            happened.append(kind(job_id=job.job_id, execution=execution, dataset=dataset, checks=failed))
        if passed:
            happened.append(
                Recovery(
                    event=kind,
                    job_id=job.job_id,
                    subject=dataset,
                    sentence=f"All rules on {dataset} that failed hold again.",
                    details=passed,
                    execution=execution,
                )
            )
    return happened
