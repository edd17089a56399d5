"""Builders of records."""

from typing import Any

from etl_platform.tracking.records import (
    AgentInvocation,
    AuditRecord,
    ComplianceCheck,
    CostBreakdown,
    ExecutionMetrics,
    IssueRecord,
    JobExecution,
    QualityRecord,
    Status,
)
from etl_platform_tests.tracking.stores import NOW


def an_execution(
    execution_id: str = "exec-1", *, status: Status = "success", cost: float | None = None, **fields: Any
) -> JobExecution:
    timestamp = fields.pop("timestamp", NOW - 100)
    if status != "running":
        fields = {"end_time": timestamp + 60, "duration_seconds": 60.0, **fields}
    return JobExecution(
        execution_id=execution_id,
        timestamp=timestamp,
        job_name=fields.pop("job_name", "flights"),
        status=status,
        cost_breakdown=None if cost is None else CostBreakdown(total_cost_usd=cost),
        **fields,
    )


def processed(gigabytes: float) -> ExecutionMetrics:
    return ExecutionMetrics(data_processed_gb=gigabytes)


def an_issue(execution_id: str = "exec-1", **fields: Any) -> IssueRecord:
    given = {
        "issue_type": "full_scan",
        "timestamp": NOW - 50,
        "job_name": "flights",
        "severity": "high",
        "occurrences": 1,
        "resolved": False,
    }
    return IssueRecord(execution_id=execution_id, **{**given, **fields})


def scores(execution_id: str = "exec-1", **fields: Any) -> QualityRecord:
    given = {"job_name": "flights", "timestamp": NOW - 40, "overall_score": 99.5}
    return QualityRecord(execution_id=execution_id, **{**given, **fields})


def an_audit(audit_id: str = "audit-1", **fields: Any) -> AuditRecord:
    given = {
        "timestamp": NOW - 30,
        "execution_id": "exec-1",
        "job_name": "flights",
        "auditor": "compliance_agent",
        "compliance_checks": [ComplianceCheck(check_name="pii_masked", passed=True)],
    }
    return AuditRecord(audit_id=audit_id, **{**given, **fields})


def an_invocation(invocation_id: str = "call-1", **fields: Any) -> AgentInvocation:
    given = {
        "timestamp": NOW - 20,
        "execution_id": "exec-1",
        "agent_name": "decision_agent",
        "success": True,
    }
    return AgentInvocation(invocation_id=invocation_id, **{**given, **fields})
