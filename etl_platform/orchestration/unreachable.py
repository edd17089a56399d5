"""A platform that stopped answering, on the record of the attempt: the circuit breaker counts it."""

import logging
import time
from dataclasses import replace

from etl_platform.platforms import records
from etl_platform.platforms.errors import PlatformError
from etl_platform.platforms.failures import classify
from etl_platform.platforms.protocol import Platform, RunOutcome, RunRequest
from etl_platform.tracking.errors import StoreError
from etl_platform.tracking.records import ErrorDetails
from etl_platform.tracking.store import TrackingStore


def note_unreachable(
    platform: Platform, request: RunRequest, store: TrackingStore, error: PlatformError, log: logging.Logger
) -> None:
    """Write on an attempt that its platform did not answer.

    An attempt that is on record stays `running`, because its run may go on. One that never came to a
    submission has failed.
    """
    found = classify(str(error), error_type=type(error).__name__, otherwise="throttled")
    details = ErrorDetails(
        error_occurred=True,
        error_type=type(error).__name__,
        error_message=str(error),
        error_class=found.error_class,
        error_timestamp=time.time(),
    )
    try:
        record = store.execution(request.execution_id)
        if record is not None:
            store.put_execution(record.model_copy(update={"error_details": details}))
            return
        attempts = store.attempts(request.job.job_id, request.attempt_group or request.execution_id)
        if any(attempt.status == "running" for attempt in attempts):
            return
        outcome = RunOutcome(request.execution_id, None, "failed", ended=time.time(), error=details)
        started = records.started(request, platform.name, time.time())
        final = records.finished(started, replace(outcome, record=started), request)
        store.put_execution(final)
        store.count_cost(final)
    except StoreError as down:
        log.warning(
            "execution_id=<%s> | not recorded that %s did not answer: %s",
            request.execution_id,
            platform.name,
            down,
        )
