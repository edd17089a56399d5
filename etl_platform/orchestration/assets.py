"""A job as an asset."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from etl_platform.config.identity import target_key
from etl_platform.config.models.base import PlatformName
from etl_platform.config.models.job import Job
from etl_platform.orchestration.descriptions import describe_job
from etl_platform.orchestration.freshness import freshness_of
from etl_platform.orchestration.keys import Graph
from etl_platform.orchestration.partitions import mapping_between, partitions_of
from etl_platform.orchestration.pipes import Reported, events_of_failed, own_report, reported_events
from etl_platform.orchestration.sources import column_schema
from etl_platform.orchestration.step import run_job
from etl_platform.quality.rules import Rule


def job_asset(
    job: Job, graph: Graph, io_manager_key: str, services: Mapping[PlatformName, str]
) -> dg.AssetsDefinition:
    """The asset of a job: its key is the job's id, its materialization a run of the job.

    Args:
        job: The job.
        graph: How the jobs of the configuration hang together.
        io_manager_key: What keeps the run.
        services: Platform to the Dagster key of its resource; empty under the profile `local`.
    """
    config = graph.config
    read = dict.fromkeys(producer for source in job.data_sources if (producer := graph.producer(source)))
    read.pop(job.job_id, None)
    sources = [graph.source_asset_key(each) for each in job.data_sources if not graph.producer(each)]
    after = [dg.AssetKey(each) for each in job.execution.depends_on if each not in read]
    execution = job.execution
    partitions = partitions_of(job)

    @dg.asset(
        key=job.job_id,
        ins={
            each: dg.AssetIn(each, partition_mapping=mapping_between(config.job(each), job)) for each in read
        },
        deps=[*dict.fromkeys(sources), *after],
        description=describe_job(job, tuple(_rules(job, graph))),
        group_name=job.group,
        owners=job.owners,
        tags=job.tags,
        kinds=_kinds(job),
        metadata=_metadata(job, graph),
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run() if partitions else None,
        freshness_policy=freshness_of(job),
        retry_policy=dg.RetryPolicy(
            max_retries=execution.max_retries,
            delay=timedelta(minutes=execution.retry_delay_minutes).total_seconds(),
            backoff=dg.Backoff.EXPONENTIAL if execution.retry_backoff == "exponential" else None,
        )
        if execution.max_retries
        else None,
        io_manager_key=io_manager_key,
        required_resource_keys=set(services.values()),
        output_required=job.enabled,
    )
    def materialize(context: dg.AssetExecutionContext, **upstream: Any) -> Iterator[Any]:
        for run in upstream.values():
            if run is not None:
                context.log.info("Reads %s of %s.", run.location, run.execution.execution_id)
        reported: list[Reported] = []
        try:
            run = run_job(context, job, graph, services, reported)
        except (dg.Failure, dg.RetryRequested):
            yield from events_of_failed(context, reported)
            raise
        if run is not None:
            yield from reported_events(context, reported)
            own = own_report(context, reported)
            yield dg.Output(run, metadata=own and own.metadata, data_version=own and own.data_version)

    return materialize


def _rules(job: Job, graph: Graph) -> Iterator[Rule]:
    for checks in graph.checks[job.job_id].values():
        yield from checks.values()


def _kinds(job: Job) -> set[str]:
    preferred = job.platform.user_preference
    return {job.execution.kind, preferred} if preferred else {job.execution.kind}


def _metadata(job: Job, graph: Graph) -> dict[str, Any]:
    references: list[dg.LocalFileCodeReference | dg.UrlCodeReference] = [
        dg.LocalFileCodeReference(file_path=str(path), line_number=line, label=label)
        for path, line, label in _code(job, graph)
    ]
    metadata: dict[str, Any] = {
        "dagster/code_references": dg.CodeReferencesMetadataValue(code_references=references)
    }
    if job.target:
        if key := target_key(job.target):
            name = "dagster/uri" if job.target.type == "s3" else "dagster/table_name"
            metadata[name] = job.target.path if job.target.type == "s3" else ".".join(key[1:])
        if job.target.columns:
            metadata["dagster/column_schema"] = column_schema(job.target.columns)
    return metadata


def _code(job: Job, graph: Graph) -> Iterator[tuple[Path, int, str]]:
    script = job.execution.script_path
    if script and "://" not in script:
        yield graph.config.resolve(script), 1, f"script of {job.job_id}"
    if place := graph.config.places.get(job.job_id):
        yield place.path, place.line, f"{job.job_id} in {place.path.name}"
