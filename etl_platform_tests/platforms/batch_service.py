"""What moto lacks of Batch: jobs that take time, exit codes, attempts, logs, and containers that run."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from typing import Any

from etl_platform.platforms.aws_access import AwsAccess
from etl_platform_tests.platforms.aws_stand_in import AwsStandIn, Call, Reply
from etl_platform_tests.platforms.lambda_service import role

GROUP = "/aws/batch/job"


class BatchService:
    """Answers for jobs in front of moto, which takes every job for finished at once.

    Attributes:
        jobs: What DescribeJobs says of each; it waits until a test says more.
        runs: Whether the command of a submitted job runs on this machine.
        seconds: How long a submitted job takes; None: until a test says more.
    """

    def __init__(self, aws: AwsStandIn, kind: str = "FARGATE"):
        self.aws = aws
        self.kind = kind
        # Its own calls go straight to moto: they are not counted, and no fault meets them.
        self.access = AwsAccess("us-east-1", aws.backend)
        self.jobs: dict[str, dict[str, Any]] = {}
        self.runs = False
        self.seconds: float | None = None
        self.threads: list[threading.Thread] = []
        client = self.access.client("batch")
        environment = client.create_compute_environment(
            computeEnvironmentName="machines",
            type="UNMANAGED",
            state="ENABLED",
            serviceRole=role(self.access),
        )
        order = [{"order": 1, "computeEnvironment": environment["computeEnvironmentArn"]}]
        client.create_job_queue(
            jobQueueName="queue", state="ENABLED", priority=1, computeEnvironmentOrder=order
        )
        aws.rewrite("batch:POST /v1/describecomputeenvironments", self._environments)
        aws.rewrite("batch:POST /v1/submitjob", self._submitted)
        aws.rewrite("batch:POST /v1/describejobs", self._described)
        aws.answer("batch:POST /v1/terminatejob", self._terminated)

    def definition(self, name: str = "theirs", **container: Any) -> str:
        """A job definition that carries no tag of ours; its ARN."""
        size = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "2048"}]
        made = self.access.client("batch").register_job_definition(
            jobDefinitionName=name,
            type="container",
            containerProperties={"image": "own/image", "resourceRequirements": size, **container},
        )
        return made["jobDefinitionArn"]

    def set(self, job_id: str | None = None, **state: Any) -> None:
        """Let DescribeJobs say that of a job; None: of the last one submitted."""
        job = self.jobs[job_id or list(self.jobs)[-1]]
        job["container"] = {**job["container"], **state.pop("container", {})}
        job.update(state)

    def begin(self, at: float, job_id: str | None = None) -> None:
        stream = f"job/default/{job_id or list(self.jobs)[-1]}"
        self.set(job_id, status="RUNNING", startedAt=int(at * 1000), container={"logStreamName": stream})

    def end(self, at: float, job_id: str | None = None, *, exit_code: int = 0, **state: Any) -> None:
        job = self.jobs[job_id or list(self.jobs)[-1]]
        container = {"exitCode": exit_code, **state.pop("container", {})}
        attempt = {"startedAt": job["startedAt"], "stoppedAt": int(at * 1000), "container": job["container"]}
        job["attempts"] = [*job["attempts"], attempt]
        done = "FAILED" if exit_code else "SUCCEEDED"
        self.set(job_id, **{"status": done, "stoppedAt": int(at * 1000), **state}, container=container)

    def log(self, *lines: str, job_id: str | None = None, at: float | None = None) -> None:
        """Write lines into the stream of a job."""
        client = self.access.client("logs")
        stream = f"job/default/{job_id or list(self.jobs)[-1]}"
        with contextlib.suppress(client.exceptions.ResourceAlreadyExistsException):
            client.create_log_group(logGroupName=GROUP)
        with contextlib.suppress(client.exceptions.ResourceAlreadyExistsException):
            client.create_log_stream(logGroupName=GROUP, logStreamName=stream)
        when = int((at or time.time()) * 1000)
        events = [{"timestamp": when + n, "message": line} for n, line in enumerate(lines)]
        client.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=events)

    def run_command(self, job_id: str, overrides: dict[str, Any]) -> None:
        """Run the command of a job as its container would."""
        _, *arguments = overrides["command"]
        environment = {item["name"]: item["value"] for item in overrides["environment"]}
        place = {"AWS_ENDPOINT_URL": self.aws.url, "AWS_DEFAULT_REGION": "us-east-1"}

        def run() -> None:
            self.begin(time.time(), job_id)
            done = subprocess.run(
                [sys.executable, *arguments],
                env={**os.environ, **environment, **place},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            if done.stdout:
                self.log(*done.stdout.splitlines(), job_id=job_id)
            reason = "Essential container in task exited"
            self.end(time.time(), job_id, exit_code=done.returncode, statusReason=reason)

        self.threads.append(threading.Thread(target=run))
        self.threads[-1].start()

    def wait(self) -> None:
        """Wait for all commands that run."""
        for thread in self.threads:
            thread.join()

    def _environments(self, call: Call, answer: Any) -> Any:
        for environment in answer["computeEnvironments"]:
            environment["computeResources"] = {"type": self.kind}
        return answer

    def _submitted(self, call: Call, answer: Any) -> Any:
        overrides = call.body["containerOverrides"]
        self.jobs[answer["jobId"]] = {
            "status": "RUNNABLE",
            "attempts": [],
            "container": {"resourceRequirements": overrides["resourceRequirements"]},
        }
        if self.runs:
            self.run_command(answer["jobId"], overrides)
        if self.seconds is not None:
            self.begin(time.time(), answer["jobId"])
            timer = threading.Timer(self.seconds, lambda: self.end(time.time(), answer["jobId"]))
            self.threads.append(timer)
            timer.start()
        return answer

    def _described(self, call: Call, answer: Any) -> Any:
        for job in answer["jobs"]:
            for key in ("startedAt", "stoppedAt", "attempts", "container"):
                job.pop(key, None)
            job.update(self.jobs[job["jobId"]])
        return answer

    def _terminated(self, call: Call) -> Reply:
        job_id, reason = call.body["jobId"], call.body["reason"]
        job = self.jobs[job_id]
        if job["status"] == "RUNNING":
            self.end(job["startedAt"] / 1000 + 60, job_id, exit_code=137)
        if job["status"] != "SUCCEEDED":
            self.set(job_id, status="FAILED", statusReason=reason, isTerminated=True)
        return Reply({})
