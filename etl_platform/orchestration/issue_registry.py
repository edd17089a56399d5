"""The issues of a job over its runs: seen again, new, or gone."""

import time

from etl_platform.config.project import Config
from etl_platform.tracking.errors import StoreUnavailableError
from etl_platform.tracking.open import open_store
from etl_platform.tracking.outbox import open_outbox
from etl_platform.tracking.records import IssueRecord, JobExecution


def register_issues(config: Config, execution: JobExecution) -> list[str]:
    """Count the issues that a run has shown, and resolve those that it no longer shows.

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
        if issue_type not in found:
            gone = {"resolved": True, "resolution_timestamp": time.time()}
            changed.append(known.model_copy(update=gone))
    return [warning for each in changed if (warning := outbox.write("put_issue", each))]
