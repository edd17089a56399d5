"""What the states of EMR's clusters and steps mean for a run."""

from collections.abc import Mapping
from typing import Any

from etl_platform.platforms.failures import RETRY_CAN_HELP
from etl_platform.platforms.protocol import RunState, RunStatus
from etl_platform.platforms.spark_log_error import failure_details, time_limit_error
from etl_platform.tracking.records import ErrorClass, ErrorDetails

PREPARING = ("STARTING", "BOOTSTRAPPING")
ENDING = ("TERMINATING",)
ENDED = ("TERMINATED", "TERMINATED_WITH_ERRORS")
"""States of a cluster before it runs steps, while it shuts down, and once it is gone."""

_STEPS: dict[str, RunStatus] = {
    "PENDING": "pending",
    "RUNNING": "running",
    "CANCEL_PENDING": "running",
    "COMPLETED": "success",
    "CANCELLED": "cancelled",
    "FAILED": "failed",
    "INTERRUPTED": "failed",
}

_CLASS_OF_REASON: dict[str, ErrorClass] = {
    "INSTANCE_FAILURE": "capacity",
    "INSTANCE_FLEET_TIMEOUT": "capacity",
}
"""Codes of `StateChangeReason` that tell more than their message does."""


def seconds_of(status: Mapping[str, Any], moment: str) -> float | None:
    """A moment of a `Status`'s timeline in Unix seconds; None where it has not come."""
    found = status.get("Timeline", {}).get(moment)
    return None if found is None else found.timestamp()


def state_of_step(
    step: Mapping[str, Any], cluster: Mapping[str, Any] | None, timeout_seconds: float
) -> RunState:
    """How a run stands.

    The state of the step decides, not that of its cluster: a cluster ends well after a failed step.

    Args:
        step: As ListSteps gives it.
        cluster: The run's own cluster; None: one that others use too.
        timeout_seconds: What has run that long and failed was ended by its time limit.
    """
    status = step["Status"]
    started, ended = seconds_of(status, "StartDateTime"), seconds_of(status, "EndDateTime")
    found = _STEPS.get(status["State"], "running")
    message = (status.get("FailureDetails") or {}).get("Message") or (
        status.get("StateChangeReason") or {}
    ).get("Message")
    if cluster is not None and cluster["Status"]["State"] in (*ENDING, *ENDED):
        message = message or cluster_reason(cluster)
        if found in ("pending", "running") or status["State"] == "INTERRUPTED":
            code = (cluster["Status"].get("StateChangeReason") or {}).get("Code")
            found = "cancelled" if code == "USER_REQUEST" else "failed"
    if found == "failed" and started and ended and ended - started >= timeout_seconds:
        found = "timeout"
    return RunState(found, started, message)


def cluster_reason(cluster: Mapping[str, Any]) -> str | None:
    """Why a cluster ended, in EMR's words; None where it says nothing."""
    reason = cluster["Status"].get("StateChangeReason") or {}
    return ": ".join(part for part in (reason.get("Code"), reason.get("Message")) if part) or None


def step_error(
    step: Mapping[str, Any],
    cluster: Mapping[str, Any] | None,
    state: RunState,
    timeout_seconds: float,
    log: str | None,
) -> tuple[ErrorDetails, bool]:
    """Why a step failed, and whether another attempt may succeed.

    Args:
        step: As ListSteps gives it.
        cluster: The run's own cluster; None: one that others use too.
        state: As `state_of_step` gives it.
        timeout_seconds: Time limit of the run.
        log: End of the step's stderr; None: EMR copied none to S3.
    """
    if state.status == "timeout":
        return time_limit_error(timeout_seconds), RETRY_CAN_HELP["timeout"]
    failure = step["Status"].get("FailureDetails") or {}
    code = (cluster["Status"].get("StateChangeReason") or {}).get("Code") if cluster else None
    said = [failure.get("Message"), failure.get("Reason"), state.message]
    if cluster is not None and code != "STEP_FAILURE":
        said.append(cluster_reason(cluster))
    return failure_details(log, *said, otherwise=_CLASS_OF_REASON.get(code or "", "unknown"))
