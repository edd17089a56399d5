"""One way to run a job on any platform: submit, record, follow, and end well whatever happens.

The record is written before the wait that it is about. So a process that dies leaves behind what a retried
step needs to find the remote run again, and no run is paid for twice.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from etl_platform.platforms import records
from etl_platform.platforms.attempts import earlier_attempt
from etl_platform.platforms.errors import PlatformError, RunNotFoundError, TransientError
from etl_platform.platforms.failures import RETRY_CAN_HELP, classify
from etl_platform.platforms.following import Follower, OnLog, OnProgress
from etl_platform.platforms.patience import Clock, patiently
from etl_platform.platforms.protocol import Platform, RunHandle, RunOutcome, RunRequest, RunState
from etl_platform.tracking.outbox import Outbox
from etl_platform.tracking.records import ErrorClass, ErrorDetails, JobExecution
from etl_platform.tracking.store import TrackingStore

LIMIT_GRACE_SECONDS = 10.0
"""A platform that keeps the time limit itself knows more about the end; it gets this long to do so first."""

SETTLE_SECONDS = 60.0
"""How long a run that was told to stop is watched until it has stopped."""


def run(
    platform: Platform,
    request: RunRequest,
    store: TrackingStore,
    *,
    on_log: OnLog = lambda lines: None,
    on_progress: OnProgress = lambda line: None,
    outbox: Outbox | None = None,
    clock: Clock | None = None,
) -> RunOutcome:
    """Run a job to its end, or take up the run of an earlier attempt of the same group.

    A run that fails, is stopped or passes its time limit is an outcome, not an exception, and its final
    record is written here. After a success the caller writes it (`records.finished`), because it knows more.

    Args:
        platform: Where to run.
        request: What to run.
        store: Where the attempt is recorded: before it is submitted, and with its handle before the wait.
        on_log: Gets the run's lines as they come.
        on_progress: Gets a line such as `running 42 s · 34/200 tasks` now and then.
        outbox: Takes the final record where the store is down by then; absent: the store alone.
        clock: Time; absent: the real one.

    Raises:
        NotRunnableError: The job cannot run there; nothing was recorded.
        TransientError: The platform stayed out of reach. The run, if there is one, goes on and stays on
            record as running; a retry takes it up.
        PlatformError: The platform refused to answer; the record stays likewise.
        BaseException: An interruption (KeyboardInterrupt, SystemExit, Dagster's) is raised again after the
            run was cancelled and recorded so.
    """
    clock = clock or Clock()
    attempt = earlier_attempt(platform, request, store, clock)
    if attempt is not None:
        request = replace(request, execution_id=attempt.record.execution_id)
        if attempt.record.status == "success":
            on_progress(f"success already: {request.execution_id} of the same run is taken")
            return replace(records.succeeded(attempt.record), record=attempt.record)
        on_progress(f"taking up {request.execution_id}, which an earlier attempt started")
        record, handle = attempt.record, attempt.handle
    else:
        patiently(lambda: platform.prepare(request), clock)
        record, handle = records.started(request, platform.name, clock.now()), None
        store.put_execution(record)
    write_end = partial(outbox.write, "put_execution") if outbox else store.put_execution
    return _Run(platform, request, store, write_end, clock, on_log, on_progress, record, handle).to_its_end()


@dataclass
class _Run:
    platform: Platform
    request: RunRequest
    store: TrackingStore
    write_end: Callable[[JobExecution], object]
    clock: Clock
    on_log: OnLog
    on_progress: OnProgress
    record: JobExecution
    handle: RunHandle | None
    tried: bool = False
    follower: Follower | None = None

    def to_its_end(self) -> RunOutcome:
        try:
            outcome = self._submit_and_follow()
            if outcome.status != "success":
                self.write_end(records.finished(self.record, outcome, self.request))
            return replace(outcome, record=self.record)
        except BaseException as interruption:
            # An error of ours or of the platform leaves the run to be taken up by a retry.
            if not isinstance(interruption, Exception):
                self._interrupt()
            raise

    def _submit_and_follow(self) -> RunOutcome:
        try:
            handle = self.handle or patiently(self._submit, self.clock)
        except TransientError:
            # It may have been submitted all the same: the record stays open for the retry to find out.
            raise
        except PlatformError as error:
            failure = classify(str(error), error_type=type(error).__name__)
            return self._failed(failure.error_class, type(error).__name__, str(error))
        self.handle = handle
        self.record = records.with_handle(self.record, handle)
        self.store.put_execution(self.record)
        follower = self._follow(handle)
        try:
            state = follower.until_final(self._limit)
            outcome = self._ended(follower, handle) if state.final else self._stop_late(follower, state)
        except RunNotFoundError as error:
            outcome = self._failed("unknown", "RunLost", str(error))
        return replace(outcome, warnings=(*outcome.warnings, *follower.warnings))

    def _submit(self) -> RunHandle:
        # A submission whose answer was lost is found by the next try.
        found = self.platform.find(self.request) if self.tried else None
        self.tried = True
        return found or self.platform.submit(self.request)

    def _follow(self, handle: RunHandle) -> Follower:
        if self.follower is None:
            self.follower = Follower(self.platform, handle, self.clock, self.on_log, self.on_progress)
        return self.follower

    def _limit(self, state: RunState) -> float:
        """When the time of a run in that state is up; one that waits for its start has as long to get it."""
        since = self.record.timestamp if state.started is None else state.started
        return since + self.request.timeout_seconds + LIMIT_GRACE_SECONDS

    def _ended(self, follower: Follower, handle: RunHandle) -> RunOutcome:
        follower.read_rest()
        return patiently(lambda: self.platform.outcome(self.request, handle), self.clock)

    def _stop_late(self, follower: Follower, state: RunState) -> RunOutcome:
        limit = f"{self.request.timeout_seconds:g} s"
        if state.started is None:
            message = f"It had not started {limit} after it was submitted, which is its time limit."
            error_class: ErrorClass = "capacity"
        else:
            message = f"It ran longer than its time limit of {limit} and was stopped."
            error_class = "timeout"
        try:
            self._tell_to_stop(follower.handle)
            outcome = self._see_it_stop(follower.handle)
        except PlatformError as error:
            outcome = replace(self._failed(error_class, "Timeout", message), warnings=(_not_stopped(error),))
        if outcome.status == "success":
            return outcome
        return replace(
            outcome,
            status="timeout",
            error=self._error(error_class, "Timeout", message),
            retry_can_help=RETRY_CAN_HELP[error_class],
        )

    def _tell_to_stop(self, handle: RunHandle) -> None:
        patiently(lambda: self.platform.cancel(handle), self.clock, seconds=SETTLE_SECONDS)

    def _see_it_stop(self, handle: RunHandle) -> RunOutcome:
        """How a run that was told to stop ended; what succeeded before it could be stopped has succeeded."""
        until = self.clock.now() + SETTLE_SECONDS
        follower = self._follow(handle)
        if follower.until_final(lambda _: until).final:
            outcome = self._ended(follower, handle)
            return outcome if outcome.status == "success" else replace(outcome, status="cancelled")
        warning = f"Run {handle.run_id} was told to stop, and had not stopped {SETTLE_SECONDS:g} s later."
        return RunOutcome(self.request.execution_id, handle, "cancelled", warnings=(warning,))

    def _interrupt(self) -> None:
        """Cancel the run and record that; a run that cannot be cancelled stays on record as running."""
        try:
            handle = self.handle or patiently(
                lambda: self.platform.find(self.request), self.clock, seconds=SETTLE_SECONDS
            )
            if handle is not None:
                self._tell_to_stop(handle)
        except PlatformError as error:
            warnings = [*self.record.warnings, _not_stopped(error)]
            self.write_end(self.record.model_copy(update={"warnings": warnings}))
            return
        outcome = RunOutcome(self.request.execution_id, handle, "cancelled", ended=self.clock.now())
        try:
            if handle is not None:
                outcome = self._see_it_stop(handle)
        except PlatformError as error:
            outcome = replace(outcome, warnings=(f"How the cancelled run ended is not known: {error}",))
        finally:
            # Also where the wait for the run's end is interrupted once more.
            self.write_end(records.finished(self.record, outcome, self.request))

    def _error(self, error_class: ErrorClass, error_type: str, message: str) -> ErrorDetails:
        return ErrorDetails(
            error_occurred=True, error_type=error_type, error_message=message, error_class=error_class
        )

    def _failed(self, error_class: ErrorClass, error_type: str, message: str) -> RunOutcome:
        return RunOutcome(
            self.request.execution_id,
            self.handle,
            "failed",
            ended=self.clock.now(),
            error=self._error(error_class, error_type, message),
            retry_can_help=RETRY_CAN_HELP[error_class],
        )


def _not_stopped(error: PlatformError) -> str:
    return f"The run could not be stopped and may still go on: {error}"
