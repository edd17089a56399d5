"""All that the jobs of a configuration need in the account, made, updated and removed."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from etl_platform.config.models.base import PlatformName
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.platforms.errors import PlatformError
from etl_platform.platforms.open import AWS_PLATFORMS, access_of, open_platform
from etl_platform.platforms.ownership import Change
from etl_platform.platforms.patience import Clock, patiently
from etl_platform.platforms.permissions import used_platforms

_AT_ONCE = 8
"""Definitions that are compared at the same time; the control planes of AWS allow a few calls a second."""


class Owned(NamedTuple):
    """Something in the account that carries our tag.

    Attributes:
        platform: The platform that it belongs to.
        change: Its removal.
    """

    platform: PlatformName
    change: Change


def deploy_jobs(config: Config, jobs: Sequence[Job], *, dry_run: bool) -> tuple[list[Change], list[str]]:
    """Make or update what jobs need on the platforms that they name.

    Args:
        config: The configuration.
        jobs: The jobs.
        dry_run: Only tell what would be done.

    Returns:
        What was done, and sentences about what could not be: a service refused, or a job cannot be deployed
        as it is configured. One job does not hold up the others.
    """
    access = access_of(config)

    def deploy(work: tuple[Job, PlatformName]) -> tuple[Change, ...] | str:
        job, name = work
        try:
            return patiently(
                lambda: open_platform(name, access).deploy(job, config, dry_run=dry_run), Clock()
            )
        except PlatformError as error:
            return f"{job.job_id} on {name}: {error}"

    pairs = [(job, name) for job in jobs for name in used_platforms(job)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        done = list(pool.map(deploy, pairs))
    changes = [change for each in done if not isinstance(each, str) for change in each]
    return list(dict.fromkeys(changes)), [each for each in done if isinstance(each, str)]


def all_owned(config: Config) -> list[Owned]:
    """All in the account that carries our tag, also of jobs that the configuration has no more.

    Raises:
        PlatformError: A service refused.
    """
    access = access_of(config)
    return [
        Owned(name, change)
        for name in AWS_PLATFORMS
        for change in patiently(lambda name=name: open_platform(name, access).owned(), Clock())
    ]


def remove_owned(config: Config, found: Iterable[Owned]) -> None:
    """Remove what was found, and nothing that has come since.

    Raises:
        PlatformError: A service refused; what stands before it in the list is gone.
    """
    access = access_of(config)
    for name, change in found:
        patiently(lambda name=name, change=change: open_platform(name, access).remove(change), Clock())
