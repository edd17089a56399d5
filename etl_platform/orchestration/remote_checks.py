"""Where the rules of a dataset are evaluated: in this process, by a server, or by a job on a cluster."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

from etl_platform import runtime
from etl_platform.catalog.location import NoLocationError
from etl_platform.config.models.base import PlatformName
from etl_platform.config.models.data_quality import DataQuality
from etl_platform.config.models.job import Job
from etl_platform.config.models.platform import Platform as PlatformSection
from etl_platform.config.project import Config
from etl_platform.orchestration.resources import AwsResource
from etl_platform.platforms import driver
from etl_platform.platforms.artifacts import artifact_uri
from etl_platform.platforms.errors import PlatformError, TransientError
from etl_platform.platforms.following import OnLog, OnProgress
from etl_platform.platforms.open import access_of, open_platform
from etl_platform.platforms.protocol import Platform, RunOutcome, RunRequest
from etl_platform.platforms.records import finished
from etl_platform.quality.dataset import AUTO_LOCAL_LIMIT_GB, NoSparkError, dataset_files
from etl_platform.quality.engine import evaluate, unreadable
from etl_platform.quality.files import NoDataError
from etl_platform.quality.remote import read_counts, remote_check, remote_report, write_document
from etl_platform.quality.report import DatasetReport
from etl_platform.quality.rules import Rule
from etl_platform.quality.servers import server_table
from etl_platform.runtime.java import java_home
from etl_platform.tracking.open import open_store
from etl_platform.tracking.outbox import open_outbox

CLUSTERS: tuple[PlatformName, ...] = ("glue", "emr", "emr_serverless")
"""Platforms that run Spark."""

SMALLEST = 2
"""Workers of the smallest cluster: Glue takes no fewer."""

SCRIPT = Path(runtime.__file__).with_name("rule_counts.py")
"""What runs there; it is not imported here, because it imports Spark."""

SUFFIX = "__checks"
"""Behind a job's id: the job under which its checks on a cluster are recorded and paid for."""


class RemoteCheckError(RuntimeError):
    """The rules could not be counted on the cluster; the message says why."""


@dataclass(frozen=True)
class Cluster:
    """Where the rules run, if not in this process.

    Attributes:
        platform: The platform.
        attempt_group: What the tries of one step share, so that a retry takes up its run.
        dagster_run_id: Kept in the record.
        on_log: Gets the run's lines.
        on_progress: Gets a line now and then.
    """

    platform: Platform
    attempt_group: str
    dagster_run_id: str | None = None
    on_log: OnLog = lambda lines: None
    on_progress: OnProgress = lambda line: None


def evaluate_in_step(
    context: Any, config: Config, job: Job, dataset: str, *, rules: Sequence[Rule], **options: Any
) -> DatasetReport:
    """Evaluate rules in a Dagster step, where the engine that the job names runs; a server asks its tables.

    Rules that a cluster was to count and did not have not passed, and each says why.

    Args:
        context: The context of the step.
        config: The configuration.
        job: The job.
        dataset: `target`, or the name of a source.
        rules: The rules.
        options: `partition_key` and `past_row_counts` of `quality.engine.evaluate`.

    Raises:
        NoSparkError: The engine is `spark`, and the job runs on no platform with Spark.
        TransientError: The platform stayed out of reach. A retry of the step takes up the run.
    """
    start = time.perf_counter()
    if config.profile == "local":
        return evaluate(config, job, dataset, rules=rules, spark=check_session, **options)
    if server_table(config, job, dataset):
        return evaluate(config, job, dataset, rules=rules, **options)
    name = cluster_of(config, job)
    if not _needs_cluster(config, job, dataset):
        return evaluate(config, job, dataset, rules=rules, engine="local", **options)
    if name is None:
        if job.data_quality.engine == "auto":
            return evaluate(config, job, dataset, rules=rules, engine="local", **options)
        raise NoSparkError(
            f"the rules of {job.job_id} are to run on Spark (`data_quality.engine`), and its platform has "
            f"none. Set `platform.user_preference` to one of {', '.join(CLUSTERS)}, or the engine to `local`."
        )
    step = context.get_step_execution_context().step.key
    cluster = Cluster(
        platform=_platform(context.resources._asdict(), config, name),
        attempt_group=f"{context.run.run_id}/{step}/{job.job_id}/{dataset}",
        dagster_run_id=context.run.run_id,
        on_progress=context.log.info,
    )
    try:
        return evaluate_remotely(config, job, dataset, cluster, rules=rules, **options)
    except TransientError:
        raise
    except (RemoteCheckError, PlatformError) as error:
        return unreadable(config, job, dataset, rules, error, engine="spark", start=start)


def check_session() -> Any:
    """A Spark session in this process, from dagster-pyspark's lazy resource."""
    from dagster_pyspark import LazyPySparkResource

    os.environ.setdefault("JAVA_HOME", str(java_home()))
    settings = {"spark.master": "local[*]", "spark.ui.enabled": "false"}
    return LazyPySparkResource(spark_config=settings).spark_session


def cluster_of(config: Config, job: Job) -> PlatformName | None:
    """The platform with Spark that a job ran on last, or would rather run on; None: there is none."""
    last = open_store(config).latest_execution(job.job_id)
    section = job.platform
    wanted = (last and last.job_type, section.user_preference, *(section.allowed_platforms or ()))
    return next((name for each in wanted for name in CLUSTERS if each == name), None)


