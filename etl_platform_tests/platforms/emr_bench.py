"""EMR or EMR Serverless in front of moto with its time, a real store and a request, ready to be driven."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

from etl_platform.config.models.job import Job
from etl_platform.platforms import driver
from etl_platform.platforms.aws_access import AwsAccess
from etl_platform.platforms.emr import EmrPlatform
from etl_platform.platforms.emr_serverless import EmrServerlessPlatform
from etl_platform.platforms.patience import Clock
from etl_platform.platforms.protocol import LogLine, RunOutcome, RunRequest
from etl_platform.tracking.records import JobExecution
from etl_platform_tests.platforms.aws_stand_in import AwsStandIn
from etl_platform_tests.platforms.builders import config_of, job_of, request_of, store_in
from etl_platform_tests.platforms.emr_stand_in import EmrStandIn, ServerlessStandIn
from etl_platform_tests.platforms.fake_platform import FakeTime

Name = Literal["emr", "emr_serverless"]

KEYS: dict[Name, dict[str, Any]] = {
    "emr": {"service_role": "EMR_DefaultRole", "job_flow_role": "EMR_EC2_DefaultRole"},
    "emr_serverless": {"execution_role_arn": "arn:aws:iam::123456789012:role/etl"},
}
SUBMIT = {
    "emr": "elasticmapreduce:(RunJobFlow|AddJobFlowSteps)",
    "emr_serverless": "emr-serverless:POST /applications/[^/]+/jobruns",
}
POLL = {
    "emr": "elasticmapreduce:ListClusters",
    "emr_serverless": "emr-serverless:GET /applications/[^/]+/jobruns",
}


def access_to(url: str) -> AwsAccess:
    return AwsAccess(region="us-east-1", endpoint_url=url, attempts=1)


def bench_request(name: Name, folder: Path, *, timeout_seconds: float = 3600, **sections: Any) -> RunRequest:
    """A request to run a small script; sections of the job are added to what it needs."""
    (folder / "job.py").write_text("print('42 orders')\n")
    keys = {**KEYS[name], "enable_continuous_logging": False, **sections.pop("platform", {})}
    execution = {"script_path": "job.py", **sections.pop("execution", {})}
    job: Job = job_of(execution=execution, platform=keys, **sections)
    config = config_of(folder, job, artifacts={"s3_uri": "s3://art/etl"})
    return request_of(config, job, "exec-2026-07-31-00000001", timeout_seconds=timeout_seconds)


class EmrBench:
    """One platform, all of one test."""

    def __init__(
        self, aws: AwsStandIn, folder: Path, name: Name, *, clock: Clock | None = None, **asked: Any
    ):
        self.aws = aws
        self.name: Name = name
        self.time = FakeTime()
        # What moto makes is newer than what happens in the test, as a log is than the run that printed it.
        self.time.now = self.time.start = self.time.start - 200_000
        self.clock = clock or self.time.clock
        self.access = access_to(aws.url)
        self.access.client("s3").create_bucket(Bucket="art")
        kind = EmrStandIn if name == "emr" else ServerlessStandIn
        self.model: Any = kind(aws, self.clock.now, self.access)
        self.platform = (EmrPlatform if name == "emr" else EmrServerlessPlatform)(self.access, self.clock)
        self.store = store_in(folder)
        self.request = bench_request(name, folder, **asked)
        self.lines: list[LogLine] = []

    def run(self, request: RunRequest | None = None) -> RunOutcome:
        return driver.run(
            self.platform,
            request or self.request,
            self.store,
            on_log=self.lines.extend,
            clock=self.clock,
        )

    def record(self, execution_id: str | None = None) -> JobExecution:
        record = self.store.execution(execution_id or self.request.execution_id)
        assert record is not None
        return record

    def fails(self, *, stderr: str | None) -> None:
        self.model.ends_as = "FAILED"
        self.model.stderr = stderr

    @property
    def submitted(self) -> int:
        return self.aws.count(SUBMIT[self.name])

    @property
    def stopped(self) -> list[bool]:
        """For each remote run whether it was told to stop."""
        return [life.stopped is not None for life in self.model.lives.values()]


class CrowdTime:
    """A clock of many threads: it moves on to the next moment once all of them wait."""

    def __init__(self, threads: int, now: float):
        self._now = now
        self._running = threads
        self._wakes: list[float] = []
        self._changed = threading.Condition()

    @property
    def clock(self) -> Clock:
        return Clock(now=lambda: self._now, wait=self._wait, chance=lambda: 0.5)

    def leave(self) -> None:
        """A thread is done."""
        with self._changed:
            self._running -= 1
            self._pass()

    def _wait(self, seconds: float) -> None:
        with self._changed:
            wake = self._now + seconds
            self._wakes.append(wake)
            self._running -= 1
            self._pass()
            while self._now < wake:
                self._changed.wait()

    def _pass(self) -> None:
        if self._running == 0 and self._wakes:
            self._now = min(self._wakes)
            due = [wake for wake in self._wakes if wake <= self._now]
            self._wakes = [wake for wake in self._wakes if wake > self._now]
            self._running += len(due)
            self._changed.notify_all()


def at_once(threads: int, time: CrowdTime, work: Callable[[int], None]) -> None:
    """Do a work in so many threads that share the time, and raise the first of what they raise."""

    def one(number: int) -> None:
        try:
            work(number)
        finally:
            time.leave()

    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(one, number) for number in range(threads)]:
            done.result()
