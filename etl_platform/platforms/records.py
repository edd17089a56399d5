"""How a run is written into, and read back from, its record."""

from typing import Any

from etl_platform.platforms.charge import charge
from etl_platform.platforms.protocol import RunHandle, RunOutcome, RunRequest
from etl_platform.tracking.records import ExecutionMetrics, JobExecution


def started(request: RunRequest, platform: str, now: float) -> JobExecution:
    """The record of an attempt that is about to be submitted."""
    job = request.job
    return JobExecution(
        execution_id=request.execution_id,
        timestamp=now,
        job_name=job.job_id,
        job_type=platform,
        status="running",
        start_time=now,
        dagster_run_id=request.dagster_run_id,
        step_key=request.step_key,
        attempt_group=request.attempt_group,
        attempt=request.attempt,
        partition_key=request.partition_key,
        platform_decision=request.decision,
        workload_characteristics=request.workload,
        issues_detected=None if request.issues is None else list(request.issues),
        optimizations_applied=None if request.optimizations is None else list(request.optimizations),
        stakeholders=job.stakeholders,
        tags=job.tags,
    )


def with_handle(record: JobExecution, handle: RunHandle) -> JobExecution:
    """The record of an attempt that was submitted."""
    return record.model_copy(update={"run_handle": handle.model_dump(mode="json")})


def handle_of(record: JobExecution) -> RunHandle | None:
    """The run of an attempt; None where it was not submitted, or died before its handle was recorded."""
    return RunHandle.model_validate(record.run_handle) if record.run_handle else None


def finished(record: JobExecution, outcome: RunOutcome, request: RunRequest) -> JobExecution:
    """The record of an attempt that ended, with its actual cost.

    Args:
        record: The attempt as it was recorded when it started.
        outcome: How it ended.
        request: What was to be run; its job may have another size than the one that `record` tells.
    """
    if record.status == "running":
        cost, unpriced = charge(record, outcome, request)
    else:
        # Taken from its record, which does not keep the counters.
        cost, unpriced = record.cost_breakdown, ()
    retries = record.attempt - 1 if record.attempt else None
    start = outcome.started if outcome.started is not None else record.start_time
    changes: dict[str, Any] = {
        "status": outcome.status,
        "start_time": start,
        "end_time": outcome.ended,
        "duration_seconds": (
            outcome.ended - outcome.started
            if outcome.started is not None and outcome.ended is not None
            else None
        ),
        "execution_metrics": outcome.metrics,
        "cost_breakdown": cost,
        "error_details": outcome.error and outcome.error.model_copy(update={"retry_count": retries}),
        "log_location": outcome.log_location,
        "target_location": outcome.target_location,
        "warnings": list(dict.fromkeys((*record.warnings, *outcome.warnings, *unpriced))),
    }
    if outcome.handle is not None:
        changes["run_handle"] = outcome.handle.model_dump(mode="json")
    return record.model_copy(update=changes)


def succeeded(record: JobExecution) -> RunOutcome:
    """The outcome of an attempt whose success is on record.

    Only what the record keeps is in it: `usage` and `result` are not.
    """
    return RunOutcome(
        execution_id=record.execution_id,
        handle=handle_of(record),
        status="success",
        started=record.start_time,
        ended=record.end_time,
        metrics=record.execution_metrics or ExecutionMetrics(),
        log_location=record.log_location,
        target_location=record.target_location,
        warnings=tuple(record.warnings),
    )
