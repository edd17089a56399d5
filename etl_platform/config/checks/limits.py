"""Limits that must agree with each other."""

from collections.abc import Iterator

from etl_platform.config.checks.problem import Problem
from etl_platform.config.models.job import Job


def preference_is_allowed(job: Job) -> Iterator[Problem]:
    """The platform that the team prefers is one that it allows."""
    platform = job.platform
    allowed = platform.allowed_platforms
    if (
        platform.user_preference is not None
        and allowed is not None
        and platform.user_preference not in allowed
    ):
        message = f"is not one of `allowed_platforms`: {', '.join(allowed)}"
        yield Problem(("platform", "user_preference"), message, platform.user_preference)


def sizes_are_in_order(job: Job) -> Iterator[Problem]:
    """The smallest size is not above the largest."""
    least, most = job.platform.min_dpu, job.platform.max_dpu
    if least is not None and most is not None and least > most:
        yield Problem(("platform", "min_dpu"), f"`min_dpu` is greater than `max_dpu`: {least:g} > {most:g}")


def alert_comes_first(job: Job) -> Iterator[Problem]:
    """The alert of a long run is not later than the longest run."""
    alert, longest = job.sla.alert_threshold_minutes, job.sla.max_duration_minutes
    if alert is not None and longest is not None and alert > longest:
        message = f"the alert would come after `max_duration_minutes`: {alert:g} > {longest:g}"
        yield Problem(("sla", "alert_threshold_minutes"), message)
