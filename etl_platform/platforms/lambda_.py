"""AWS Lambda: one invocation a run.

How the end of a run is known. An asynchronous invocation has no answer and no call that describes it, so:

- A function of ours runs the script through `runtime/packaged_entry.py`, which writes a claim and an outcome
  into the run's folder in S3. S3 is consistent at once, has no limit that a hundred polls would reach, and
  keeps result and stack trace whole. The claim is written by whoever is first: a second invocation of the
  same run does nothing, and a run that was cancelled or given up before its start never starts.
- Runs that died before they could write (out of memory, time limit), and all of functions that are not ours,
  are known by Lambda's own START and REPORT lines in CloudWatch, found by the invocation's request id.
  Destinations would be the other way: they need a queue beside each function, and a change of functions that
  are not ours.

A function that is not ours and takes a minute at the most is invoked synchronously, so that its result comes
back; that call is sent once, whatever happens to its answer.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from etl_platform.config.models.base import PlatformName
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.platforms import lambda_function
from etl_platform.platforms.aws_access import AwsAccess
from etl_platform.platforms.errors import PlatformError, TransientError
from etl_platform.platforms.lambda_function import Function, function_name
from etl_platform.platforms.lambda_invoke import (
    SUBMITTED,
    VOID,
    Invocation,
    check_size,
    event_of,
    found,
    invoke_foreign,
    invoke_owned,
    is_synchronous,
)
from etl_platform.platforms.lambda_log import Attempt, InvocationLogs, LoggedError, error_in
from etl_platform.platforms.lambda_outcome import outcome_of
from etl_platform.platforms.ownership import Change
from etl_platform.platforms.protocol import (
    LogChunk,
    Polling,
    Progress,
    RunHandle,
    RunOutcome,
    RunRequest,
    RunState,
)
from etl_platform.platforms.run_folder import RunFolder, run_folder
from etl_platform.runtime.packaged_entry import CANCEL, CLAIM, OUTCOME

LOG_FRESH_SECONDS = 5.0
DEATH_FRESH_SECONDS = 30.0
"""How old an answer of CloudWatch may be: for runs that only it tells of, and for those whose outcome comes
through S3 unless they die. FilterLogEvents takes 5 to 10 calls a second in an account (its quotas page)."""

YOUNG_FRESH_SECONDS = 2.0
"""How old it may be for a run that has just started, of which only CloudWatch tells."""

REPORT_SECONDS = 20.0
"""How long the REPORT line of a run that has ended is waited for; CloudWatch shows it some seconds late."""

LOST_SECONDS = 120.0
"""How long after its time limit a run that left no trace is looked for."""


@dataclass(frozen=True)
class _Seen:
    """What is known of a run at a moment."""

    at: float
    claim: Mapping[str, Any] | None = None
    outcome: Mapping[str, Any] | None = None
    request_id: str | None = None
    attempts: tuple[Attempt, ...] = ()
    told_to_stop: bool = False

    @property
    def started(self) -> float | None:
        if self.claim:
            return self.claim.get("started")
        if self.attempts:
            return self.attempts[0].started
        return self.outcome["started"] if self.outcome else None

    @property
    def reported(self) -> bool:
        return bool(self.attempts) and self.attempts[-1].report is not None


class LambdaPlatform:
    """Runs jobs as invocations of Lambda functions."""

    name: PlatformName = "lambda"
    polling = Polling(shortest_seconds=0.5, longest_seconds=10, log_seconds=5)

    def __init__(self, access: AwsAccess, *, now: Callable[[], float] = time.time):
        """Run by the clients of `access`; `now` tells Unix seconds."""
        self._access = access
        self._now = now
        self._logs = InvocationLogs(access, now)
        # Executions whose claim was taken from them, and that may be submitted again all the same.
        self._given_up: set[str] = set()
        # What never changes once it is there, so that a poll need not ask again.
        self._functions: dict[str, Function] = {}
        self._seen: dict[str, _Seen] = {}
        self._final: dict[str, tuple[_Seen, RunState]] = {}
        self._first_seen: dict[tuple[str, str], float] = {}

    def prepare(self, request: RunRequest) -> None:
        """Bring the function up to date where it is ours, and check the limits.

        A time limit over 15 minutes is one of 15 there: whether that suffices is for the decision to say.

        Raises:
            NotRunnableError: The job is no Python script, its code or event is too large, …
        """
        job = request.job
        folder = run_folder(self._access, request.config, request.execution_id)
        function = lambda_function.ready(self._access, job, request.config)
        self._functions[function.name] = function
        event = event_of(request, folder, owned=function.owned)
        check_size(request, event, synchronous=is_synchronous(function))

    def submit(self, request: RunRequest) -> RunHandle:
        """Invoke the function."""
        function = self._function(request.job)
        folder = run_folder(self._access, request.config, request.execution_id)
        event = event_of(request, folder, owned=function.owned)
        if request.execution_id in self._given_up:
            folder.delete(CLAIM)
            self._given_up.discard(request.execution_id)
        invoke = invoke_owned if function.owned else invoke_foreign
        return invoke(self._access, function, request, folder, event, self._now).handle()

    def find(self, request: RunRequest) -> RunHandle | None:
        """The invocation of that execution id.

        One of a function of ours that has not started yet is kept from starting, and then there is none. One
        of another function cannot be kept from it: once it may have been invoked, it is taken for invoked.
        """
        function = lambda_function.describe(self._access, function_name(request.job))
        if function is None:
            return None
        folder = run_folder(self._access, request.config, request.execution_id)
        if not function.owned:
            submitted = folder.read(SUBMITTED)
            if submitted is None:
                return None
            known = {"submitted": submitted["submitted"], "request_id": submitted.get("request_id")}
            return found(function, request, folder, self._access, **known).handle()
        given_up = folder.create(CLAIM, {VOID: "It was given up before it started."})
        claim = None if given_up else folder.read(CLAIM)
        if claim is None or VOID in claim:
            self._given_up.add(request.execution_id)
            return None
        known = {"submitted": claim["started"], "request_id": claim["request_id"]}
        return found(function, request, folder, self._access, **known).handle()

    def poll(self, handle: RunHandle) -> RunState:
        """Look into the run's folder, then at what Lambda has logged.

        Raises:
            PlatformError: Whether a function that is not ours was invoked at all cannot be told any more.
        """
        run = Invocation.model_validate(handle.details)
        seen = self._seen.get(run.folder)
        if seen is None or run.owned or self._now() - seen.at >= self._fresh_seconds(run):
            seen = self._seen[run.folder] = (self._look_at_ours if run.owned else self._look_at_foreign)(run)
        state = self._state(run, seen)
        if state.final:
            self._final[run.folder] = (seen, state)
        return state

    def read_logs(self, handle: RunHandle, cursor: str | None) -> LogChunk:
        """All lines of the invocation, from its START line to its REPORT line."""
        run = Invocation.model_validate(handle.details)
        claim = self._claim(run) if run.owned else None
        if claim and VOID not in claim:
            # Its log stream stands in the claim, so the group need not be searched.
            attempts = (Attempt(claim["log_stream"], claim["started"]),)
            return self._logs.read(claim["log_group"], claim["request_id"], attempts, cursor)
        request_id = self._request_id(run, claim)
        if request_id is None:
            return LogChunk((), cursor)
        attempts = self._search(run, request_id, LOG_FRESH_SECONDS)
        return self._logs.read(run.log_group, request_id, attempts, cursor)

    def cancel(self, handle: RunHandle) -> None:
        """Have a function of ours end the run within seconds; stop following one that is not ours.

        Lambda has no call that stops an invocation. A function that is not ours runs on to its own time
        limit, which the outcome says.
        """
        run = Invocation.model_validate(handle.details)
        folder = RunFolder(self._access, run.folder)
        if run.owned and folder.create(CLAIM, {VOID: "It was cancelled before it started."}):
            return
        folder.write(CANCEL, {"at": self._now()})
        self._seen.pop(run.folder, None)

    def outcome(self, request: RunRequest, handle: RunHandle) -> RunOutcome:
        """How it ended, with the figures of its REPORT lines."""
        run = Invocation.model_validate(handle.details)
        if run.folder not in self._final and not (state := self.poll(handle)).final:
            raise TransientError(f"Run {handle.run_id} is {state.status}: {state.message}")
        seen, state = self._final[run.folder]
        error = self._error(run, seen) if state.status in ("failed", "timeout") else None
        outcome = outcome_of(self._access, request, handle, run, state, seen.outcome, seen.attempts, error)
        self._forget(run, seen)
        return outcome

    def deploy(self, job: Job, config: Config, *, dry_run: bool) -> tuple[Change, ...]:
        """Make or update the job's function."""
        return (lambda_function.deploy(self._access, job, config, dry_run=dry_run),)

    def owned(self) -> tuple[Change, ...]:
        """All functions that carry our tag."""
        return lambda_function.owned(self._access)

    def remove(self, change: Change) -> None:
        """Remove one of them."""
        lambda_function.remove(self._access, change.name)

    def _function(self, job: Job) -> Function:
        name = function_name(job)
        if name not in self._functions:
            self._functions[name] = lambda_function.existing(self._access, name)
        return self._functions[name]

    def _look_at_ours(self, run: Invocation) -> _Seen:
        claim = self._claim(run)
        if claim and VOID in claim:
            return _Seen(self._now(), claim)
        # The outcome is written after the claim.
        outcome, request_id = self._outcome(run) if claim else None, self._request_id(run, claim)
        attempts = self._attempts(run, request_id, claim, ended=outcome is not None)
        seen = _Seen(self._now(), claim, outcome, request_id, attempts)
        if seen.reported and outcome is None:
            # It may have been written since it was looked for; it is written before the report.
            return replace(seen, outcome=self._outcome(run))
        return seen

    def _look_at_foreign(self, run: Invocation) -> _Seen:
        names = RunFolder(self._access, run.folder).names()
        outcome, request_id = self._outcome(run) if OUTCOME in names else None, self._request_id(run, None)
        attempts = self._attempts(run, request_id, None, ended=outcome is not None)
        return _Seen(self._now(), None, outcome, request_id, attempts, CANCEL in names)

    def _claim(self, run: Invocation) -> Mapping[str, Any] | None:
        seen = self._seen.get(run.folder)
        return (seen and seen.claim) or RunFolder(self._access, run.folder).read(CLAIM)

    def _outcome(self, run: Invocation) -> Mapping[str, Any] | None:
        seen = self._seen.get(run.folder)
        return (seen and seen.outcome) or RunFolder(self._access, run.folder).read(OUTCOME)

    def _request_id(self, run: Invocation, claim: Mapping[str, Any] | None) -> str | None:
        """Of the invocation that has the claim, else of the one that was sent."""
        seen = self._seen.get(run.folder)
        known = (claim or {}).get("request_id") or run.request_id or (seen and seen.request_id)
        if known is None and not run.owned:
            return self._logs.request_of(run.log_group, run.execution_id, run.submitted)
        return known

    def _attempts(
        self, run: Invocation, request_id: str | None, claim: Mapping[str, Any] | None, *, ended: bool
    ) -> tuple[Attempt, ...]:
        """What Lambda has logged, by as few searches as tell in time: lines come seconds late anyway."""
        if request_id is None:
            return ()
        age, fresh = self._now() - run.submitted, self._fresh_seconds(run)
        if run.owned and not ended:
            first = fresh = DEATH_FRESH_SECONDS
        elif claim:
            attempt = Attempt(claim["log_stream"], claim["started"])
            report = self._logs.report(claim["log_group"], request_id, attempt)
            if report is not None:
                return (replace(attempt, report=report),)
            age, first = self._since(run, OUTCOME), LOG_FRESH_SECONDS
        else:
            first = YOUNG_FRESH_SECONDS
        if age < first:
            return ()
        return self._search(run, request_id, fresh)

    def _fresh_seconds(self, run: Invocation) -> float:
        """How old what CloudWatch tells of a run may be: the longer it takes, the older."""
        return min(max((self._now() - run.submitted) / 5, YOUNG_FRESH_SECONDS), LOG_FRESH_SECONDS)

    def _search(self, run: Invocation, request_id: str, fresh_seconds: float) -> tuple[Attempt, ...]:
        return self._logs.attempts(
            run.log_group, request_id, run.submitted, as_json=run.logs_json, fresh_seconds=fresh_seconds
        )

    def _state(self, run: Invocation, seen: _Seen) -> RunState:
        if seen.claim and VOID in seen.claim:
            return RunState("cancelled", message=seen.claim[VOID])
        if seen.outcome is not None:
            if not seen.reported and self._since(run, OUTCOME) < REPORT_SECONDS:
                return RunState("running", seen.started, "ended; waiting for the report in its log")
            message = (seen.outcome.get("error") or {}).get("message")
            return RunState(seen.outcome["status"], seen.started, message)
        return self._owned_state(run, seen) if run.owned else self._foreign_state(run, seen)

    def _owned_state(self, run: Invocation, seen: _Seen) -> RunState:
        """How a run without an outcome stands, of a function that would write one."""
        if seen.reported:
            return self._failed_state(run, seen)
        if seen.claim is None:
            return RunState("pending", None, "in Lambda's queue")
        if self._since(run, CLAIM) > seen.claim["deadline"] - seen.claim["started"] + LOST_SECONDS:
            return self._failed_state(run, seen)
        return RunState("running", seen.started)

    def _foreign_state(self, run: Invocation, seen: _Seen) -> RunState:
        """How a run stands of which only the log tells."""
        if seen.request_id is None:
            if seen.told_to_stop:
                return RunState("cancelled")
            if self._now() > run.submitted + run.limit_seconds + LOST_SECONDS:
                raise PlatformError(
                    f"Whether Lambda function {run.function} ran for {run.execution_id} is unknown: the "
                    f"answer of its invocation was lost, and no line of {run.log_group} has that id. "
                    "It is not invoked again by itself; look at what it writes, and re-execute the job if it "
                    "has not run."
                )
            return RunState(
                "pending", None, "the answer of the invocation was lost; looking for it in the log"
            )
        if seen.reported and self._succeeded(run, seen):
            return RunState("success", seen.started)
        if seen.reported and (len(seen.attempts) > run.repeats or seen.told_to_stop):
            return self._failed_state(run, seen)
        if seen.told_to_stop:
            return RunState("cancelled", seen.started)
        tries = Progress(len(seen.attempts), run.repeats + 1, "attempts") if len(seen.attempts) > 1 else None
        if seen.reported:
            return RunState("running", seen.started, "it failed, and Lambda repeats it by itself", tries)
        if not seen.attempts:
            return RunState("pending", None, f"no START line in log group {run.log_group} yet")
        return RunState("running", seen.started, None, tries)

    def _failed_state(self, run: Invocation, seen: _Seen) -> RunState:
        if seen.told_to_stop or (run.owned and RunFolder(self._access, run.folder).read(CANCEL)):
            return RunState("cancelled", seen.started)
        error = self._error(run, seen)
        return RunState("timeout" if error.timed_out else "failed", seen.started, error.message)

    def _succeeded(self, run: Invocation, seen: _Seen) -> bool:
        report = seen.attempts[-1].report
        if report is None or report.status not in (None, "success"):
            return False
        return error_in(self._lines(run, seen)) is None

    def _error(self, run: Invocation, seen: _Seen) -> LoggedError:
        """Why it failed: in the words of the script, else of Lambda."""
        if seen.outcome is not None and (raw := seen.outcome.get("error")):
            timed_out = seen.outcome["status"] == "timeout"
            return LoggedError(raw["type"], raw["message"], raw["stack_trace"], timed_out)
        if not seen.attempts:
            message = f"It ended without an outcome, and log group {run.log_group} has no report of it."
            return LoggedError("RunLost", message)
        logged = error_in(self._lines(run, seen))
        if logged is not None:
            return logged
        report = seen.attempts[-1].report
        status, kind = (report.status, report.error_type) if report else (None, None)
        return LoggedError(
            kind,
            f"It ended without an outcome; Lambda reports {status or 'no status'}.",
            "",
            status == "timeout",
        )

    def _lines(self, run: Invocation, seen: _Seen) -> list[str]:
        if seen.request_id is None:
            raise TransientError("The request id is not known yet.")
        return self._logs.lines(run.log_group, seen.request_id, seen.attempts)

    def _forget(self, run: Invocation, seen: _Seen) -> None:
        """Keep nothing of a run that is over: a process may drive runs for months."""
        if seen.request_id is not None:
            self._logs.forget(seen.request_id, run.submitted)
        self._seen.pop(run.folder, None)
        self._final.pop(run.folder, None)
        for name in (CLAIM, OUTCOME):
            self._first_seen.pop((run.folder, name), None)

    def _since(self, run: Invocation, name: str) -> float:
        """Seconds since something was first seen here: clocks of two machines are not compared."""
        now = self._now()
        return now - self._first_seen.setdefault((run.folder, name), now)