def _needs_cluster(config: Config, job: Job, dataset: str) -> bool:
    if job.data_quality.engine != "auto":
        return job.data_quality.engine == "spark"
    try:
        return dataset_files(config, job, dataset).bytes > AUTO_LOCAL_LIMIT_GB * 2**30
    except (NoLocationError, NoDataError):
        # The evaluation tells it, rule by rule.
        return False


def _platform(resources: Mapping[str, Any], config: Config, name: PlatformName) -> Platform:
    for resource in resources.values():
        if isinstance(resource, AwsResource) and resource.platform_name == name:
            return resource.platform(config)
    return open_platform(name, access_of(config))


def evaluate_remotely(
    config: Config,
    job: Job,
    dataset: str,
    cluster: Cluster,
    *,
    rules: Sequence[Rule],
    partition_key: str | None = None,
    past_row_counts: Sequence[int] = (),
    clock: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
) -> DatasetReport:
    """Count what breaks rules by a small job on a platform, and make the report of its counts.

    The rules go there as a JSON document, and the counts come back as a file, both under
    `artifacts.s3_uri`/checks/<execution>. The run is recorded as any other, as job `<job>__checks`, so that
    what checks cost is known.

    Args:
        config: The configuration.
        job: The job whose rules they are.
        dataset: `target`, or the name of a source.
        cluster: Where to run.
        rules: The rules.
        partition_key: Only the data of this partition, where the dataset is cut that way.
        past_row_counts: Row counts of the last runs.
        clock: The present moment.

    Raises:
        RemoteCheckError: The run failed, or what it reads or wrote cannot be reached; the message says why.
        PlatformError: The platform cannot run it, or stayed out of reach.
    """
    start, now = time.perf_counter(), clock()
    execution_id = f"exec-{now:%Y-%m-%d}-{uuid4().hex[:8]}"
    try:
        check = remote_check(config, job, dataset, rules=rules, now=now, partition_key=partition_key)
    except (NoLocationError, NoDataError) as error:
        return unreadable(config, job, dataset, rules, error, engine="spark", start=start)
    request = RunRequest(
        job=check_job(config, job, execution_id, gigabytes=check.files.bytes / 2**30),
        config=config,
        execution_id=execution_id,
        attempt_group=cluster.attempt_group,
        timeout_seconds=job.execution.timeout_minutes * 60,
        dagster_run_id=cluster.dagster_run_id,
    )
    with _reaching(_uri(config, execution_id, "rules.json")) as place:
        write_document(config, place, check.document)
    outcome = _run(config, cluster, request)
    if outcome.status != "success":
        reason = outcome.error.error_message if outcome.error else f"it ended as {outcome.status}"
        raise RemoteCheckError(
            f"the rules on {dataset} could not be counted on {cluster.platform.name}: {reason}\n"
            f"`etl-platform show {outcome.execution_id}` shows all that is known of the run."
        )
    # Another try of this step may have started the run that was taken up.
    with _reaching(_uri(config, outcome.execution_id, "counts")) as place:
        counts = read_counts(config, place)
    return remote_report(
        config, job, dataset, check, counts, rules=rules, start=start, past_row_counts=past_row_counts
    )


def check_job(config: Config, job: Job, execution_id: str, *, gigabytes: float) -> Job:
    """The job that counts: a script on the platform of the job, with its roles, no bigger than the job."""
    workers = SMALLEST + int(gigabytes // AUTO_LOCAL_LIMIT_GB)
    section = job.platform

    def at_most(own: float | None) -> int:
        return workers if own is None else max(SMALLEST, min(workers, int(own)))

    small: dict[str, Any] = {
        # The job's own name belongs to its own definition.
        "glue_job_name": None,
        "worker_type": "G.1X",
        "dpu_count": at_most(section.dpu_count),
        "instance_count": at_most(section.instance_count),
        "max_executors": at_most(section.max_executors),
    }
    arguments = {
        "RULES": _uri(config, execution_id, "rules.json"),
        "COUNTS": _uri(config, execution_id, "counts"),
    }
    execution = {
        "script_path": str(SCRIPT),
        "script_type": "pyspark",
        "schedule": None,
        "sql": None,
        "arguments": arguments,
        "partitions": None,
        "depends_on": [],
        "python_modules": [],
        "max_retries": 0,
    }
    changes: dict[str, Any] = {
        "job_id": f"{job.job_id}{SUFFIX}",
        "description": f"Counts what breaks the rules of {job.title}.",
        "execution": job.execution.model_copy(update=execution),
        "platform": PlatformSection.model_validate({**section.model_dump(), **small}),
        "data_sources": [],
        "target": None,
        "data_quality": DataQuality(enabled=False),
    }
    return job.model_copy(update=changes)


@contextmanager
def _reaching(uri: str) -> Iterator[str]:
    """Tell what cannot be written or read as a fault of the check, not of the data."""
    try:
        yield uri
    except (OSError, NoDataError) as error:
        raise RemoteCheckError(f"the rules or their counts cannot be exchanged at {uri}: {error}") from error


def _uri(config: Config, execution_id: str, name: str) -> str:
    return artifact_uri(config, "checks", execution_id, name)


def _run(config: Config, cluster: Cluster, request: RunRequest) -> RunOutcome:
    store = open_store(config)
    outbox = open_outbox(config, store)
    outcome = driver.run(
        cluster.platform,
        request,
        store,
        on_log=cluster.on_log,
        on_progress=cluster.on_progress,
        outbox=outbox,
    )
    if outcome.record is None:
        raise PlatformError(f"{request.execution_id} was not recorded, as each attempt is.")
    record = finished(outcome.record, outcome, request)
    outbox.write("put_execution", record)
    outbox.write("count_cost", record)
    return outcome
