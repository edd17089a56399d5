"""What DescribeJobs tells of a Batch job: its state, its log streams, how it ended and what it used."""

import math
from collections.abc import Mapping
from typing import Any

from etl_platform.platforms.aws_access import AwsAccess
from etl_platform.platforms.cloudwatch_logs import LogStream, read_tail
from etl_platform.platforms.failures import classify
from etl_platform.platforms.figures import Figures
from etl_platform.platforms.protocol import Progress, RunHandle, RunOutcome, RunRequest, RunState, RunStatus
from etl_platform.platforms.target_figures import target_figures
from etl_platform.tracking.records import ErrorDetails

DEFAULT_GROUP = "/aws/batch/job"
"""Log group of a definition that names none."""

SHORTEST_BILLED_SECONDS = 60
"""Fargate bills a minute at least (AWS Fargate price page)."""

_TIMED_OUT = "Job attempt duration exceeded timeout"
"""How Batch begins the status reason of a job that it ended for its time limit."""

_STATUS: dict[str, RunStatus] = {
    "SUBMITTED": "pending",
    "PENDING": "pending",
    "RUNNABLE": "pending",
    "STARTING": "pending",
    "RUNNING": "running",
    "SUCCEEDED": "success",
    "FAILED": "failed",
}
_LAST_LINES = 20


def state_of(job: Mapping[str, Any], cancel_reason: str) -> RunState:
    """How a job stands.

    Args:
        job: As DescribeJobs gives it.
        cancel_reason: The reason that goes with our own order to stop.
    """
    status, reason = _STATUS[job["status"]], job.get("statusReason") or ""
    if status == "failed":
        if reason.startswith(_TIMED_OUT):
            status = "timeout"
        elif job.get("isTerminated") or job.get("isCancelled") or reason == cancel_reason:
            status = "cancelled"
    attempts = job.get("attempts", ())
    started = next((attempt["startedAt"] for attempt in attempts if attempt.get("startedAt")), None)
    started = started or (job.get("startedAt") if status != "pending" else None)
    waiting = f"{job['status']}: {reason}".rstrip(": ") if status == "pending" else reason
    progress = Progress(len(attempts), unit="attempts") if len(attempts) > 1 else None
    return RunState(status, started / 1000 if started else None, waiting or None, progress)


def log_streams(job: Mapping[str, Any]) -> list[LogStream]:
    """The log streams of all attempts, in order."""
    container = job.get("container", {})
    options = (container.get("logConfiguration") or {}).get("options") or {}
    group = options.get("awslogs-group", DEFAULT_GROUP)
    names = [attempt.get("container", {}).get("logStreamName") for attempt in job.get("attempts", ())]
    names.append(container.get("logStreamName"))
    return [LogStream(group, name, "stdout") for name in dict.fromkeys(names) if name]


def outcome_of(
    access: AwsAccess,
    request: RunRequest,
    handle: RunHandle,
    job: Mapping[str, Any],
    state: RunState,
    written: Mapping[str, Any] | None,
) -> RunOutcome:
    """Put together how a job ended.

    Args:
        access: Where log and target are.
        request: What was run.
        handle: The run.
        job: As DescribeJobs gives it.
        state: Its final state.
        written: What the script's package left in the run's folder; None where it died before.
    """
    streams = log_streams(job)
    attempts = job.get("attempts", ())
    # What an earlier attempt left tells nothing of one that was killed.
    of_last = written if written and written["attempt"] == max(len(attempts), 1) else None
    failed = state.status in ("failed", "timeout")
    error, retry_can_help = _error(access, job, state, of_last, streams) if failed else (None, False)
    location, wrote = target_figures(access, request.job, state.started, succeeded=state.status == "success")
    figures = wrote | _figures(job, str(handle.details["capacity"]))
    stopped = job.get("stoppedAt")
    return RunOutcome(
        execution_id=request.execution_id,
        handle=handle,
        status=state.status,  # type: ignore[arg-type]  # it is final
        started=state.started,
        ended=stopped / 1000 if stopped else None,
        error=error,
        retry_can_help=retry_can_help,
        result=of_last.get("result") if of_last else None,
        log_location=f"{streams[-1].group}:{streams[-1].name}" if streams else None,
        target_location=location,
        **figures.as_outcome(),
    )


def _error(
    access: AwsAccess,
    job: Mapping[str, Any],
    state: RunState,
    written: Mapping[str, Any] | None,
    streams: list[LogStream],
) -> tuple[ErrorDetails, bool]:
    """In the words of the script where it could tell, else in those of Batch with the end of the log."""
    container = job.get("container", {})
    exit_code = container.get("exitCode")
    said = (written or {}).get("error")
    if said and state.status == "failed":
        kind, message, trace = said["type"], said["message"], said["stack_trace"]
    else:
        reasons = (container.get("reason"), job.get("statusReason"))
        parts = [reason.rstrip(".") for reason in dict.fromkeys(reasons) if reason]
        parts += [f"exit code {exit_code}"] if exit_code is not None else []
        last = read_tail(access, streams[-1], _LAST_LINES) if streams else None
        kind, trace = "BatchJobFailed", ""
        message = ". ".join([*parts, *([f"Its last lines:\n{last}"] if last else [])])
    failure = classify(message, error_type=kind, exit_code=exit_code)
    timed_out = state.status == "timeout"
    details = ErrorDetails(
        error_occurred=True,
        error_type="Timeout" if timed_out else kind,
        error_message=message or "Batch tells no reason.",
        error_class="timeout" if timed_out else failure.error_class,
        error_stack_trace=trace or None,
    )
    return details, timed_out or failure.retry_can_help


def _figures(job: Mapping[str, Any], capacity: str) -> Figures:
    """Time of all attempts, and what Fargate bills for them.

    Batch does not tell when the pull of the image began, from which on Fargate bills: the counters start with
    the container. What EC2 instances and Spot cost is not in the job, so there are no counters of it.
    """
    sizes = {item["type"]: float(item["value"]) for item in _requirements(job)}
    values: dict[str, float] = {}
    if "MEMORY" in sizes:
        values["memory_mb_allocated"] = sizes["MEMORY"]
    times = [
        (attempt["stoppedAt"] - attempt["startedAt"]) / 1000
        for attempt in job.get("attempts", ())
        if attempt.get("startedAt") and attempt.get("stoppedAt")
    ]
    if not times or len(times) < len(job["attempts"]):
        return Figures(values)
    values |= {"container_seconds": sum(times), "attempts": len(times)}
    if capacity == "fargate" and {"VCPU", "MEMORY"} <= sizes.keys():
        billed = sum(max(math.ceil(seconds), SHORTEST_BILLED_SECONDS) for seconds in times)
        values["vcpu_seconds"] = billed * sizes["VCPU"]
        values["memory_gb_seconds"] = billed * sizes["MEMORY"] / 1024
    return Figures(values)


def _requirements(job: Mapping[str, Any]) -> list[Mapping[str, str]]:
    return (job.get("container") or {}).get("resourceRequirements") or []
