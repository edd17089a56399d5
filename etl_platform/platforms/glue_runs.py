"""Runs of Glue jobs: their states by as few calls as possible, and what an ended one tells."""

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from etl_platform.platforms.aws_access import AwsAccess, calling
from etl_platform.platforms.cloudwatch_logs import LogStream
from etl_platform.platforms.errors import RunNotFoundError
from etl_platform.platforms.failures import classify
from etl_platform.platforms.protocol import RunState, RunStatus
from etl_platform.platforms.shared_describe import SharedDescribe
from etl_platform.platforms.spark_log_error import failure_details
from etl_platform.pricing.glue import DPU_PER_WORKER
from etl_platform.tracking.records import ErrorClass, ErrorDetails
from etl_platform.workload.memory import GLUE_WORKER_GB

STATES: dict[str, RunStatus] = {
    "WAITING": "pending",
    "STARTING": "pending",
    "RUNNING": "running",
    "STOPPING": "running",
    "SUCCEEDED": "success",
    "STOPPED": "cancelled",
    "TIMEOUT": "timeout",
    "FAILED": "failed",
    "ERROR": "failed",
    "EXPIRED": "failed",
}
"""AWS Glue Developer Guide, "AWS Glue job run statuses"."""

RUNS_A_CALL = 200
"""Most runs of one GetJobRuns (AWS Glue API reference)."""

PAGES = 5
"""Pages of GetJobRuns, newest first, in which a run is looked for: a thousand runs of one job."""

FRESH_SECONDS = 1.0

_REASONS: dict[str, str] = {
    "EXPIRED": "Glue gave up waiting for capacity, or for the end of a maintenance window.",
    "ERROR": "Glue failed by itself.",
    "TIMEOUT": "It ran longer than its time limit and Glue stopped it.",
}
_CLASSES: dict[str, ErrorClass] = {"EXPIRED": "capacity", "TIMEOUT": "timeout"}
_TYPE = re.compile(
    r"^(?:Error Category: \w+; )?(?:Failed line number: \d+; )?((?:\w+\.)*\w*(?:Error|Exception))\b"
)
"""Glue puts the exception's type before its message, and its own category before that."""


