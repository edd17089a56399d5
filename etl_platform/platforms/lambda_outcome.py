"""What is recorded of an invocation that ended."""

from collections.abc import Mapping, Sequence
from typing import Any

from etl_platform.platforms.aws_access import AwsAccess
from etl_platform.platforms.failures import classify
from etl_platform.platforms.figures import Figures
from etl_platform.platforms.lambda_invoke import Invocation
from etl_platform.platforms.lambda_log import Attempt, LoggedError, Report, report_of
from etl_platform.platforms.protocol import RunHandle, RunOutcome, RunRequest, RunState
from etl_platform.platforms.target_figures import target_figures
from etl_platform.tracking.records import ErrorDetails

_TELLING_RUNTIMES = ("python", "nodejs")
"""Runtimes whose lines about an error are known here."""


def outcome_of(
    access: AwsAccess,
    request: RunRequest,
    handle: RunHandle,
    run: Invocation,
    state: RunState,
    written: Mapping[str, Any] | None,
    attempts: Sequence[Attempt],
    error: LoggedError | None,
) -> RunOutcome:
    """Put together how a run ended.

    Args:
        access: Where the target is.
        request: What was run.
        handle: The run.
        run: The details of the handle.
        state: Its final state.
        written: The outcome in the run's folder; None where none was written.
        attempts: What Lambda logged.
        error: Why it failed; None where it did not.
    """
    reports = [attempt.report for attempt in attempts if attempt.report]
    if not reports and written and written.get("report"):
        reports = [report_of(written["report"], written["ended"])]
    location, wrote = target_figures(access, request.job, state.started, succeeded=state.status == "success")
    figures = wrote | Figures(_figures(reports), tuple(_warnings(request, run, state, written, reports)))
    failure = classify(error.message, error_type=error.type) if error else None
    ended = written["ended"] if written else reports[-1].ended if reports else None
    return RunOutcome(
        execution_id=request.execution_id,
        handle=handle,
        status=state.status,  # type: ignore[arg-type]  # it is final
        started=state.started,
        ended=ended,
        error=None
        if error is None or failure is None
        else ErrorDetails(
            error_occurred=True,
            error_type=error.type,
            error_message=error.message,
            error_class="timeout" if error.timed_out else failure.error_class,
            error_stack_trace=error.stack_trace or None,
        ),
        retry_can_help=failure is not None and (failure.retry_can_help or bool(error and error.timed_out)),
        result=written.get("result") if written else None,
        log_location=":".join((run.log_group, *(attempt.stream for attempt in attempts[-1:]))),
        target_location=location,
        **figures.as_outcome(),
    )


def _figures(reports: Sequence[Report]) -> dict[str, float]:
    """Counters as pricing names them, where each report has them; of several attempts the mean is billed."""
    if not reports:
        return {}
    figures: dict[str, float] = {"requests": len(reports)}
    for name in ("billed_duration_ms", "duration_ms"):
        if all(name in report.figures for report in reports):
            figures[name] = sum(report.figures[name] for report in reports) / len(reports)
    last = reports[-1].figures
    if "init_duration_ms" in last:
        figures["init_duration_ms"] = last["init_duration_ms"]
    if "memory_mb" in last:
        figures |= {"memory_mb": last["memory_mb"], "memory_mb_allocated": last["memory_mb"]}
    if "max_memory_used_mb" in last:
        figures["memory_mb_max"] = last["max_memory_used_mb"]
    if "memory_mb" in last and "max_memory_used_mb" in last:
        figures["memory_utilization_percent"] = 100 * last["max_memory_used_mb"] / last["memory_mb"]
    return figures


def _warnings(
    request: RunRequest,
    run: Invocation,
    state: RunState,
    written: Mapping[str, Any] | None,
    reports: Sequence[Report],
) -> list[str]:
    warnings: list[str] = []
    if state.status == "cancelled" and not run.owned:
        warnings.append(
            f"Lambda has no call that stops an invocation: function {run.function} runs on to its own limit "
            f"of {run.limit_seconds} s at the most, and nobody follows it. Reserved concurrency 0 keeps "
            "further invocations from starting: aws lambda put-function-concurrency --function-name "
            f"{run.function} --reserved-concurrent-executions 0"
        )
    if state.status != "cancelled" and not reports:
        warnings.append(
            f"Log group {run.log_group} has no REPORT line of the run, so time and memory are unknown; the "
            "role of the function may lack the policy AWSLambdaBasicExecutionRole."
        )
    if not run.owned and run.architecture != (request.job.platform.architecture or "x86_64"):
        warnings.append(
            f"Function {run.function} runs on {run.architecture}, and its cost is computed for another "
            f"processor; set platform.architecture to {run.architecture}."
        )
    told = (run.runtime or "").startswith(_TELLING_RUNTIMES)
    if state.status == "success" and written is None and not told:
        warnings.append(
            f"That function {run.function} succeeded is told from its log, and errors of its runtime "
            f"({run.runtime or 'a container image'}) may look otherwise than those of Python and Node.js."
        )
    return warnings
