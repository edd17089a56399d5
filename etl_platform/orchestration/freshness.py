"""`sla` as Dagster's freshness policy."""

import dagster as dg
from dagster._utils.schedules import get_smallest_cron_interval

from etl_platform.config.models.job import Job


def freshness_of(job: Job) -> dg.FreshnessPolicy | None:
    """At each deadline the asset must be newer than the deadline before; None where the job has none."""
    deadline = job.sla.deadline_cron
    if deadline is None:
        return None
    # Dagster refuses a window longer than this, and computes it by this same function.
    window = get_smallest_cron_interval(deadline)
    return dg.FreshnessPolicy.cron(deadline, window, timezone=job.execution.timezone)
