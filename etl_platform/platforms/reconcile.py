"""Runs that ended while nobody watched: their records are brought up to date."""

from collections.abc import Callable

from etl_platform.config.models.base import PlatformName
from etl_platform.config.project import Config
from etl_platform.platforms import records
from etl_platform.platforms.errors import PlatformError
from etl_platform.platforms.protocol import Platform, RunRequest
from etl_platform.tracking.store import TrackingStore

LOOK_BACK_SECONDS = 7 * 86_400.0
"""Runs that started longer ago are not looked at again."""


def reconcile(
    platform_of: Callable[[PlatformName], Platform], config: Config, store: TrackingStore, now: float
) -> list[str]:
    """Write the end of runs that are on record as running and have ended, as after a killed Dagster process.

    A run that still goes on, or that the platform cannot be asked about, stays as it is.

    Args:
        platform_of: The platform of a name.
        config: The configuration.
        store: Where the runs are recorded.
        now: Unix seconds.

    Returns:
        Ids of the executions whose end was written.
    """
    ended: list[str] = []
    jobs = {job.job_id: job for job in config.jobs}
    for record in store.executions_by_status("running", now - LOOK_BACK_SECONDS):
        handle, job = records.handle_of(record), jobs.get(record.job_name)
        if handle is None or job is None:
            continue
        request = RunRequest(job, config, record.execution_id, record.attempt_group, timeout_seconds=0)
        try:
            platform = platform_of(handle.platform)
            if not platform.poll(handle).final:
                continue
            outcome = platform.outcome(request, handle)
        except PlatformError:
            # It says so itself when the run is taken up or started again.
            continue
        final = records.finished(record, outcome, request)
        store.put_execution(final)
        store.count_cost(final)
        ended.append(record.execution_id)
    return ended
