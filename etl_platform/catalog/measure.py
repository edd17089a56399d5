"""How big the sources of a job are: each measured by its own file, at once, and never twice in a row."""

import json
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from etl_platform.catalog.api import measure_api
from etl_platform.catalog.aws import AwsClients
from etl_platform.catalog.cache import CACHE, MAX_AGE_SECONDS, MeasurementCache
from etl_platform.catalog.context import Context, MeasurableSource
from etl_platform.catalog.database import measure_sql
from etl_platform.catalog.dynamodb import measure_dynamodb
from etl_platform.catalog.findings import small_files
from etl_platform.catalog.glue_catalog import measure_glue
from etl_platform.catalog.kafka import measure_kafka
from etl_platform.catalog.kinesis import measure_kinesis
from etl_platform.catalog.local_files import measure_local
from etl_platform.catalog.location import Location, NoLocationError, ServerSource, locate_source, server_path
from etl_platform.catalog.rds import measure_rds
from etl_platform.catalog.redshift import measure_redshift
from etl_platform.catalog.s3 import measure_s3
from etl_platform.catalog.stats import BYTES_PER_GB, CannotMeasureError, TableStats
from etl_platform.config.identity import source_key
from etl_platform.config.models import data_sources as sources
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config, UnknownJobError

THREADS = 16
"""Sources measured at once; they wait for the network, not for the processor."""

HINT_GB = {"small": 0.1, "medium": 10.0, "large": 316.0}
"""What `expected_size_hint` counts as: the geometric middle of 0.01-1, 1-100 and 100-1,000 GB, the volume
categories of the records of runs."""

# What says how a source is used, not what it is; jobs that differ only here share a measurement.
USE_ONLY = {
    "name",
    "alias",
    "description",
    "role_in_flow",
    "dimension_type",
    "joins_with",
    "join_keys",
    "broadcast_eligible",
    "cache_recommended",
    "cache_ttl_seconds",
    "filter_pushdown",
    "optional",
    "size_gb",
    "expected_size_hint",
    "columns",
}


def measure(
    source: sources.AnySource,
    config: Config,
    *,
    max_age_seconds: float = MAX_AGE_SECONDS,
    cache: MeasurementCache = CACHE,
) -> TableStats:
    """Figures of one source; what cannot be found out is None and a warning, never an error.

    Args:
        source: A source of the configuration.
        config: For its profile, region, secrets and feature flags.
        max_age_seconds: Take a measurement of this process that is younger; 0 measures anew.
        cache: Where measurements are kept.
    """
    return _measure(source, config, AwsClients(config.settings.aws_region), max_age_seconds, cache)


def measure_job(
    config: Config,
    job: Job,
    *,
    max_age_seconds: float = MAX_AGE_SECONDS,
    cache: MeasurementCache = CACHE,
) -> dict[str, TableStats]:
    """Figures of all sources of a job, measured at once.

    Returns:
        Source name to figures, in the order of the job.
    """
    return measure_jobs(config, [job], max_age_seconds=max_age_seconds, cache=cache)[job.job_id]


def measure_jobs(
    config: Config,
    jobs: Iterable[Job],
    *,
    max_age_seconds: float = MAX_AGE_SECONDS,
    cache: MeasurementCache = CACHE,
) -> dict[str, dict[str, TableStats]]:
    """Figures of all sources of several jobs; sources that they share are measured once.

    Returns:
        Job id to source name to figures.
    """
    jobs = list(jobs)
    aws = AwsClients(config.settings.aws_region)
    different: dict[str, sources.AnySource] = {}
    for job in jobs:
        for source in job.data_sources:
            different.setdefault(_cache_key(source, config), source)
    if len(different) > 1:
        with ThreadPoolExecutor(max_workers=min(THREADS, len(different))) as threads:
            list(
                threads.map(
                    lambda source: _measure(source, config, aws, max_age_seconds, cache), different.values()
                )
            )
        # What was just measured is taken from the cache, whatever age the caller allows.
        max_age_seconds = max(max_age_seconds, MAX_AGE_SECONDS)
    return {
        job.job_id: {
            source.name: _measure(source, config, aws, max_age_seconds, cache) for source in job.data_sources
        }
        for job in jobs
    }


def _cache_key(source: sources.AnySource, config: Config) -> str:
    described = source.model_dump(mode="json", exclude=USE_ONLY)
    where = [str(config.path), config.profile, config.settings.aws_region]
    if isinstance(source, sources.JobSource):
        target = config.job(source.job_id).target
        where.append(target.model_dump_json() if target else "")
    return json.dumps([where, described], sort_keys=True)


