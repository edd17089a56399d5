"""What a platform must offer, so that one driver runs a job on any of them.

A platform is stateless between calls: all it needs to find a run again is in the handle, which is stored in
the run's record. So another process, or a retried step, goes on where the first one stopped.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict

from etl_platform.config.models.base import PlatformName
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.tracking.records import (
    ErrorDetails,
    ExecutionMetrics,
    Issue,
    JobExecution,
    Optimization,
    PlatformDecision,
    WorkloadCharacteristics,
)
from etl_platform.tracking.values import Json

FinalStatus = Literal["success", "failed", "timeout", "cancelled"]
RunStatus = Literal["pending", "running", "success", "failed", "timeout", "cancelled"]
FINAL: frozenset[str] = frozenset(("success", "failed", "timeout", "cancelled"))


@dataclass(frozen=True)
class RunRequest:
    """One attempt to run a job.

    Attributes:
        job: The job as decided: what its `platform` section says is the size that it gets.
        config: The configuration that the job is of.
        execution_id: Names the attempt everywhere: record, client token, tag, run directory.
        attempt_group: Shared by an attempt and its retries, so that a retry finds the run of the attempt
            before it; a deliberate re-execution has another one. None: nothing is looked for.
        timeout_seconds: Limit from the start of the remote run.
        attempt: 1 for the first attempt.
        partition_key: Partition to fill; None for a job without partitions.
        engine: Local engine that was asked for by `--engine`; other platforms ignore it.
        dagster_run_id: Kept in the record.
        step_key: Kept in the record.
        decision: Why this platform; kept in the record.
        workload: What the job was expected to do; kept in the record.
        issues: What was found before the run; kept in the record. None: nobody looked.
        optimizations: What was changed for this attempt; kept in the record. None: nobody looked.
        pipes: Bootstrap parameters of a Dagster Pipes session, by their environment variable's name; the
            platform hands them to the script in the way that suits it. Empty: no session.
        clean_sources: Source to where a copy of it without bad rows stands, of those that have one.
    """

    job: Job
    config: Config
    execution_id: str
    attempt_group: str | None
    timeout_seconds: float
    attempt: int = 1
    partition_key: str | None = None
    engine: Literal["auto", "spark", "sail"] | None = None
    dagster_run_id: str | None = None
    step_key: str | None = None
    decision: PlatformDecision | None = None
    workload: WorkloadCharacteristics | None = None
    pipes: Mapping[str, str] = field(default_factory=dict)
    clean_sources: Mapping[str, str] = field(default_factory=dict)
    issues: tuple[Issue, ...] | None = None
    optimizations: tuple[Optimization, ...] | None = None


class RunHandle(BaseModel):
    """All that a platform needs to find a run again; stored as JSON in `run_handle` of the record.

    Attributes:
        platform: Name of the platform that made it.
        run_id: The platform's own name of the run.
        details: Further ids, such as a cluster or a job name.
    """

    model_config = ConfigDict(frozen=True)

    platform: PlatformName
    run_id: str
    details: dict[str, Json] = {}


@dataclass(frozen=True)
class Progress:
    """How much of a run is done, counted by the platform: Spark tasks, containers, attempts.

    Attributes:
        done: Units done.
        total: Units known so far; None where only the done ones are counted.
        unit: What is counted, in plural.
    """

    done: int
    total: int | None = None
    unit: str = "tasks"

    def __str__(self) -> str:
        """Such as `34/200 tasks`."""
        return f"{self.done}{'' if self.total is None else f'/{self.total}'} {self.unit}"


@dataclass(frozen=True)
class RunState:
    """How a run stands.

    Attributes:
        status: `pending` until the platform starts it.
        started: When the platform started it, Unix seconds; None while pending or where it was never started.
        message: The platform's own words.
        progress: None where nothing counts it.
    """

    status: RunStatus
    started: float | None = None
    message: str | None = None
    progress: Progress | None = None

    @property
    def final(self) -> bool:
        """Whether nothing more will happen."""
        return self.status in FINAL


@dataclass(frozen=True)
class LogLine:
    """One line that the run printed, without its line end."""

    stream: Literal["stdout", "stderr"]
    text: str


@dataclass(frozen=True)
class LogChunk:
    """Lines that follow a cursor.

    Attributes:
        lines: In the order in which each stream printed them.
        cursor: Where the next read starts. Equal to the cursor that was given: there is no more for now.
    """

    lines: tuple[LogLine, ...]
    cursor: str | None


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended.

    Attributes:
        execution_id: The attempt that ended so; an earlier one than was asked for, where that was taken up.
        handle: The run; None where it never came to one.
        status: Final status.
        started: Start of the run, Unix seconds; None where it never started or nobody knows.
        ended: End of the run, Unix seconds; None where nobody knows.
        metrics: What was measured.
        usage: Further measured figures, their unit in the name, such as `dpu_seconds` or `cpu_seconds`;
            among them all that the actual cost is computed from.
        error: What went wrong; None after a success.
        retry_can_help: Whether another attempt, unchanged, may succeed.
        result: What a handler returned, as JSON.
        log_location: Where the full log stands.
        target_location: Where the target's data stands.
        warnings: Sentences about what was tolerated.
        record: The attempt as it was recorded before its end, for who writes the final record; the driver
            sets it.
    """

    execution_id: str
    handle: RunHandle | None
    status: FinalStatus
    started: float | None = None
    ended: float | None = None
    metrics: ExecutionMetrics = field(default_factory=ExecutionMetrics)
    usage: Mapping[str, float] = field(default_factory=dict)
    error: ErrorDetails | None = None
    retry_can_help: bool = False
    result: Any = None
    log_location: str | None = None
    target_location: str | None = None
    warnings: tuple[str, ...] = ()
    record: JobExecution | None = None


