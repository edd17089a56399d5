"""AWS Batch: one job of one container a run, on Fargate or EC2.

How a script gets into a container: script and modules are one zip in S3 (`script_package.py`), and the
container's command is replaced by a line of Python that fetches and starts it. So the image needs `python3`
with boto3, and for a `pyspark` script PySpark, which then runs inside the one container; the job's role needs
to read and write below `artifacts.s3_uri`. Everything else of the definition stays as it is: image, roles,
volumes, network, log configuration. Size, time limit, tags and environment go with each submission.
"""

import json
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from etl_platform.config.models.base import PlatformName
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.platforms import batch_definition
from etl_platform.platforms.arguments import as_text, refuse_secrets
from etl_platform.platforms.aws_access import AwsAccess, calling
from etl_platform.platforms.batch_definition import Queue, attempt_seconds, describe_queue, requirements
from etl_platform.platforms.batch_outcome import log_streams, outcome_of, state_of
from etl_platform.platforms.cloudwatch_logs import read_streams
from etl_platform.platforms.errors import NotRunnableError, RunNotFoundError
from etl_platform.platforms.ownership import EXECUTION_TAG, JOB_TAG, Change
from etl_platform.platforms.protocol import LogChunk, Polling, RunHandle, RunOutcome, RunRequest, RunState
from etl_platform.platforms.run_folder import RunFolder, run_folder
from etl_platform.platforms.script_package import ENTRY_MODULE, package, packaged_event
from etl_platform.platforms.shared_describe import SharedDescribe
from etl_platform.runtime.packaged_entry import EVENT_VARIABLE, OUTCOME

JOBS_A_CALL = 100
"""Of DescribeJobs, at the most."""

OVERRIDES_BYTES = 8_192
"""Command and environment that a submission may bring (Amazon ECS, RunTask: overrides)."""

SPOT_ATTEMPTS = 3
"""Batch itself starts a container anew whose machine was taken back; all else is left to the driver."""

CANCEL_REASON = "Cancelled by etl-platform"
"""What a job that was told to stop says of it."""

APPEARS_SECONDS = 60.0
"""How long a job that was just submitted may be unknown to DescribeJobs."""

QUEUE_FRESH_SECONDS = 300.0
"""How long what a queue is made of is taken for known."""

START = (
    "import io,sys,tempfile,zipfile;from urllib.parse import urlsplit;import boto3;"
    "u=urlsplit(sys.argv[1]);d=tempfile.mkdtemp();"
    "b=boto3.client('s3').get_object(Bucket=u.netloc,Key=u.path[1:])['Body'].read();"
    "zipfile.ZipFile(io.BytesIO(b)).extractall(d);sys.path.insert(0,d);"
    f"import {ENTRY_MODULE} as e;e.main()"
)
"""What the container's Python runs: it fetches the package that its argument names, and starts it."""


