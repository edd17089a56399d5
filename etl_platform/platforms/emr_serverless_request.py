"""What EMR Serverless is asked for: one job run with its workers, settings and logs."""

from typing import Any

from etl_platform.config.container_sizes import CONTAINER_GB
from etl_platform.config.models.job import Job
from etl_platform.platforms.errors import NotRunnableError
from etl_platform.platforms.protocol import RunRequest
from etl_platform.platforms.spark_submit import SparkSubmission, run_name, run_tags

LOG_GROUP = "/aws/emr-serverless"
"""Where EMR Serverless logs by default (EMR Serverless User Guide, "Storing logs")."""

WORKERS = {vcpu: (sizes[0], sizes[-1]) for vcpu, sizes in CONTAINER_GB.items() if vcpu >= 1}
"""vCPU of a worker to its least and most GB."""

OVERHEAD, OVERHEAD_MB = 0.1, 384
"""What Spark needs of a worker beside its heap: a tenth, and this at least (same guide, "Spark jobs")."""

INITIAL_EXECUTORS = 3
"""Executors that Spark starts with by default (same guide)."""


def check_workers(job: Job) -> None:
    """Refuse a job without a role, or with workers that EMR Serverless does not have.

    Raises:
        NotRunnableError: The message names the keys.
    """
    keys = job.platform
    if keys.execution_role_arn is None:
        raise NotRunnableError(
            f'job "{job.job_id}": EMR Serverless needs platform.execution_role_arn, the role of the run.'
        )
    for who, cores, memory in (
        ("driver", keys.driver_cores, keys.driver_memory_gb),
        ("executor", keys.executor_cores, keys.executor_memory_gb),
    ):
        least, most = WORKERS.get(cores or 4, (0, 0))
        if cores is not None and cores not in WORKERS:
            raise NotRunnableError(
                f'job "{job.job_id}": platform.{who}_cores is {cores}; EMR Serverless has workers of '
                f"{', '.join(map(str, WORKERS))} vCPU."
            )
        if memory is not None and not least <= memory <= most:
            raise NotRunnableError(
                f'job "{job.job_id}": platform.{who}_memory_gb is {memory:g}; an EMR Serverless worker of '
                f"{cores or 4} vCPU has {least:g} to {most:g} GB. Change it, or platform.{who}_cores."
            )


def worker_conf(job: Job) -> dict[str, str]:
    """Spark settings for the workers that the job names; what it leaves open is the service's default."""
    keys = job.platform
    wanted = {
        "spark.driver.cores": keys.driver_cores,
        "spark.driver.memory": _heap(keys.driver_memory_gb),
        "spark.executor.cores": keys.executor_cores,
        "spark.executor.memory": _heap(keys.executor_memory_gb),
    }
    if keys.max_executors is not None:
        first = min(INITIAL_EXECUTORS, keys.max_executors)
        wanted |= {
            "spark.dynamicAllocation.maxExecutors": keys.max_executors,
            "spark.dynamicAllocation.initialExecutors": first,
            "spark.executor.instances": first,
        }
    return {name: str(value) for name, value in wanted.items() if value is not None}


def job_run_request(
    request: RunRequest,
    application_id: str,
    submission: SparkSubmission,
    platform_conf: dict[str, str],
    log_uri: str,
) -> dict[str, Any]:
    """The arguments of StartJobRun; its client token makes a second call return the first one's run.

    Args:
        request: What is run.
        application_id: Where.
        submission: The script.
        platform_conf: Settings that the job's own win over.
        log_uri: s3:// address that logs go below.
    """
    # One `spark-defaults` of ours, so that nobody else's can displace a part of it.
    pipes = {f"spark.emr-serverless.driverEnv.{name}": value for name, value in request.pipes.items()}
    conf = {**platform_conf, **worker_conf(request.job), **submission.conf, **pipes}
    monitoring: dict[str, Any] = {"s3MonitoringConfiguration": {"logUri": log_uri + "/"}}
    if request.job.platform.enable_continuous_logging:
        monitoring["cloudWatchLoggingConfiguration"] = {"enabled": True, "logGroupName": LOG_GROUP}
    driver: dict[str, Any] = {
        "entryPoint": submission.script,
        "entryPointArguments": list(submission.arguments),
    }
    if files := submission.files():
        driver["sparkSubmitParameters"] = " ".join(files)
    return {
        "applicationId": application_id,
        "clientToken": request.execution_id,
        "executionRoleArn": request.job.platform.execution_role_arn,
        "name": run_name(request),
        "jobDriver": {"sparkSubmit": driver},
        "configurationOverrides": {
            "applicationConfiguration": [{"classification": "spark-defaults", "properties": conf}],
            "monitoringConfiguration": monitoring,
        },
        # The run has an end also where the process that watches it has died; five minutes at least.
        "executionTimeoutMinutes": max(int(request.timeout_seconds // 60) + 2, 5),
        "tags": run_tags(request),
    }


def _heap(memory_gb: float | None) -> str | None:
    """The heap of a worker of that memory, its overhead left out."""
    if memory_gb is None:
        return None
    total = int(memory_gb * 1024)
    return f"{min(int(total / (1 + OVERHEAD)), total - OVERHEAD_MB)}m"