@dataclass(frozen=True)
class Polling:
    """How often the driver asks: it starts with the shortest interval and grows to the longest.

    Attributes:
        shortest_seconds: First interval.
        longest_seconds: Last interval; a cancelled step stops its run within it.
        log_seconds: New log lines are asked for at most that often while the run goes on.
    """

    shortest_seconds: float
    longest_seconds: float
    log_seconds: float = 0.0


class Platform(Protocol):
    """A place where jobs run.

    All methods may be called from several threads at once. A service whose API describes many runs in one
    call may answer `poll` of many threads from one such call. A fault that may pass is raised as
    `TransientError`, any other as `PlatformError`.
    """

    @property
    def name(self) -> PlatformName:
        """The platform's name in the configuration and in handles."""
        ...

    @property
    def polling(self) -> Polling:
        """The intervals that suit it."""
        ...

    def prepare(self, request: RunRequest) -> None:
        """Check and make ready what the run needs: permissions, uploaded scripts, job definitions.

        It starts nothing and may be repeated.

        Raises:
            NotRunnableError: The job cannot run here; the message says what to change.
        """
        ...

    def submit(self, request: RunRequest) -> RunHandle:
        """Start the run; `request.execution_id` goes with it as client token, name, tag or argument."""
        ...

    def find(self, request: RunRequest) -> RunHandle | None:
        """The run that was submitted under `request.execution_id`, though its handle was lost; None: none."""
        ...

    def poll(self, handle: RunHandle) -> RunState:
        """How the run stands.

        Raises:
            RunNotFoundError: The platform does not know it.
        """
        ...

    def read_logs(self, handle: RunHandle, cursor: str | None) -> LogChunk:
        """A bounded number of lines after a cursor; None: from the beginning.

        Once the run is final, reading on until the cursor stays the same gives all lines.
        """
        ...

    def cancel(self, handle: RunHandle) -> None:
        """Stop the run and all that it started; no error where it has already ended."""
        ...

    def outcome(self, request: RunRequest, handle: RunHandle) -> RunOutcome:
        """How a run that is final ended, with what was measured."""
        ...