class BatchPlatform:
    """Runs jobs as Batch jobs."""

    name: PlatformName = "batch"
    polling = Polling(shortest_seconds=2, longest_seconds=15, log_seconds=5)

    def __init__(self, access: AwsAccess, *, now: Callable[[], float] = time.time):
        """Run by the clients of `access`; `now` tells Unix seconds."""
        self._access = access
        self._now = now
        self._shared = SharedDescribe(self._describe, at_most=JOBS_A_CALL, fresh_seconds=1.5, now=now)
        self._queues: dict[str, tuple[float, Queue]] = {}
        self._submissions: dict[str, dict[str, Any]] = {}

    def prepare(self, request: RunRequest) -> None:
        """Register the definition where it is ours, upload the package, and check the size.

        Raises:
            NotRunnableError: Queue, definition, image or script are missing, or Fargate has no such size.
        """
        job = request.job
        if job.execution.jars:
            raise NotRunnableError(
                f'job "{job.job_id}": on Batch jars belong into the image; take them out of execution.jars.'
            )
        queue = self._queue(job)
        batch_definition.check_size(job, queue)
        if batch_definition.image_of(job):
            batch_definition.deploy(self._access, job, dry_run=False)
        self._submissions[request.execution_id] = self._submission(request, queue)

    def submit(self, request: RunRequest) -> RunHandle:
        """Submit the job under the execution id as its name."""
        queue = self._queue(request.job)
        folder = run_folder(self._access, request.config, request.execution_id)
        # Kept until a submission is answered, so that one that is tried again need not be made again.
        submission = self._submissions.get(request.execution_id) or self._submission(request, queue)
        client = self._access.client("batch", attempts=1)
        now = self._now()
        with calling("batch"):
            answer = client.submit_job(**submission)
        self._submissions.pop(request.execution_id, None)
        return self._handle(answer["jobId"], queue, folder, now)

    def find(self, request: RunRequest) -> RunHandle | None:
        """The job of that name in the queue: Batch has no client tokens."""
        queue = self._queue(request.job)
        client = self._access.client("batch")
        with calling("batch"):
            pages = client.get_paginator("list_jobs").paginate(
                jobQueue=queue.name, filters=[{"name": "JOB_NAME", "values": [request.execution_id]}]
            )
            jobs = [job for page in pages for job in page["jobSummaryList"]]
        if not jobs:
            return None
        first = min(jobs, key=lambda job: job["createdAt"])
        folder = run_folder(self._access, request.config, request.execution_id)
        return self._handle(first["jobId"], queue, folder, first["createdAt"] / 1000)

    def poll(self, handle: RunHandle) -> RunState:
        """Describe the job, along with all others that are polled."""
        job = self._shared.get(handle.run_id)
        if job is None:
            if self._now() < float(str(handle.details["submitted"])) + APPEARS_SECONDS:
                return RunState("pending")
            raise _unknown(handle)
        return state_of(job, CANCEL_REASON)

    def read_logs(self, handle: RunHandle, cursor: str | None) -> LogChunk:
        """The lines of all attempts."""
        job = self._shared.get(handle.run_id)
        return read_streams(self._access, log_streams(job), cursor) if job else LogChunk((), cursor)

    def cancel(self, handle: RunHandle) -> None:
        """Terminate the job, whether it runs or waits; no error where it has ended."""
        client = self._access.client("batch")
        with calling("batch"):
            client.terminate_job(jobId=handle.run_id, reason=CANCEL_REASON)

    def outcome(self, request: RunRequest, handle: RunHandle) -> RunOutcome:
        """How it ended: Batch's word, and what the script left in the run's folder."""
        job = self._shared.get(handle.run_id)
        if job is None:
            raise _unknown(handle)
        self._shared.forget(handle.run_id)
        written = RunFolder(self._access, str(handle.details["folder"])).read(OUTCOME)
        return outcome_of(self._access, request, handle, job, state_of(job, CANCEL_REASON), written)

    def deploy(self, job: Job, config: Config, *, dry_run: bool) -> tuple[Change, ...]:
        """Register the job's definition where it is ours and something of it is new."""
        return (batch_definition.deploy(self._access, job, dry_run=dry_run),)

    def owned(self) -> tuple[Change, ...]:
        """All definitions that carry our tag."""
        return batch_definition.owned(self._access)

    def remove(self, change: Change) -> None:
        """Deregister one of them."""
        batch_definition.remove(self._access, change.name)

    def _queue(self, job: Job) -> Queue:
        name, now = job.platform.job_queue or "", self._now()
        known = self._queues.get(name)
        if known is None or known[0] < now - QUEUE_FRESH_SECONDS:
            known = self._queues[name] = (now, describe_queue(self._access, job))
        return known[1]

    def _handle(self, job_id: str, queue: Queue, folder: RunFolder, submitted: float) -> RunHandle:
        details: dict[str, Any] = {
            "queue": queue.name,
            "capacity": queue.capacity,
            "folder": folder.uri,
            "submitted": submitted,
        }
        return RunHandle(platform=self.name, run_id=job_id, details=details)

    def _describe(self, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        client = self._access.client("batch")
        with calling("batch"):
            return {job["jobId"]: job for job in client.describe_jobs(jobs=list(ids))["jobs"]}

    def _submission(self, request: RunRequest, queue: Queue) -> dict[str, Any]:
        job = request.job
        folder = run_folder(self._access, request.config, request.execution_id)
        zip_uri = package(self._access, job, request.config, self.name).upload(self._access, request.config)
        event = packaged_event(request, folder.uri)
        environment = {
            **request.pipes,
            EVENT_VARIABLE: json.dumps(
                {key: value for key, value in event.items() if key not in request.pipes}
            ),
            "PYTHONUNBUFFERED": "1",
            **_spark(job),
        }
        overrides: dict[str, Any] = {
            "command": ["python3", "-c", START, zip_uri],
            "environment": [{"name": name, "value": value} for name, value in environment.items()],
            "resourceRequirements": requirements(job),
        }
        size = len(json.dumps(overrides))
        if size > OVERRIDES_BYTES:
            raise NotRunnableError(
                f'job "{job.job_id}": command and arguments take {size:,} bytes, and Batch takes '
                f"{OVERRIDES_BYTES:,}. Put large values into S3 and pass their address."
            )
        retries: dict[str, Any] = {"attempts": 1}
        if queue.on_spot:
            taken_back = ("Host EC2*", "Your Spot Task*")
            retries = {
                "attempts": SPOT_ATTEMPTS,
                "evaluateOnExit": [
                    *({"onStatusReason": reason, "action": "RETRY"} for reason in taken_back),
                    {"onReason": "*", "action": "EXIT"},
                ],
            }
        definition = batch_definition.usable_definition(self._access, job)
        return {
            "jobName": request.execution_id,
            "jobQueue": queue.name,
            "jobDefinition": definition["jobDefinitionArn"],
            "containerOverrides": overrides,
            "retryStrategy": retries,
            "timeout": {"attemptDurationSeconds": attempt_seconds(request.timeout_seconds)},
            "tags": {**job.tags, JOB_TAG: job.job_id, EXECUTION_TAG: request.execution_id},
            "propagateTags": True,
        }


def _spark(job: Job) -> dict[str, str]:
    """Spark settings for a session that the script makes itself."""
    settings = as_text(job.execution.spark_conf)
    refuse_secrets(job.job_id, "execution.spark_conf", settings)
    if not settings or job.execution.kind != "pyspark":
        return {}
    options = " ".join(f"--conf {shlex.quote(f'{name}={value}')}" for name, value in settings.items())
    return {"PYSPARK_SUBMIT_ARGS": f"{options} pyspark-shell"}


def _unknown(handle: RunHandle) -> RunNotFoundError:
    why = "It keeps jobs for seven days after their end."
    return RunNotFoundError.of("Batch", f"job {handle.run_id}", why)
