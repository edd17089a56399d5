"""The records of the jobs of a Dagster run."""

import dagster as dg

from etl_platform.config.models.job import Job
from etl_platform.tracking.records import JobExecution
from etl_platform.tracking.store import TrackingStore

_CLOCK_SKEW_SECONDS = 60
"""How far the clocks of Dagster's database and of the process that records a run may be apart."""


def start_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> float:
    """Unix seconds before which no record of a run was made."""
    record = instance.get_run_record_by_id(run.run_id)
    if record is None:
        return 0.0
    return (record.start_time or record.create_timestamp.timestamp()) - _CLOCK_SKEW_SECONDS


def execution_of(store: TrackingStore, job: Job, run: dg.DagsterRun, start: float) -> JobExecution | None:
    """The last attempt of a job in a run."""
    latest = store.executions(job.job_id, since=start, limit=20).items
    return next((each for each in latest if each.dagster_run_id == run.run_id), None)
