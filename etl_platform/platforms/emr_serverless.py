"""Amazon EMR Serverless: job runs in an application."""

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any, cast

from etl_platform.config.models.base import PlatformName
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.platforms.artifacts import artifact_uri
from etl_platform.platforms.aws_access import AwsAccess, calling
from etl_platform.platforms.cloudwatch_logs import LogStream, read_streams
from etl_platform.platforms.emr_serverless_application import (
    application_id,
    application_name,
    deploy_application,
    owned_applications,
    remove_application,
)
from etl_platform.platforms.emr_serverless_request import LOG_GROUP, check_workers, job_run_request
from etl_platform.platforms.errors import RunNotFoundError, TransientError
from etl_platform.platforms.event_logs import event_log_uri, metrics_of_event_logs
from etl_platform.platforms.failures import RETRY_CAN_HELP
from etl_platform.platforms.figures import Figures
from etl_platform.platforms.gzip_logs import Stream, gzip_tail, read_gzip_logs
from etl_platform.platforms.ownership import Change
from etl_platform.platforms.patience import Clock
from etl_platform.platforms.protocol import (
    LogChunk,
    Polling,
    RunHandle,
    RunOutcome,
    RunRequest,
    RunState,
    RunStatus,
)
from etl_platform.platforms.shared_describe import SharedDescribe
from etl_platform.platforms.spark_log_error import failure_details, time_limit_error
from etl_platform.platforms.spark_submit import (
    SparkSubmission,
    event_log_conf,
    run_name,
    searched_since,
    spark_submission,
)
from etl_platform.platforms.target_figures import target_figures

RUNS_A_CALL = 200
"""Runs that are looked up in one listing, four pages of it; the others are asked for by their id."""

FRESH_SECONDS = 2.0
"""How old the state of a run may be."""

SETTLES_WITHIN_SECONDS, STOPPED_SETTLES_WITHIN_SECONDS = 60.0, 15.0
"""How long the billed resources and the driver's log are waited for, which come seconds after the end; who
stopped a run is not kept waiting as long."""

LOOK_SECONDS, LONGEST_LOOK_SECONDS = 2.0, 10.0
_SKEW_SECONDS = 86_400.0
_NOT_FOUND = ("ResourceNotFoundException",)

_STATES: dict[str, RunStatus] = {
    **dict.fromkeys(("SUBMITTED", "QUEUED", "PENDING", "SCHEDULED"), "pending"),
    **dict.fromkeys(("RUNNING", "CANCELLING"), "running"),
    "SUCCESS": "success",
    "FAILED": "failed",
    "CANCELLED": "cancelled",
}