class GlueRuns:
    """The runs of one account; polls of several runs of a job that come together make one call."""

    def __init__(self, access: AwsAccess, now: Callable[[], float]):
        """Ask there.

        Args:
            access: Where Glue is.
            now: Seconds that only rise.
        """
        self._access = access
        self._now = now
        self._lock = threading.Lock()
        self._shared: dict[str, SharedDescribe[dict[str, Any]]] = {}

    def get(self, job_name: str, run_id: str) -> dict[str, Any]:
        """A run as Glue describes it, at most a second ago.

        Raises:
            RunNotFoundError: Glue does not know it.
        """
        run = self._of(job_name).get(run_id)
        if run is None:
            raise RunNotFoundError.of("Glue", f"run {run_id} of job {job_name}")
        return run

    def forget(self, job_name: str, run_id: str) -> None:
        """Ask for a run that is final, or was changed, no more along with others."""
        self._of(job_name).forget(run_id)

    def newest(
        self, job_name: str, argument: str, value: str, since: datetime | None
    ) -> dict[str, Any] | None:
        """The newest run that was started with that argument; None: none of the last thousand.

        Args:
            job_name: Name of the definition.
            argument: Such as `--EXECUTION_ID`.
            value: Its value.
            since: No run that started before is looked at; None: the thousand is the only bound.
        """
        for page in self._pages(job_name):
            for run in page:
                if (run.get("Arguments") or {}).get(argument) == value:
                    return run
            if since is not None and page and all(run["StartedOn"] < since for run in page):
                return None
        return None

    def _of(self, job_name: str) -> SharedDescribe[dict[str, Any]]:
        with self._lock:
            if job_name not in self._shared:
                self._shared[job_name] = SharedDescribe(
                    partial(self._describe, job_name),
                    at_most=RUNS_A_CALL,
                    fresh_seconds=FRESH_SECONDS,
                    now=self._now,
                )
            return self._shared[job_name]

    def _describe(self, job_name: str, run_ids: Sequence[str]) -> Mapping[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        if len(run_ids) > 1:
            for page in self._pages(job_name):
                found |= {run["Id"]: run for run in page if run["Id"] in run_ids}
                if len(found) == len(run_ids):
                    return found
        client = self._access.client("glue")
        for run_id in run_ids:
            if run_id in found:
                continue
            try:
                with calling("glue", not_found=("EntityNotFoundException",), run_id=run_id):
                    found[run_id] = client.get_job_run(JobName=job_name, RunId=run_id)["JobRun"]
            except RunNotFoundError:
                continue
        return found

    def _pages(self, job_name: str) -> Iterator[list[dict[str, Any]]]:
        client = self._access.client("glue")
        more: dict[str, str] = {}
        for _ in range(PAGES):
            try:
                with calling("glue", not_found=("EntityNotFoundException",)):
                    page = client.get_job_runs(JobName=job_name, MaxResults=RUNS_A_CALL, **more)
            except RunNotFoundError:
                return
            yield page["JobRuns"]
            if not page.get("NextToken"):
                return
            more = {"NextToken": page["NextToken"]}


def state_of(run: Mapping[str, Any]) -> RunState:
    """How a run stands; a state that is not known here counts as running."""
    state = run["JobRunState"]
    status = STATES.get(state, "running")
    message = run.get("ErrorMessage") or run.get("StateDetail") or _REASONS.get(state)
    started = None if status == "pending" else seconds(run.get("StartedOn"))
    return RunState(status, started, message or (state.lower() if state in ("WAITING", "STOPPING") else None))


def seconds(time: datetime | None) -> float | None:
    """A time of the service as Unix seconds."""
    return None if time is None else time.timestamp()


def streams_of(run: Mapping[str, Any], *, shell: bool, continuous: bool) -> list[LogStream]:
    """The log streams of a run: what the script printed, what Spark's driver did, and its continuous log.

    Up to Glue 4 continuous logging has a group of its own; from Glue 5 on the other two are continuous.
    """
    run_id = run["Id"]
    group = run.get("LogGroupName") or ("/aws-glue/python-jobs" if shell else "/aws-glue/jobs")
    streams = [
        LogStream(f"{group}/output", run_id, "stdout"),
        LogStream(f"{group}/error", run_id, "stderr"),
    ]
    major = int(str(run.get("GlueVersion") or "0").partition(".")[0])
    if continuous and not shell and major < 5:
        streams.append(LogStream(f"{group}/logs-v2", run_id, "stderr"))
    return streams


def counters_of(run: Mapping[str, Any]) -> dict[str, float]:
    """What the actual cost is computed from, as `pricing.run_cost.actual_usages` names it, and the memory."""
    counters: dict[str, float] = {}
    if run.get("ExecutionTime") is not None:
        counters["execution_seconds"] = run["ExecutionTime"]
    if run.get("DPUSeconds") is not None:
        counters["dpu_seconds"] = run["DPUSeconds"]
    worker_type, workers = run.get("WorkerType"), run.get("NumberOfWorkers")
    if worker_type in DPU_PER_WORKER and workers:
        dpu = float(DPU_PER_WORKER[worker_type]) * workers
        flex = run.get("ExecutionClass") == "FLEX"
        counters["m_dpu" if worker_type.startswith("R.") else "flex_dpu" if flex else "dpu"] = dpu
        counters["memory_mb_allocated"] = GLUE_WORKER_GB[worker_type] * 1024 * workers
    elif run.get("MaxCapacity"):
        capacity = run["MaxCapacity"]
        counters["python_shell_dpu" if capacity <= 1 else "dpu"] = capacity
    return counters


def error_of(run: Mapping[str, Any], log: str | None) -> tuple[ErrorDetails, bool]:
    """Why a run failed, and whether another attempt may succeed.

    Args:
        run: As Glue describes it; its state is a failed one.
        log: End of its error log; None: not to be had.
    """
    state, said = run["JobRunState"], run.get("ErrorMessage")
    if state in _CLASSES:
        message = " ".join(part for part in (_REASONS[state], said) if part)
        failure = classify(otherwise=_CLASSES[state])
        kind = state.capitalize()
    else:
        details, retry_can_help = failure_details(log, said, _REASONS.get(state))
        named = _TYPE.match(said or "")
        if details.error_type is not None or named is None:
            return details, retry_can_help
        message, kind = details.error_message, named[1].rpartition(".")[2]
        failure = classify(message, error_type=kind, otherwise=details.error_class or "unknown")
    error = ErrorDetails(
        error_occurred=True, error_type=kind, error_message=message, error_class=failure.error_class
    )
    return error, failure.retry_can_help
