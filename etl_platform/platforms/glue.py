"""AWS Glue: jobs on Spark and in Python shells."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from etl_platform.config.models.base import PlatformName
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.platforms import glue_definitions
from etl_platform.platforms.aws_access import THROTTLED, AwsAccess, calling
from etl_platform.platforms.cloudwatch_logs import LogStream, read_streams, read_tail
from etl_platform.platforms.errors import PlatformError, TransientError
from etl_platform.platforms.event_logs import event_log_uri, metrics_of_event_logs
from etl_platform.platforms.figures import Figures
from etl_platform.platforms.glue_definitions import GlueDefinitions
from etl_platform.platforms.glue_job import (
    EXECUTION_ARGUMENT,
    command_of,
    declared,
    definition_of,
    files_of,
    glue_job_name,
    run_arguments,
    size_of_run,
    timeout_minutes,
)
from etl_platform.platforms.glue_metrics import cloudwatch_figures
from etl_platform.platforms.glue_runs import (
    GlueRuns,
    counters_of,
    error_of,
    seconds,
    state_of,
    streams_of,
)
from etl_platform.platforms.ownership import Change
from etl_platform.platforms.patience import Clock
from etl_platform.platforms.protocol import (
    LogChunk,
    Polling,
    RunHandle,
    RunOutcome,
    RunRequest,
    RunState,
)
from etl_platform.platforms.spark_submit import searched_since
from etl_platform.platforms.target_figures import target_figures


@dataclass(frozen=True)
class _Prepared:
    """What `prepare` found out for `submit`.

    Attributes:
        command: Kind of the definition, which a definition that is not ours decides by itself.
        arguments: Of the run.
        size: Parameters of StartJobRun that say how big.
    """

    command: str
    arguments: dict[str, str]
    size: dict[str, Any]


class GluePlatform:
    """Runs jobs as runs of Glue jobs.

    A hundred runs of one job are polled by a call a second at the most; each run's log is read when it is
    polled, in two or three calls, which the longest interval keeps within the 25 calls a second of
    GetLogEvents (Amazon CloudWatch Logs quotas).
    """

    name: PlatformName = "glue"
    polling = Polling(shortest_seconds=2, longest_seconds=15, log_seconds=5)

    def __init__(self, access: AwsAccess, clock: Clock | None = None):
        """Run there.

        Args:
            access: Where and as whom the services are called.
            clock: Time; absent: the real one.
        """
        self._access = access
        self._runs = GlueRuns(access, (clock or Clock()).now)
        self._definitions = GlueDefinitions(access)
        self._prepared: dict[str, _Prepared] = {}
        self._described: dict[str, dict[str, Any]] = {}

    def prepare(self, request: RunRequest) -> None:
        """Upload what the job needs, and make or update its definition where that is ours.

        Raises:
            NotRunnableError: A file or the role is missing, and the like.
        """
        files = files_of(self._access, request)
        stated = declared(request)
        command = self._definitions.ensure(
            glue_job_name(request.job), stated.job, definition_of(stated, files)
        )
        self._prepared[request.execution_id] = _Prepared(
            command, run_arguments(request, files, command), size_of_run(request.job, command)
        )

    def submit(self, request: RunRequest) -> RunHandle:
        """Start the run, in one call that is never sent twice by itself."""
        if request.execution_id not in self._prepared:
            self.prepare(request)
        prepared = self._prepared[request.execution_id]
        # StartJobRun knows no client token: after a lost answer the driver looks for the run first.
        client = self._access.client("glue", attempts=1)
        with calling("glue"):
            started = client.start_job_run(
                JobName=glue_job_name(request.job),
                Arguments=prepared.arguments,
                Timeout=timeout_minutes(request.timeout_seconds),
                **prepared.size,
            )
        del self._prepared[request.execution_id]
        return self._handle(request, started["JobRunId"], prepared.command, prepared.arguments)

    def find(self, request: RunRequest) -> RunHandle | None:
        """The run that was started with that execution id as its argument, among the newest thousand."""
        run = self._runs.newest(
            glue_job_name(request.job), EXECUTION_ARGUMENT, request.execution_id, searched_since(request)
        )
        if run is None:
            return None
        return self._handle(request, run["Id"], command_of(request.job), run["Arguments"])

    def poll(self, handle: RunHandle) -> RunState:
        """The state of the run.

        Raises:
            RunNotFoundError: Glue does not know it any more.
        """
        return state_of(self._run(handle))

    def read_logs(self, handle: RunHandle, cursor: str | None) -> LogChunk:
        """What the script printed and what Spark said, while the run goes on."""
        run = self._described.get(handle.run_id) or self._run(handle)
        if not state_of(run).final and state_of(run).started is None:
            return LogChunk((), cursor)
        return read_streams(self._access, self._streams(handle, run), cursor)

    def cancel(self, handle: RunHandle) -> None:
        """Stop the run."""
        job_name = _job_name(handle)
        client = self._access.client("glue")
        with calling("glue"):
            answer = client.batch_stop_job_run(JobName=job_name, JobRunIds=[handle.run_id])
        self._runs.forget(job_name, handle.run_id)
        for refused in answer.get("Errors", ()):
            detail = refused.get("ErrorDetail", {})
            run = self._run(handle)
            # Glue refuses to stop what has ended or is being stopped.
            if state_of(run).final or run["JobRunState"] == "STOPPING":
                return
            code = detail.get("ErrorCode", "no code")
            kind = TransientError if code in THROTTLED else PlatformError
            raise kind(
                f"Glue did not stop run {handle.run_id} of job {job_name}: {code}: "
                f"{detail.get('ErrorMessage', 'no message')}. Stop it in the Glue console."
            )

    def outcome(self, request: RunRequest, handle: RunHandle) -> RunOutcome:
        """How the run ended, with its error log's last exception, its figures and its DPU."""
        run = self._run(handle)
        state = state_of(run)
        if not state.final:
            raise TransientError(f"Run {handle.run_id} of Glue job {_job_name(handle)} has not ended yet.")
        started = seconds(run.get("StartedOn"))
        place, figures = target_figures(
            self._access, request.job, started, succeeded=state.status == "success"
        )
        figures |= self._figures(handle, run)
        told: dict[str, Any] = {}
        if state.status in ("failed", "timeout"):
            error, retry_can_help = error_of(run, self._error_log(handle, run))
            told = {"error": error, "retry_can_help": retry_can_help}
        self._described.pop(handle.run_id, None)
        self._runs.forget(_job_name(handle), handle.run_id)
        return RunOutcome(
            request.execution_id,
            handle,
            state.status,  # type: ignore[arg-type]  # a final one
            started=started,
            ended=seconds(run.get("CompletedOn")),
            log_location=self._console(handle),
            target_location=place,
            **figures.as_outcome(),
            **told,
        )

    def deploy(self, job: Job, config: Config, *, dry_run: bool) -> tuple[Change, ...]:
        """Make or update the job's definition where it is ours; nothing is uploaded where none differs."""
        request = RunRequest(job, config, "deploy", None, job.execution.timeout_minutes * 60)
        name = glue_job_name(job)
        current = self._definitions.ours().get(name) or self._definitions.current(name)
        wanted = definition_of(request, files_of(None, request))
        change = self._definitions.settle(name, job, wanted, current, dry_run=True)
        if change.action in ("create", "update") and not dry_run:
            files_of(self._access, request)
            change = self._definitions.settle(name, job, wanted, current, dry_run=False)
        return (change,)

    def owned(self) -> tuple[Change, ...]:
        """All definitions that carry our tag."""
        return tuple(
            Change(glue_definitions.KIND, name, "remove") for name in sorted(self._definitions.ours())
        )

    def remove(self, change: Change) -> None:
        """Remove a definition; its runs that go on are not stopped by that."""
        self._definitions.remove(glue_definitions.name_of(change))

    def _run(self, handle: RunHandle) -> dict[str, Any]:
        run = self._runs.get(_job_name(handle), handle.run_id)
        self._described[handle.run_id] = run
        return run

    def _handle(self, request: RunRequest, run_id: str, command: str, arguments: dict[str, str]) -> RunHandle:
        details = {
            "job_name": glue_job_name(request.job),
            "shell": command == "pythonshell",
            "continuous": request.job.platform.enable_continuous_logging,
            "event_logs": event_log_uri(request) if "--spark-event-logs-path" in arguments else None,
        }
        return RunHandle(platform=self.name, run_id=run_id, details=details)

    def _streams(self, handle: RunHandle, run: dict[str, Any]) -> list[LogStream]:
        shell, continuous = handle.details.get("shell"), handle.details.get("continuous")
        return streams_of(run, shell=bool(shell), continuous=bool(continuous))

    def _error_log(self, handle: RunHandle, run: dict[str, Any]) -> str | None:
        try:
            stderr = [one for one in self._streams(handle, run) if one.stream == "stderr"]
            return read_tail(self._access, stderr[0])
        except TransientError:
            raise
        except PlatformError:
            # Following the log has failed likewise, which is a warning on the run already.
            return None

    def _figures(self, handle: RunHandle, run: dict[str, Any]) -> Figures:
        """What CloudWatch and Spark measured, and what Glue counted."""
        figures = Figures() if handle.details.get("shell") else cloudwatch_figures(self._access, run)
        logs = handle.details.get("event_logs")
        if logs and run.get("ExecutionTime"):
            figures |= metrics_of_event_logs(self._access, str(logs))
        return figures | Figures(counters_of(run))

    def _console(self, handle: RunHandle) -> str:
        """Where the console shows the run with its logs."""
        region = self._access.client("glue").meta.region_name
        page = f"https://{region}.console.aws.amazon.com/gluestudio/home?region={region}"
        return f"{page}#/job/{quote(_job_name(handle))}/run/{handle.run_id}"


def _job_name(handle: RunHandle) -> str:
    return str(handle.details["job_name"])
