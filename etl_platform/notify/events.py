"""What people are told of a job, and when it is over.

Each event has one cause. While a cause is open it is told once, and again after a quiet time; a `Recovery`
ends it. Where a cause has details (the checks of a dataset, the months of a budget), a detail that was not
told yet is told at once, and the cause ends with its last detail.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from etl_platform.tracking.records import JobExecution

EventName = Literal[
    "run_succeeded",
    "run_failed",
    "sla_at_risk",
    "sla_missed",
    "quality_failed",
    "quality_degraded",
    "budget_threshold",
    "budget_exceeded",
    "cost_anomaly",
    "compliance_violation",
    "monitoring_alert",
]

EventSeverity = Literal["info", "warning", "error", "critical"]
"""As PagerDuty names them; `error` and `critical` need somebody now."""

Period = Literal["run", "month"]


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something about a job that people are told.

    Attributes:
        job_id: The job.
        execution: The run that shows it; None where it is not about one, or where it never started.
        previous: The successful run before it, to compare with.
    """

    name: ClassVar[EventName]
    severity: ClassVar[EventSeverity]
    words: ClassVar[str]
    """The event in a subject line, behind the name of the job."""
    words_after: ClassVar[str]
    """Its end in a subject line."""

    job_id: str
    execution: JobExecution | None = None
    previous: JobExecution | None = None

    @property
    def subject(self) -> str:
        """What of the job it is about, where one job may have several causes of this event."""
        return ""

    @property
    def cause(self) -> str:
        """The key under which it is told once: `event/job`, or `event/job/subject`."""
        return "/".join(filter(None, (self.name, self.job_id, self.subject)))

    @property
    def details(self) -> frozenset[str]:
        """Parts of the cause that are told one by one; most events have none."""
        return frozenset()

    @property
    def sentence(self) -> str:
        """What happened, for people."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """The end of a cause, or of some of its details; nothing is said where the cause is not open.

    Attributes:
        event: Class of the event that is over.
        job_id: The job.
        subject: As of the event.
        sentence: How it is now.
        details: Those that are over; None: all.
        execution: The run that shows it.
        previous: The successful run before it.
    """

    event: type[Event]
    job_id: str
    subject: str = ""
    sentence: str
    details: frozenset[str] | None = None
    execution: JobExecution | None = None
    previous: JobExecution | None = None

    @property
    def cause(self) -> str:
        """The key of the event that is over."""
        return "/".join(filter(None, (self.event.name, self.job_id, self.subject)))


Happening = Event | Recovery


@dataclass(frozen=True, kw_only=True)
class RunSucceeded(Event):
    """A run succeeded. It is told once and never over."""

    name = "run_succeeded"
    severity = "info"
    words = "run succeeded"
    words_after = "run succeeded"

    @property
    def subject(self) -> str:
        """The run."""
        return self.execution.execution_id if self.execution else ""

    @property
    def sentence(self) -> str:
        """What happened."""
        return "The run succeeded."


@dataclass(frozen=True, kw_only=True)
class RunFailed(Event):
    """A run failed, timed out, or could not start.

    Attributes:
        reason: Why, in the words of the platform or of the script.
    """

    name = "run_failed"
    severity = "error"
    words = "run failed"
    words_after = "runs again"

    reason: str

    @property
    def sentence(self) -> str:
        """What happened."""
        if self.execution is None:
            return f"The run did not start: {self.reason}"
        return f"The run {'timed out' if self.execution.status == 'timeout' else 'failed'}: {self.reason}"


@dataclass(frozen=True, kw_only=True)
class SlaAtRisk(Event):
    """A run takes longer than `sla.alert_threshold_minutes` and still runs."""

    name = "sla_at_risk"
    severity = "warning"
    words = "SLA at risk"
    words_after = "SLA no longer at risk"

    elapsed_minutes: float
    threshold_minutes: float

    @property
    def sentence(self) -> str:
        """What happened."""
        return (
            f"The run has been going on for {self.elapsed_minutes:,.1f} minutes; "
            f"`sla.alert_threshold_minutes` is {self.threshold_minutes:g}."
        )


@dataclass(frozen=True, kw_only=True)
class SlaMissed(Event):
    """A run took too long, or the target was not fresh at a deadline.

    Attributes:
        promise: Which promise of `sla` was not kept.
        explanation: A sentence with the figures.
    """

    name = "sla_missed"
    severity = "error"
    words = "SLA missed"
    words_after = "SLA kept again"

    promise: Literal["duration", "deadline"]
    explanation: str

    @property
    def subject(self) -> str:
        """The promise."""
        return self.promise

    @property
    def sentence(self) -> str:
        """What happened."""
        return self.explanation


@dataclass(frozen=True)
class FailedCheck:
    """A rule that does not hold.

    Attributes:
        name: Of the check.
        sentence: What the rule says and what was found; never a value of a row.
    """

    name: str
    sentence: str


@dataclass(frozen=True, kw_only=True)
class _Quality(Event):
    dataset: str
    checks: tuple[FailedCheck, ...]

    @property
    def subject(self) -> str:
        """The dataset."""
        return self.dataset

    @property
    def details(self) -> frozenset[str]:
        """The checks."""
        return frozenset(check.name for check in self.checks)

    @property
    def sentence(self) -> str:
        """What happened."""
        return f"{self.dataset}: {'; '.join(f'{check.name}: {check.sentence}' for check in self.checks)}"


@dataclass(frozen=True, kw_only=True)
class QualityFailed(_Quality):
    """Rules that stop the job do not hold."""

    name = "quality_failed"
    severity = "error"
    words = "data quality failed"
    words_after = "data quality holds again"


@dataclass(frozen=True, kw_only=True)
class QualityDegraded(_Quality):
    """Rules that only warn do not hold, or the scores get worse from run to run."""

    name = "quality_degraded"
    severity = "warning"
    words = "data quality degraded"
    words_after = "data quality is back"


@dataclass(frozen=True, kw_only=True)
class _Budget(Event):
    period: Period
    usd: float
    budget_usd: float
    month: str
    """UTC month of the run, such as `2026-11`."""

    @property
    def subject(self) -> str:
        """The period."""
        return self.period

    @property
    def details(self) -> frozenset[str]:
        """The month, where it is about months: each is told."""
        return frozenset([self.month]) if self.period == "month" else frozenset()

    @property
    def sentence(self) -> str:
        """What happened."""
        what = "The run" if self.period == "run" else f"{self.month} so far"
        key = "budget_per_run_usd" if self.period == "run" else "budget_monthly_usd"
        return (
            f"{what} cost ${self.usd:,.2f}, {self.usd / self.budget_usd:.0%} of `{key}` "
            f"of ${self.budget_usd:,.2f}."
        )


@dataclass(frozen=True, kw_only=True)
class BudgetThreshold(_Budget):
    """A cost reached `cost_alerts.threshold_percent` of its budget."""

    name = "budget_threshold"
    severity = "warning"
    words = "near the budget"
    words_after = "well within the budget"


@dataclass(frozen=True, kw_only=True)
class BudgetExceeded(_Budget):
    """A cost is over its budget."""

    name = "budget_exceeded"
    severity = "error"
    words = "over the budget"
    words_after = "within the budget"


@dataclass(frozen=True, kw_only=True)
class CostAnomaly(Event):
    """A run cost unusually much or little for its job.

    Attributes:
        explanation: A sentence with the figures.
    """

    name = "cost_anomaly"
    severity = "warning"
    words = "unusual cost"
    words_after = "usual cost"

    explanation: str

    @property
    def sentence(self) -> str:
        """What happened."""
        return f"{self.explanation}."


@dataclass(frozen=True, kw_only=True)
class ComplianceViolation(Event):
    """What the law demands of the job's data does not hold.

    Attributes:
        violations: Names of the duties or audit checks.
    """

    name = "compliance_violation"
    severity = "critical"
    words = "compliance violation"
    words_after = "compliant again"

    violations: tuple[str, ...]

    @property
    def details(self) -> frozenset[str]:
        """The duties."""
        return frozenset(self.violations)

    @property
    def sentence(self) -> str:
        """What happened."""
        return f"Not met: {', '.join(self.violations)}."


@dataclass(frozen=True, kw_only=True)
class MonitoringAlert(Event):
    """A figure of a run crossed a bound of `monitoring.alerts`.

    Attributes:
        bound: Such as `duration_seconds > 600`.
        value: The figure.
        channels: Of the alert.
    """

    name = "monitoring_alert"
    severity = "warning"
    words = "alert"
    words_after = "alert is over"

    bound: str
    value: float
    channels: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """The bound."""
        return self.bound

    @property
    def sentence(self) -> str:
        """What happened."""
        return f"`{self.bound}`: the run had {self.value:,.6g}."


EVENTS: dict[EventName, type[Event]] = {
    event.name: event
    for event in (
        RunSucceeded,
        RunFailed,
        SlaAtRisk,
        SlaMissed,
        QualityFailed,
        QualityDegraded,
        BudgetThreshold,
        BudgetExceeded,
        CostAnomaly,
        ComplianceViolation,
        MonitoringAlert,
    )
}
"""All events by name: the keys that `notifications.slack.channels` may have."""