class EmrServerlessPlatform:
    """Runs jobs in EMR Serverless; the runs of one application are polled by one listing."""

    name: PlatformName = "emr_serverless"
    polling = Polling(shortest_seconds=3, longest_seconds=20, log_seconds=10)

    def __init__(self, access: AwsAccess, clock: Clock | None = None):
        """Run there.

        Args:
            access: Where and as whom the services are called.
            clock: Time; absent: the real one.
        """
        self._access = access
        self._clock = clock or Clock()
        self._applications: dict[str, str] = {}
        self._looking_for_one = threading.Lock()
        self._prepared: dict[str, SparkSubmission] = {}
        self._submitted: dict[str, float] = {}
        self._started: dict[str, float] = {}
        self._ended: dict[str, float] = {}
        self._printing: set[str] = set()
        self._runs: dict[str, SharedDescribe[dict[str, Any]]] = {}

    def deploy(self, job: Job, config: Config, *, dry_run: bool) -> tuple[Change, ...]:
        """Make or update the application that the job runs in, where it names none."""
        with self._looking_for_one:
            return (deploy_application(self._access, job, config, dry_run=dry_run),)

    def owned(self) -> tuple[Change, ...]:
        """The applications that carry our tag."""
        return owned_applications(self._access)

    def remove(self, change: Change) -> None:
        """Stop and delete an application of ours."""
        self._applications.clear()
        remove_application(self._access, change.name)

    def prepare(self, request: RunRequest) -> None:
        """Upload the script, and make the application where there is none.

        Raises:
            NotRunnableError: A role or a file is missing, or there are no workers of that size.
        """
        check_workers(request.job)
        self._prepared[request.execution_id] = spark_submission(self._access, request)
        self._application(request)

    def submit(self, request: RunRequest) -> RunHandle:
        """Start the job run under the execution id as client token: a second call finds the first one's."""
        application = self._application(request)
        # Kept until a submission is answered, so that one that is tried again need not be made again.
        submission = self._prepared.get(request.execution_id) or spark_submission(self._access, request)
        keys = request.job.platform
        conf: dict[str, str] = {}
        if keys.enable_spark_ui and keys.spark_event_logs_path:
            conf = event_log_conf(self._access, request)
        wanted = job_run_request(request, application, submission, conf, _log_uri(request))
        client = self._access.client("emr-serverless")
        with calling("emr-serverless"):
            started = client.start_job_run(**wanted)
        self._prepared.pop(request.execution_id, None)
        return self._handle(request, application, started["jobRunId"])

    def find(self, request: RunRequest) -> RunHandle | None:
        """The run of that execution id, by its name."""
        application, since = self._application(request), searched_since(request)
        client = self._access.client("emr-serverless")
        pages = client.get_paginator("list_job_runs").paginate(
            applicationId=application, **({"createdAtAfter": since} if since else {})
        )
        try:
            with calling("emr-serverless", not_found=_NOT_FOUND, run_id=request.execution_id):
                name = run_name(request)
                found = next(
                    (one for page in pages for one in page["jobRuns"] if one.get("name") == name), None
                )
        except RunNotFoundError:
            return None
        return self._handle(request, application, found["id"]) if found else None

    def poll(self, handle: RunHandle) -> RunState:
        """The state of the run, from a listing that serves all runs of the application.

        Raises:
            RunNotFoundError: EMR Serverless does not know it any more.
        """
        run = _Run.of(handle)
        if self._clock.now() - run.submitted < FRESH_SECONDS:
            # Just submitted: to ask for each run alone would spend more calls than all later polls together.
            return RunState("pending")
        self._submitted.setdefault(handle.run_id, run.submitted)
        shared = self._runs.setdefault(
            run.application_id,
            SharedDescribe(
                lambda ids: self._list(run.application_id, ids),
                at_most=RUNS_A_CALL,
                fresh_seconds=FRESH_SECONDS,
                now=self._clock.now,
            ),
        )
        found = shared.get(handle.run_id)
        if found is None:
            raise RunNotFoundError.of("EMR Serverless", f"run {handle.run_id}")
        status = _STATES.get(found["state"], "running")
        state = RunState(status, self._start(handle, status), found.get("stateDetails") or None)
        if status != "pending":
            self._printing.add(handle.run_id)
        if state.final:
            self._ended[handle.run_id] = found["updatedAt"].timestamp()
            shared.forget(handle.run_id)
        return state

    def read_logs(self, handle: RunHandle, cursor: str | None) -> LogChunk:
        """The driver's output, from CloudWatch while the run goes on, else as it is copied to S3."""
        run = _Run.of(handle)
        if run.continuous:
            return read_streams(self._access, run.log_streams(handle.run_id), cursor)
        if handle.run_id not in self._printing:
            return LogChunk((), cursor)
        return read_gzip_logs(
            self._access,
            run.log_files(),
            cursor,
            ended=self._ended.get(handle.run_id),
            now=self._clock.now(),
        )

    def cancel(self, handle: RunHandle) -> None:
        """Cancel the run; one that has ended stays as it is."""
        run = _Run.of(handle)
        client = self._access.client("emr-serverless")
        if not _final(self._describe(run.application_id, handle.run_id)):
            with calling("emr-serverless", not_found=_NOT_FOUND, run_id=handle.run_id):
                client.cancel_job_run(applicationId=run.application_id, jobRunId=handle.run_id)
        if run.application_id in self._runs:
            self._runs[run.application_id].forget(handle.run_id)

    def outcome(self, request: RunRequest, handle: RunHandle) -> RunOutcome:
        """How the run ended, with its bill and the error that its driver printed."""
        run = _Run.of(handle)
        found, log = self._settled(run, handle.run_id)
        status = _STATES.get(found["state"], "running")
        started, ended = _seconds(found.get("startedAt")), _seconds(found.get("endedAt"))
        place, figures = target_figures(
            self._access, request.job, started or _seconds(found["createdAt"]), succeeded=status == "success"
        )
        if run.event_log:
            figures = metrics_of_event_logs(self._access, run.event_log) | figures
        told: dict[str, Any] = {"status": status}
        if status == "cancelled" and started and ended and ended - started >= run.timeout_seconds:
            told = {
                "status": "timeout",
                "error": time_limit_error(run.timeout_seconds),
                "retry_can_help": RETRY_CAN_HELP["timeout"],
            }
        elif status == "failed":
            error, retry_can_help = failure_details(log, found.get("stateDetails"))
            told |= {"error": error, "retry_can_help": retry_can_help}
        return RunOutcome(
            request.execution_id,
            handle,
            started=started,
            ended=ended or _seconds(found.get("updatedAt")),
            log_location=run.log_folder,
            target_location=place,
            **(figures | _billed(found)).as_outcome(),
            **told,
        )

    def _application(self, request: RunRequest) -> str:
        name = request.job.platform.application_id or application_name(request.job, request.config)
        with self._looking_for_one:
            if name not in self._applications:
                self._applications[name] = application_id(self._access, request.job, request.config)
            return self._applications[name]

    def _handle(self, request: RunRequest, application: str, run_id: str) -> RunHandle:
        keys = request.job.platform
        # The service itself copies the event log of each run beside the run's other logs.
        folder = f"{_log_uri(request)}/applications/{application}/jobs/{run_id}"
        event_log = event_log_uri(request) if keys.spark_event_logs_path else f"{folder}/sparklogs"
        run = _Run(
            application_id=application,
            submitted=self._clock.now(),
            timeout_seconds=request.timeout_seconds,
            log_folder=f"{folder}/SPARK_DRIVER",
            continuous=keys.enable_continuous_logging,
            event_log=event_log if keys.enable_spark_ui else None,
        )
        return RunHandle(platform=self.name, run_id=run_id, details=asdict(run))

    def _start(self, handle: RunHandle, status: RunStatus) -> float | None:
        """When a run started, which its listing does not tell: asked for once."""
        if status == "pending":
            return None
        if handle.run_id not in self._started:
            found = self._describe(_Run.of(handle).application_id, handle.run_id)
            started = _seconds(found.get("startedAt"))
            if started is None:
                return None if _final(found) else _seconds(found["createdAt"])
            self._started[handle.run_id] = started
        return self._started[handle.run_id]

    def _list(self, application: str, run_ids: Sequence[str]) -> Mapping[str, dict[str, Any]]:
        wanted = set(run_ids)
        # The service's clock need not agree with the one of the process that submitted.
        since = min(self._submitted[one] for one in wanted) - _SKEW_SECONDS
        client = self._access.client("emr-serverless")
        found: dict[str, dict[str, Any]] = {}
        with calling("emr-serverless", not_found=_NOT_FOUND, run_id=", ".join(run_ids)):
            for page in client.get_paginator("list_job_runs").paginate(
                applicationId=application,
                createdAtAfter=datetime.fromtimestamp(since, timezone.utc),
                PaginationConfig={"MaxItems": RUNS_A_CALL, "PageSize": 50},
            ):
                found.update({one["id"]: one for one in page["jobRuns"] if one["id"] in wanted})
                if len(found) == len(wanted):
                    return found
        for run_id in wanted - found.keys():
            with suppress(RunNotFoundError):
                found[run_id] = self._describe(application, run_id)
        return found

    def _describe(self, application: str, run_id: str) -> dict[str, Any]:
        client = self._access.client("emr-serverless")
        with calling("emr-serverless", not_found=_NOT_FOUND, run_id=run_id):
            return client.get_job_run(applicationId=application, jobRunId=run_id)["jobRun"]

    def _settled(self, run: "_Run", run_id: str) -> tuple[dict[str, Any], str | None]:
        """The run with its bill, and the end of its log where it failed, once they are there."""
        found, log = self._describe(run.application_id, run_id), None
        if not _final(found):
            raise TransientError(f"EMR Serverless run {run_id} has not ended yet.")
        patience = STOPPED_SETTLES_WITHIN_SECONDS if found["state"] == "CANCELLED" else SETTLES_WITHIN_SECONDS
        until, interval = self._clock.now() + patience, LOOK_SECONDS
        while True:
            if found["state"] == "FAILED" and log is None:
                log = gzip_tail(self._access, run.log_files()["stderr"])
            told = bool(_billed(found).values) and (found["state"] != "FAILED" or log is not None)
            if told or self._clock.now() >= until:
                return found, log
            self._clock.wait(interval)
            interval = min(interval * 2, LONGEST_LOOK_SECONDS)
            found = self._describe(run.application_id, run_id)


