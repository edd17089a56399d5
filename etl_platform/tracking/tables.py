"""The six tables as data: keys, indexes, lifetimes, and the attributes made for the indexes.

Both stores are built from this module.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from etl_platform.tracking.records import (
    AgentInvocation,
    AuditRecord,
    CostTrend,
    ExecutionSummary,
    IssueRecord,
    JobExecution,
    QualityRecord,
)
from etl_platform.tracking.values import Record

Item = dict[str, Any]
"""A record as JSON types, with the attributes that keys and indexes need beside its fields."""

NUMERIC_KEYS = frozenset({"timestamp", "total_cost_usd"})
"""Key attributes that are numbers; all others are texts."""

DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Index:
    """A second way to find the items of a table.

    Attributes:
        projected: Attributes that it carries beside the keys of the index and of the table; None: all.
            A narrow index makes each write cheaper; a question for whole records reads the table as well.
    """

    name: str
    partition: str
    sort: str
    projected: frozenset[str] | None


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        ttl_days: Days after which an item is gone; None: kept for ever.
        append_only: An item that stands is never replaced.
        derive: The attributes of an item that are no fields of its record.
    """

    name: str
    record: type[Record]
    partition: str
    sort: str
    indexes: tuple[Index, ...] = ()
    ttl_days: int | None = None
    append_only: bool = False
    derive: Callable[[Any], Item] = lambda record: {}

    def expiry(self, timestamp: float) -> Item:
        """Attribute `expires_at` of an item of that time in whole Unix seconds; none if it never expires."""
        return {} if self.ttl_days is None else {"expires_at": int(timestamp) + self.ttl_days * DAY_SECONDS}

    @property
    def key_attributes(self) -> tuple[str, ...]:
        """All attributes that are part of a key of the table or of an index, each once."""
        pairs = [(self.partition, self.sort), *((index.partition, index.sort) for index in self.indexes)]
        return tuple(dict.fromkeys(attribute for pair in pairs for attribute in pair))

    def key_of(self, item: Item) -> tuple[Any, Any]:
        """The primary key of an item."""
        return item[self.partition], item[self.sort]


def utc_date(timestamp: float) -> str:
    """The UTC day of a time, as `YYYY-MM-DD`."""
    return datetime.fromtimestamp(timestamp, timezone.utc).date().isoformat()


def midnight(date: str) -> float:
    """The start of a UTC day in Unix seconds.

    Raises:
        ValueError: The text is not of the form `YYYY-MM-DD`.
    """
    return datetime.strptime(date, "%Y-%m-%d").replace(tzinfo=timezone.utc).timestamp()


def _derive_execution(record: JobExecution) -> Item:
    cost = record.cost_breakdown.total_cost_usd if record.cost_breakdown else None
    return {
        "status_day": f"{record.status}#{utc_date(record.timestamp)}",
        # What ended later is newer; what runs is older than anything that ended.
        "version": 0 if record.status == "running" else record.end_time or 1,
        **({} if cost is None else {"total_cost_usd": cost}),
    }


def _derive_issue(record: IssueRecord) -> Item:
    # A resolved issue stays resolved: when it comes back it is a new record.
    return {"version": record.occurrences + (10**18 if record.resolved else 0)}


NOTHING: frozenset[str] = frozenset()
OUTLINE = frozenset(ExecutionSummary.model_fields) | {"expires_at"}

JOB_NAME_INDEX = Index("JobNameIndex", "job_name", "timestamp", OUTLINE)
STATUS_INDEX = Index("StatusIndex", "status_day", "timestamp", OUTLINE)
COST_INDEX = Index("CostIndex", "job_name", "total_cost_usd", frozenset({"expires_at"}))
JOB_EXECUTIONS = Table(
    "JobExecutions",
    JobExecution,
    "execution_id",
    "timestamp",
    (JOB_NAME_INDEX, STATUS_INDEX, COST_INDEX),
    ttl_days=90,
    derive=_derive_execution,
)

EXECUTION_INDEX = Index("ExecutionIndex", "execution_id", "timestamp", frozenset({"expires_at"}))
AGENT_INDEX = Index("AgentIndex", "agent_name", "timestamp", frozenset({"expires_at"}))
AGENT_INVOCATIONS = Table(
    "AgentInvocations",
    AgentInvocation,
    "invocation_id",
    "timestamp",
    (EXECUTION_INDEX, AGENT_INDEX),
    ttl_days=30,
    append_only=True,
)

JOB_ISSUES_INDEX = Index("JobIssuesIndex", "job_name", "timestamp", None)
ISSUE_REGISTRY = Table(
    "IssueRegistry", IssueRecord, "issue_type", "timestamp", (JOB_ISSUES_INDEX,), derive=_derive_issue
)

JOB_DATE_INDEX = Index("JobDateIndex", "job_name", "date", None)
COST_TRENDS = Table("CostTrends", CostTrend, "date", "job_name", (JOB_DATE_INDEX,), ttl_days=365)

DATA_QUALITY_HISTORY = Table(
    "DataQualityHistory",
    QualityRecord,
    "job_name",
    "timestamp",
    ttl_days=365,
    derive=lambda record: {"version": 0},
)

JOB_AUDIT_INDEX = Index("JobAuditIndex", "job_name", "timestamp", frozenset({"expires_at"}))
COMPLIANCE_AUDIT = Table(
    "ComplianceAudit",
    AuditRecord,
    "audit_id",
    "timestamp",
    (JOB_AUDIT_INDEX,),
    # Seven years, two of them leap years.
    ttl_days=2557,
    append_only=True,
)

TABLES = (
    JOB_EXECUTIONS,
    AGENT_INVOCATIONS,
    ISSUE_REGISTRY,
    COST_TRENDS,
    DATA_QUALITY_HISTORY,
    COMPLIANCE_AUDIT,
)
