"""Glue as tests need it, in front of moto: runs that last, fail, are stopped and cost, by the test's time."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from etl_platform.platforms import driver
from etl_platform.platforms.aws_access import AwsAccess
from etl_platform.platforms.glue import GluePlatform
from etl_platform.platforms.protocol import LogLine, RunOutcome, RunRequest
from etl_platform.tracking.records import JobExecution
from etl_platform.tracking.store import TrackingStore
from etl_platform_tests.platforms.aws_stand_in import AwsStandIn, Call, Reply
from etl_platform_tests.platforms.builders import config_of, job_of, request_of, store_in
from etl_platform_tests.platforms.fake_platform import FakeTime

STARTING_SECONDS = 5.0
STOPPING_SECONDS = 3.0


@dataclass
class Run:
    started: float
    job_name: str
    stopped: float | None = None


class GlueService:
    """Changes moto's answers about Glue.

    Attributes:
        seconds: How long a run lasts, its start among it.
        ends_as: Its last state.
        facts: Further fields of a run that has ended.
        refusal: What BatchStopJobRun answers in place of stopping; None: it stops.
    """

    def __init__(self, aws: AwsStandIn, now: Callable[[], float] = time.time):
        self.now = now
        self.seconds = 30.0
        self.ends_as = "SUCCEEDED"
        self.facts: dict[str, Any] = {}
        self.refusal: dict[str, str] | None = None
        self.runs: dict[str, Run] = {}
        self.updates: dict[str, dict[str, Any]] = {}
        aws.rewrite("glue:StartJobRun", self._started)
        aws.rewrite("glue:GetJobRun", lambda _, answer: {"JobRun": self._as_it_is(answer["JobRun"])})
        aws.rewrite("glue:GetJobRuns", self._newest_first)
        aws.rewrite("glue:GetJob", lambda _, answer: {"Job": self._updated(answer["Job"])})
        aws.rewrite("glue:BatchGetJobs", self._batch)
        aws.answer("glue:BatchStopJobRun", self._stop)
        aws.answer("glue:UpdateJob", self._update)

    def state(self, run: Run) -> str:
        if run.stopped is not None:
            return "STOPPED" if self.now() - run.stopped >= STOPPING_SECONDS else "STOPPING"
        age = self.now() - run.started
        if age >= self.seconds:
            return self.ends_as
        return "RUNNING" if age >= STARTING_SECONDS else "STARTING"

    def _started(self, call: Call, answer: Any) -> Any:
        self.runs[answer["JobRunId"]] = Run(self.now(), call.body["JobName"])
        return answer

    def _as_it_is(self, described: dict[str, Any]) -> dict[str, Any]:
        # A start whose answer was lost is first heard of here.
        run = self.runs.setdefault(described["Id"], Run(self.now(), described["JobName"]))
        state = self.state(run)
        kept = ("Id", "JobName", "Arguments", "WorkerType", "NumberOfWorkers", "MaxCapacity", "Timeout")
        answer = {name: described[name] for name in kept if described.get(name) is not None}
        answer |= {"JobRunState": state, "StartedOn": run.started, "GlueVersion": "5.0"}
        answer["LogGroupName"] = "/aws-glue/jobs"
        if state in ("STARTING", "RUNNING", "STOPPING"):
            return answer
        ended = run.started + self.seconds if run.stopped is None else run.stopped + STOPPING_SECONDS
        answer |= {"CompletedOn": ended, "ExecutionTime": int(ended - run.started - STARTING_SECONDS)}
        return {**answer, **self.facts}

    def _newest_first(self, call: Call, answer: Any) -> Any:
        return {**answer, "JobRuns": [self._as_it_is(run) for run in reversed(answer["JobRuns"])]}

    def _stop(self, call: Call) -> Reply:
        (run_id,) = call.body["JobRunIds"]
        if self.refusal is not None:
            refused = {"JobName": call.body["JobName"], "JobRunId": run_id, "ErrorDetail": self.refusal}
            return Reply({"SuccessfulSubmissions": [], "Errors": [refused]})
        self.runs[run_id].stopped = self.now()
        stopped = {"JobName": call.body["JobName"], "JobRunId": run_id}
        return Reply({"SuccessfulSubmissions": [stopped], "Errors": []})

    def _update(self, call: Call) -> Reply:
        self.updates[call.body["JobName"]] = call.body["JobUpdate"]
        return Reply({"JobName": call.body["JobName"]})

    def _updated(self, job: dict[str, Any]) -> dict[str, Any]:
        update = self.updates.get(job["Name"], {})
        return {key: value for key, value in {**job, **update}.items() if value not in (None, {}, [])}

    def _batch(self, call: Call, answer: Any) -> Any:
        return {**answer, "Jobs": [self._updated(job) for job in answer["Jobs"]]}


@dataclass
class GlueBench:
    """A Glue platform on a stand-in, with a store, a script and the test's time."""

    folder: Path
    aws: AwsStandIn
    platform_keys: dict[str, Any] = field(default_factory=dict)
    job_keys: dict[str, Any] = field(default_factory=dict)
    execution: dict[str, Any] = field(default_factory=dict)
    own_clients: bool = False
    lines: list[LogLine] = field(default_factory=list)
    progress: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.time = FakeTime()
        self.service = GlueService(self.aws, lambda: self.time.now)
        # A client that was throttled stays slow, as it should, and must not slow other tests.
        timeout = 31.0 if self.own_clients else 30.0
        self.access = AwsAccess("us-east-1", self.aws.url, attempts=1, read_timeout_seconds=timeout)
        self.platform = GluePlatform(self.access, self.time.clock)
        self.store: TrackingStore = store_in(self.folder)
        # moto keeps what other tests left.
        self.name = self.folder.name
        self.uri = f"s3://glue-art/{self.name}"
        (self.folder / "job.py").write_text("print('hello')\n")
        self.access.client("s3").create_bucket(Bucket="glue-art")

    def request(self, execution_id: str = "exec-1", **changes: Any) -> RunRequest:
        job = job_of(
            execution={"script_path": "job.py", **self.execution},
            platform={
                "glue_job_name": self.name,
                "iam_role": "arn:aws:iam::123456789012:role/glue",
                "dpu_count": 4,
                **self.platform_keys,
            },
            **self.job_keys,
        )
        config = config_of(self.folder, job, profile="aws", artifacts={"s3_uri": self.uri})
        return request_of(config, job, execution_id, **{"timeout_seconds": 100.0, **changes})

    def run(self, request: RunRequest | None = None) -> RunOutcome:
        return driver.run(
            self.platform,
            request or self.request(),
            self.store,
            on_log=self.lines.extend,
            on_progress=self.progress.append,
            clock=self.time.clock,
        )

    def record(self, execution_id: str = "exec-1") -> JobExecution:
        record = self.store.execution(execution_id)
        assert record is not None
        return record

    def started(self) -> dict[str, Any]:
        """The body of the last StartJobRun."""
        return self.aws.bodies("glue:StartJobRun")[-1]

    def print_log(self, group: str, *texts: str) -> None:
        """Let the newest run print lines."""
        logs, run_id = self.access.client("logs"), list(self.service.runs)[-1]
        name = f"/aws-glue/jobs/{group}"
        for call, keys in (
            (logs.create_log_group, {"logGroupName": name}),
            (logs.create_log_stream, {"logGroupName": name, "logStreamName": run_id}),
        ):
            with suppress(logs.exceptions.ResourceAlreadyExistsException):
                call(**keys)
        events = [{"timestamp": int(time.time() * 1000), "message": text} for text in texts]
        logs.put_log_events(logGroupName=name, logStreamName=run_id, logEvents=events)
