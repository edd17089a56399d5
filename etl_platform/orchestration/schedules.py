"""`execution.schedule` as Dagster schedules: they ask for runs of a part of a shared Dagster job."""

from collections.abc import Iterator

import dagster as dg

from etl_platform.config.models.job import Job
from etl_platform.orchestration.keys import Graph
from etl_platform.orchestration.partitions import partitions_of


def schedule_of(job: Job, graph: Graph, job_name: str) -> dg.ScheduleDefinition | None:
    """The schedule of an enabled job with a cron line; None for all others."""
    execution = job.execution
    if not job.enabled or execution.schedule is None or execution.schedule == "streaming":
        return None
    partitions = partitions_of(job)
    asset_key = dg.AssetKey(job.job_id)

    def requests(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        if isinstance(partitions, dg.TimeWindowPartitionsDefinition):
            keys = partitions.get_partition_keys(context.scheduled_execution_time)[-1:]
            if not keys:
                yield dg.SkipReason(f"{job.job_id} has no complete partition yet.")
        else:
            keys = partitions.get_partition_keys() if partitions else [None]
        for key in keys:
            yield dg.RunRequest(
                # Dagster wants the runs of one tick told apart.
                run_key=f"{context.scheduled_execution_time.isoformat()} {key}" if key else None,
                partition_key=key,
                asset_selection=[asset_key],
                asset_check_keys=graph.check_keys(job),
                tags={"etl_platform/job": job.job_id, **job.tags},
            )

    running = graph.config.profile == "aws"
    return dg.ScheduleDefinition(
        name=f"{job.job_id}_schedule",
        job_name=job_name,
        cron_schedule=execution.schedule,
        execution_timezone=execution.timezone,
        execution_fn=requests,
        default_status=dg.DefaultScheduleStatus.RUNNING if running else dg.DefaultScheduleStatus.STOPPED,
        description=f"Runs {job.title} with the checks of its sources and its target.",
    )