@dataclass(frozen=True)
class _Run:
    """The details of a handle.

    Attributes:
        application_id: The application.
        submitted: Unix seconds.
        timeout_seconds: Time limit.
        log_folder: Where the driver's output is copied to.
        continuous: Whether it also goes to CloudWatch.
        event_log: Where Spark's event log is; None: nowhere.
    """

    application_id: str
    submitted: float
    timeout_seconds: float
    log_folder: str
    continuous: bool
    event_log: str | None

    @classmethod
    def of(cls, handle: RunHandle) -> "_Run":
        return cls(**cast("Any", handle.details))

    def log_files(self) -> dict[Stream, str]:
        return {
            "stdout": f"{self.log_folder}/stdout.gz",
            "stderr": f"{self.log_folder}/stderr.gz",
        }

    def log_streams(self, run_id: str) -> list[LogStream]:
        name = f"/applications/{self.application_id}/jobs/{run_id}/SPARK_DRIVER"
        return [
            LogStream(LOG_GROUP, f"{name}/stdout", "stdout"),
            LogStream(LOG_GROUP, f"{name}/stderr", "stderr"),
        ]


def _log_uri(request: RunRequest) -> str:
    return artifact_uri(request.config, "logs", "emr-serverless")


def _final(found: Mapping[str, Any]) -> bool:
    return found["state"] in ("SUCCESS", "FAILED", "CANCELLED")


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _billed(found: Mapping[str, Any]) -> Figures:
    """The resources that are billed, by the names of the cost; a bill of nothing has not come yet."""
    bill = found.get("billedResourceUtilization") or {}
    if not bill.get("vCPUHour"):
        return Figures(
            warnings=("EMR Serverless does not tell yet what the run is billed for, so its cost is unknown.",)
        )
    names = {"vcpu_hours": "vCPUHour", "memory_gb_hours": "memoryGBHour", "storage_gb_hours": "storageGBHour"}
    return Figures({name: bill[key] for name, key in names.items() if bill.get(key) is not None})
