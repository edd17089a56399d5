"""Pointers from an attempt group to its executions, so that a retried step finds them without an index."""

import hashlib

from etl_platform.tracking.records import JobExecution
from etl_platform.tracking.tables import JOB_EXECUTIONS, Item


def attempt_key(job_name: str, attempt_group: str) -> str:
    """The partition of JobExecutions in which the pointers of a group stand."""
    return f"attempts#{job_name}#{attempt_group}"


def attempt_pointer(record: JobExecution) -> Item:
    """The pointer to an execution that has an attempt group."""
    # It has no `job_name` and no `status_day`, so that no index lists it.
    return {
        "execution_id": attempt_key(record.job_name, record.attempt_group or ""),
        # A number of its own for each execution, where a time could be that of two.
        "timestamp": int(hashlib.sha256(record.execution_id.encode()).hexdigest()[:12], 16),
        "pointer_id": record.execution_id,
        "pointer_timestamp": record.timestamp,
        "version": 0,
        **JOB_EXECUTIONS.expiry(record.timestamp),
    }


def pointed_at(pointer: Item) -> tuple[str, float]:
    """The key of the execution that a pointer is to."""
    return pointer["pointer_id"], pointer["pointer_timestamp"]
