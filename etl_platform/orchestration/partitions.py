"""`execution.partitions` as Dagster's partitions."""

import dagster as dg

from etl_platform.config.models.job import Job

_WINDOWS = {
    "hourly": dg.HourlyPartitionsDefinition,
    "daily": dg.DailyPartitionsDefinition,
    "weekly": dg.WeeklyPartitionsDefinition,
    "monthly": dg.MonthlyPartitionsDefinition,
}


def partitions_of(job: Job) -> dg.PartitionsDefinition | None:
    """How the job's asset is partitioned; None where it is not."""
    partitions = job.execution.partitions
    if partitions is None:
        return None
    if partitions.type == "static":
        return dg.StaticPartitionsDefinition(list(partitions.values or ()))
    return _WINDOWS[partitions.type](
        start_date=partitions.start or "",
        end_date=partitions.end,
        timezone=partitions.timezone or job.execution.timezone,
    )


def mapping_between(upstream: Job, downstream: Job) -> dg.PartitionMapping | None:
    """How two jobs' partitions belong together; None leaves it to Dagster.

    Time windows map onto one another by time and equal keys by name, which Dagster does by itself. Where
    neither holds, each partition reads all of the upstream job's data.
    """
    above, below = upstream.execution.partitions, downstream.execution.partitions
    if above is None or below is None:
        return None
    both_static = above.type == below.type == "static"
    if (both_static and above.values == below.values) or "static" not in (above.type, below.type):
        return None
    return dg.AllPartitionMapping()
