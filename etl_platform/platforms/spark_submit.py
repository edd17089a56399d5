"""What a Spark job is submitted with, on EMR and on EMR Serverless."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from etl_platform.platforms.arguments import as_text, refuse_secrets
from etl_platform.platforms.artifacts import write
from etl_platform.platforms.aws_access import AwsAccess
from etl_platform.platforms.event_logs import event_log_uri
from etl_platform.platforms.ownership import EXECUTION_TAG, tags_of
from etl_platform.platforms.protocol import RunRequest
from etl_platform.platforms.spark_entry import spark_entry, uploaded

DEFAULT_RELEASE = "emr-7.5.0"
"""EMR release where the job names none: Spark 3.5, as on Glue 5 and on this machine."""

DEFAULT_INSTANCE = "m5.xlarge"
"""EC2 type where the job names none: EMR's own default."""

_DAY = re.compile(r"^exec-(\d{4}-\d{2}-\d{2})-")


@dataclass(frozen=True)
class SparkSubmission:
    """A script in S3 and how Spark is to run it.

    Attributes:
        script: s3:// address of the script.
        arguments: What the script sees after its own name.
        conf: Spark settings of the job, which win over those of the platform.
        py_files: s3:// addresses of further modules.
        jars: Addresses of further jars.
    """

    script: str
    arguments: tuple[str, ...]
    conf: Mapping[str, str]
    py_files: tuple[str, ...]
    jars: tuple[str, ...]

    def files(self) -> list[str]:
        """The options of spark-submit that name files."""
        options = (("--py-files", self.py_files), ("--jars", self.jars))
        return [part for option, files in options if files for part in (option, ",".join(files))]


def spark_submission(access: AwsAccess, request: RunRequest) -> SparkSubmission:
    """Upload what a job needs and say how to run it.

    Args:
        access: Where S3 is.
        request: Its job is taken as decided: `execution.spark_conf` has what the plan set.

    Raises:
        NotRunnableError: A file is missing, or a secret stands where it cannot be resolved.
    """
    execution = request.job.execution
    conf = as_text(execution.spark_conf)
    refuse_secrets(request.job.job_id, "execution.spark_conf", conf)
    script, arguments = spark_entry(access, request)
    return SparkSubmission(
        script=script,
        arguments=tuple(part for name, value in arguments.items() for part in (f"--{name}", value)),
        conf=conf,
        py_files=tuple(uploaded(access, request, path) for path in execution.python_modules),
        jars=tuple(uploaded(access, request, path) for path in execution.jars),
    )


def event_log_conf(access: AwsAccess, request: RunRequest) -> dict[str, str]:
    """The settings by which Spark writes the run's event log to S3, into a folder that exists afterwards."""
    uri = event_log_uri(request) + "/"
    # Spark refuses a folder that is not there; in S3 an empty object of that name is one.
    write(access, uri, b"")
    return {"spark.eventLog.enabled": "true", "spark.eventLog.dir": uri}


def run_name(request: RunRequest) -> str:
    """Name of the run's cluster, step or job run, by which it is found again."""
    return f"{request.job.job_id} {request.execution_id}"


def run_tags(request: RunRequest) -> dict[str, str]:
    """Tags of what is made for one run."""
    return {**tags_of(request.job), EXECUTION_TAG: request.execution_id}


def searched_since(request: RunRequest) -> datetime | None:
    """Since when a run may have been submitted, by the day in its execution id; None: no day in it."""
    day = _DAY.match(request.execution_id)
    if day is None:
        return None
    # A day of slack: this machine's clock and the service's need not agree.
    return datetime.fromisoformat(day[1]).replace(tzinfo=timezone.utc) - timedelta(days=1)
