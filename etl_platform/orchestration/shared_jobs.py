"""The Dagster jobs that schedules ask for runs of: one for all assets, where Dagster allows it.

One Dagster job for each configured job would make loading quadratic. One Dagster job may hold assets of one
partitioning and any number of unpartitioned ones, so `etl` holds those and the first partitioning of the
configuration; each further one, such as daily ones from another first day, has a Dagster job of its own.
"""

from collections.abc import Mapping

import dagster as dg

from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.orchestration.partitions import partitions_of

SHARED_JOB = "etl"


def shared_jobs(config: Config, job_name: str = SHARED_JOB) -> Mapping[str, list[Job]]:
    """Name of each Dagster job to the configured jobs whose assets it holds.

    Args:
        config: The configuration.
        job_name: Name of the first; the others are `<job_name>_<type>`, numbered where they need be.
    """
    names: dict[dg.PartitionsDefinition | None, str] = {}
    jobs: dict[str, list[Job]] = {job_name: []}
    for job in config.jobs:
        partitions = partitions_of(job)
        if partitions is not None and partitions not in names:
            names[partitions] = _free_name(job, job_name, jobs) if names else job_name
        jobs.setdefault(names.get(partitions, job_name), []).append(job)
    return jobs


def _free_name(job: Job, job_name: str, taken: Mapping[str, object]) -> str:
    kind = job.execution.partitions.type if job.execution.partitions else ""
    name, number = f"{job_name}_{kind}", 1
    while name in taken:
        number += 1
        name = f"{job_name}_{kind}_{number}"
    return name
