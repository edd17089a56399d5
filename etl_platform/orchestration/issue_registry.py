"""The issues of a job over its runs: seen again, new, or gone."""

import time

from etl_platform.config.project import Config
from etl_platform.tracking.errors import StoreUnavailableError
from etl_platform.tracking.open import open_store
from etl_platform.tracking.outbox import open_outbox
from etl_platform.tracking.records import ErrorClass, Issue, IssueRecord, JobExecution

FAILURE = "failure"
"""Category of issues that are failures of runs; their type is `run_failed_` and the class of the error."""

_TYPE = "run_failed_"

_ADVICE: dict[ErrorClass, str] = {
    "out_of_memory": "Give it more memory (`platform.worker_type`, `memory_mb`), or read less at once.",
    "throttled": "Run it at another time, or ask for a higher quota of the service.",
    "timeout": "Raise `execution.timeout_minutes`, or give it a larger size.",
    "permission": "Give its role the permission that the error names.",
    "missing_input": "Make sure that its inputs are there before it starts, as by `depends_on`.",
    "code": "Correct the script where the stack trace points.",
    "capacity": "Allow further platforms (`platform.allowed_platforms`), or on-demand capacity.",
    "unknown": "Read its log.",
}


def with_failure(execution: JobExecution) -> JobExecution:
    """A run that failed, with its failure among the issues that it has shown."""
    error = execution.error_details
    if error is None:
        return execution
    error_class: ErrorClass = error.error_class or "unknown"
    own = error_class in ("throttled", "capacity", "unknown")
    issue = Issue(
        issue_id=f"{execution.job_name}/{_TYPE}{error_class}",
        severity="medium" if own else "high",
        category=FAILURE,
        type=f"{_TYPE}{error_class}",
        description=error.error_message or f"The run ended as {execution.status}.",
        recommendation=_ADVICE[error_class],
    )
    known = execution.issues_detected or []
    return execution.model_copy(update={"issues_detected": [*known, issue]})


def register_issues(config: Config, execution: JobExecution) -> list[str]:
    """Count the issues that a run has shown, and resolve those that it no longer shows.

    A failure is resolved by a run that succeeds, not by one that fails in another way.

    Args:
        config: Says where tracking is.
        execution: The run; one whose issues nobody looked for changes nothing.

    Returns:
        Warnings where the store is down and records are delivered later.
    """
    if execution.issues_detected is None:
        return []
    store = open_store(config)
    outbox = open_outbox(config, store)
    try:
        standing = {each.issue_type: each for each in store.issues(execution.job_name) if not each.resolved}
    except StoreUnavailableError as error:
        return [f"the issues of this run were not registered: {error}"]
    found = {issue.type: issue for issue in execution.issues_detected}
    changed: list[IssueRecord] = []
    for issue_type, issue in found.items():
        known = standing.get(issue_type)
        if known is None:
            changed.append(
                IssueRecord(
                    issue_type=issue_type,
                    timestamp=execution.timestamp,
                    execution_id=execution.execution_id,
                    job_name=execution.job_name,
                    severity=issue.severity,
                    occurrences=1,
                    resolved=False,
                )
            )
        elif known.execution_id != execution.execution_id:
            changed.append(known.model_copy(update={"occurrences": known.occurrences + 1}))
    for issue_type, known in standing.items():
        if issue_type.startswith(_TYPE) and execution.status != "success":
            continue
        if issue_type not in found:
            gone = {"resolved": True, "resolution_timestamp": time.time()}
            changed.append(known.model_copy(update=gone))
    return [warning for each in changed if (warning := outbox.write("put_issue", each))]
