"""What earlier attempts of the same group left behind: a run to take up rather than pay for a second one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from etl_platform.platforms import records
from etl_platform.platforms.errors import PlatformError, RunNotFoundError
from etl_platform.platforms.patience import Clock, patiently
from etl_platform.platforms.protocol import Platform, RunHandle, RunOutcome, RunRequest
from etl_platform.tracking.records import ErrorDetails, JobExecution
from etl_platform.tracking.store import TrackingStore


@dataclass(frozen=True)
class Attempt:
    """An attempt whose run can be taken up.

    Attributes:
        record: As it is stored.
        handle: Its run; None only where `record` says that it succeeded.
    """

    record: JobExecution
    handle: RunHandle | None


def attempt_in_use(attempts: Sequence[JobExecution]) -> JobExecution | None:
    """The newest attempt whose run may still go on, or has succeeded: a retry must ask its platform.

    None: no attempt left anything to take up, so the retry may choose anew.

    Args:
        attempts: Of one group, newest first.
    """
    return next((record for record in attempts if record.status in ("running", "success")), None)


def earlier_attempt(
    platform: Platform, request: RunRequest, store: TrackingStore, clock: Clock
) -> Attempt | None:
    """The newest attempt of the request's group that still runs, or that succeeded.

    An attempt that is on record as running but has failed, or never came to a run, gets its final record.

    Raises:
        PlatformError: Such an attempt runs on another platform.
        TransientError: The platform did not answer; whether there is a run is not known.
    """
    if request.attempt_group is None:
        return None
    for record in store.attempts(request.job.job_id, request.attempt_group):
        if record.status == "success":
            return Attempt(record, records.handle_of(record))
        if record.status != "running":
            continue
        if record.job_type != platform.name:
            raise PlatformError(
                f"{record.execution_id} of job {record.job_name} may still run on {record.job_type}, so its "
                f"retry cannot start on {platform.name}: run the retry on {record.job_type}, or re-execute."
            )
        handle = _living_run(
            platform, replace(request, execution_id=record.execution_id), record, store, clock
        )
        if handle is not None:
            return Attempt(record, handle)
    return None


def _living_run(
    platform: Platform, request: RunRequest, record: JobExecution, store: TrackingStore, clock: Clock
) -> RunHandle | None:
    """The run of an attempt on record as running, if it runs or succeeded; else the record is closed."""
    handle = records.handle_of(record) or patiently(lambda: platform.find(request), clock)
    if handle is None:
        outcome = _lost(record, "The process that ran it ended before the run was submitted.")
    else:
        try:
            state = patiently(lambda: platform.poll(handle), clock)
            if not state.final or state.status == "success":
                return handle
            outcome = patiently(lambda: platform.outcome(request, handle), clock)
        except RunNotFoundError as error:
            outcome = _lost(record, str(error))
    final = records.finished(record, outcome, request)
    store.put_execution(final)
    store.count_cost(final)
    return None


def _lost(record: JobExecution, message: str) -> RunOutcome:
    # What kept its driver from following it, where that is known, says more than that it is gone.
    known = record.error_details and record.error_details.error_class
    error = ErrorDetails(
        error_occurred=True, error_type="RunLost", error_message=message, error_class=known or "unknown"
    )
    return RunOutcome(record.execution_id, records.handle_of(record), "failed", error=error)
