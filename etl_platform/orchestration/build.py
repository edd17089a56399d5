"""A configuration as Dagster definitions."""

import warnings
from collections.abc import Mapping

import dagster as dg

from etl_platform.config.models.base import PlatformName
from etl_platform.config.project import Config
from etl_platform.orchestration.agent_sensors import agent_sensors
from etl_platform.orchestration.assets import job_asset
from etl_platform.orchestration.checks import dataset_checks
from etl_platform.orchestration.io_manager import TrackingIOManager
from etl_platform.orchestration.keys import Graph
from etl_platform.orchestration.notifications import notification_sensors
from etl_platform.orchestration.resources import AwsResource, aws_resources
from etl_platform.orchestration.schedules import schedule_of
from etl_platform.orchestration.shared_jobs import SHARED_JOB, shared_jobs
from etl_platform.orchestration.sources import observable_sources


def build_definitions(
    config: Config,
    *,
    job_name: str = SHARED_JOB,
    resources: Mapping[PlatformName, AwsResource] | None = None,
) -> dg.Definitions:
    """All assets, checks, schedules and sensors of a configuration, and the Dagster jobs over them.

    Args:
        config: The configuration.
        job_name: Name of the first Dagster job; another one where a project includes several configurations.
        resources: Services that are to be called in another way, such as
            `{"glue": GlueResource(role_arn="arn:aws:iam::123456789012:role/runner")}`.
    """
    with warnings.catch_warnings():
        # Code references are in beta; the versions of Dagster that this package allows have them.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return _build(config, job_name, resources or {})


def _build(config: Config, job_name: str, given: Mapping[PlatformName, AwsResource]) -> dg.Definitions:
    graph = Graph(config)
    # Named after the Dagster job, so that several configurations of one project keep theirs apart.
    io_manager_key = f"{job_name}_tracking"
    resources = aws_resources(given) if config.profile == "aws" else {}
    keys: dict[PlatformName, str] = {name: f"{job_name}_{name}" for name in resources}
    assets = {job.job_id: job_asset(job, graph, io_manager_key, keys) for job in config.jobs}
    checks = {job.job_id: list(dataset_checks(job, graph, frozenset(keys.values()))) for job in config.jobs}
    dagster_jobs = []
    schedules = []
    for name, jobs in shared_jobs(config, job_name).items():
        own_checks = [check for job in jobs for check in checks[job.job_id]]
        selection = dg.AssetSelection.assets(*(job.job_id for job in jobs)).without_checks()
        dagster_jobs.append(
            dg.define_asset_job(
                name,
                selection=selection | dg.AssetSelection.checks(*own_checks),
                description=f"Jobs of {config.path.name}; schedules ask for runs of a part of it.",
            )
        )
        schedules += filter(None, (schedule_of(job, graph, name) for job in jobs))
    return dg.Definitions(
        assets=[*observable_sources(graph, f"{job_name}_sources"), *assets.values()],
        asset_checks=[check for own in checks.values() for check in own],
        jobs=dagster_jobs,
        schedules=schedules,
        sensors=[*notification_sensors(graph, job_name), *agent_sensors(graph, job_name)],
        resources={
            io_manager_key: TrackingIOManager(config),
            **{keys[name]: resource for name, resource in resources.items()},
        },
    )