def _measure(
    source: sources.AnySource,
    config: Config,
    aws: AwsClients,
    max_age_seconds: float,
    cache: MeasurementCache,
) -> TableStats:
    dataset = "/".join(source_key(source))
    wanted = source.auto_detect_size or source.auto_detect_partitions or source.auto_detect_schema
    if not config.settings.feature_flags.enable_auto_size_detection:
        stats = _not_measured(dataset, "not measured: feature flag enable_auto_size_detection is off")
    elif not wanted:
        stats = _not_measured(dataset, "not measured: auto_detect_size, _partitions and _schema are false")
    else:

        def measure_now() -> TableStats:
            context = Context(config, aws, time.time())
            try:
                return _dispatch(source, dataset, context)
            except CannotMeasureError as error:
                return TableStats(
                    dataset=dataset,
                    exists=False if error.missing else None,
                    detected_by="not detected",
                    measured_at=context.now,
                    warnings=(str(error),),
                )

        stats = cache.get(_cache_key(source, config), max_age_seconds, measure_now)
    return _as_declared(source, stats)


def _not_measured(dataset: str, reason: str) -> TableStats:
    return TableStats(dataset=dataset, detected_by=reason, measured_at=time.time())


def _dispatch(source: sources.AnySource, dataset: str, context: Context) -> TableStats:
    """The figures that the source itself tells."""
    local = context.config.profile == "local"
    if local and isinstance(source, ServerSource):
        stand_in = _located(source, context)
        if stand_in.path and stand_in.path.exists():
            return measure_local(source, stand_in, dataset, context)
    match source:
        case sources.SqlSource():
            return measure_sql(source, dataset, context)
        case sources.KafkaSource():
            return measure_kafka(source, dataset, context)
        case sources.ApiSource():
            return measure_api(source, dataset, context)
        case sources.FileSource():
            return measure_local(source, locate_source(source, context.config), dataset, context)
        case sources.JobSource() if not local:
            return _dispatch(_target_as_source(source, context.config), dataset, context)
        case sources.JobSource() | sources.S3Source() | sources.GlueCatalogSource() if local:
            return measure_local(source, _located(source, context), dataset, context)
    if isinstance(source, MeasurableSource):
        return source.measure(dataset, context)
    if local and isinstance(source, ServerSource):
        raise CannotMeasureError(
            f"{dataset} has no local stand-in, and the profile `local` opens no connection to AWS; put files "
            f"into {server_path(source, context.config.local_root)}, or set `size_gb`."
        )
    match source:
        case sources.GlueCatalogSource():
            return measure_glue(source, dataset, context)
        case sources.S3Source():
            return measure_s3(source, dataset, context)
        case sources.RedshiftSource():
            return measure_redshift(source, dataset, context)
        case sources.RdsSource():
            return measure_rds(source, dataset, context)
        case sources.DynamoDbSource():
            return measure_dynamodb(source, dataset, context)
        case sources.KinesisSource():
            return measure_kinesis(source, dataset, context)
    raise CannotMeasureError(f"{dataset}: sources of type {source.source_type} cannot be measured.")


def _located(source: sources.AnySource, context: Context) -> Location:
    try:
        return locate_source(source, context.config)
    except (NoLocationError, UnknownJobError) as error:
        raise CannotMeasureError(str(error)) from None


def _target_as_source(source: sources.JobSource, config: Config) -> sources.AnySource:
    """The source that reads what another job writes to AWS."""
    target = config.job(source.job_id).target
    base = source.model_dump(include=set(sources.Source.model_fields))
    if target is None:
        raise CannotMeasureError(f'job "{source.job_id}" has no target, so `{source.name}` has no data.')
    match target.type:
        case "glue_catalog":
            return sources.GlueCatalogSource.model_validate(
                base | {"source_type": "glue_catalog", "database": target.database, "table": target.table}
            )
        case "s3":
            return sources.S3Source.model_validate(
                base | {"source_type": "s3", "path": target.path, "format": target.format}
            )
        case "dynamodb":
            return sources.DynamoDbSource.model_validate(
                base | {"source_type": "dynamodb", "table_name": target.table}
            )
    raise CannotMeasureError(
        f'the target of job "{source.job_id}" is of type {target.type}, which names no server; read it as a '
        f"source of type {target.type}, or set `size_gb`."
    )


def _as_declared(source: sources.AnySource, stats: TableStats) -> TableStats:
    """Leave out what the source does not want detected, and fill gaps from what it declares."""
    update: dict[str, object] = {}
    size = stats.size_gb
    if not source.auto_detect_size:
        size = None
        update |= {"size_gb": None, "file_count": None, "row_count": None, "filtered_gb": None}
    if not source.auto_detect_partitions:
        update |= {"partition_count": None, "partition_keys": None}
    if size is None and source.size_gb is not None:
        update |= {
            "size_gb": source.size_gb,
            "detected_by": f"{stats.detected_by}; size by size_gb of the configuration",
        }
    elif size is None and source.expected_size_hint is not None:
        hint = source.expected_size_hint
        update |= {
            "size_gb": HINT_GB[hint],
            "size_rough": True,
            "detected_by": f"{stats.detected_by}; size roughly, by expected_size_hint `{hint}`",
        }
    elif size is not None and stats.file_count:
        update["findings"] = small_files(source.name, round(size * BYTES_PER_GB), stats.file_count)
    if not stats.columns and source.columns:
        update["columns"] = dict(source.columns)
    return stats.model_copy(update=update)
