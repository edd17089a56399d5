"""What a store answers with, where it is more than records."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from etl_platform.tracking.records import (
    AgentInvocation,
    AuditRecord,
    IssueRecord,
    JobExecution,
    QualityRecord,
)

T = TypeVar("T")


@dataclass(frozen=True)
class Page(Generic[T]):
    """A part of a list.

    Attributes:
        cursor: What to ask with for the next part; None: this was the last.
    """

    items: list[T]
    cursor: str | None = None


@dataclass(frozen=True)
class JobCost:
    """What a job cost in a period.

    Attributes:
        total_cost_usd: Sum over the executions whose cost is known.
        priced_executions: How many those are.
    """

    job_name: str
    total_cost_usd: float
    total_executions: int
    priced_executions: int


@dataclass(frozen=True)
class Dossier:
    """An execution with all that belongs to it."""

    execution: JobExecution
    invocations: list[AgentInvocation]
    issues: list[IssueRecord]
    quality: list[QualityRecord]
    audits: list[AuditRecord]
