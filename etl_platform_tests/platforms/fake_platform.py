"""A remote service in memory: its runs live on when the driver that started them is gone."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count

from etl_platform.config.models.base import PlatformName
from etl_platform.platforms.errors import RunNotFoundError
from etl_platform.platforms.patience import Clock
from etl_platform.platforms.protocol import (
    LogChunk,
    LogLine,
    Polling,
    Progress,
    RunHandle,
    RunOutcome,
    RunRequest,
    RunState,
    RunStatus,
)


class FakeTime:
    """A clock that only waiting moves; `at` runs something once a moment has come."""

    def __init__(self) -> None:
        self.now = time.time()
        self.start = self.now
        self.waits: list[float] = []
        self._events: list[tuple[float, Callable[[], None]]] = []

    def at(self, seconds: float, event: Callable[[], None]) -> None:
        self._events.append((self.start + seconds, event))

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        until = self.now + seconds
        while due := [event for event in self._events if event[0] <= until]:
            first = min(due, key=lambda event: event[0])
            self._events.remove(first)
            self.now = max(self.now, first[0])
            first[1]()
        self.now = until

    @property
    def elapsed(self) -> float:
        return self.now - self.start

    @property
    def clock(self) -> Clock:
        return Clock(now=lambda: self.now, wait=self.wait, chance=lambda: 0.5)


@dataclass
class FakeRun:
    """A run that ends by itself `seconds` after its start, unless it is stopped."""

    request: RunRequest
    started: float | None
    seconds: float
    ends_as: RunStatus
    lines: list[LogLine] = field(default_factory=list)
    stopped: bool = False

    def status(self, now: float) -> RunStatus:
        if self.stopped:
            return "cancelled"
        if self.started is None or now < self.started:
            return "pending"
        return "running" if now < self.started + self.seconds else self.ends_as


class FakePlatform:
    """Runs that take time on a `FakeTime`; `faults` are raised one a call, by the name of the method."""

    name: PlatformName = "glue"
    polling = Polling(shortest_seconds=1, longest_seconds=10)

    def __init__(self, time: FakeTime, *, seconds: float = 30, ends_as: RunStatus = "success"):
        self.time = time
        self.seconds = seconds
        self.ends_as: RunStatus = ends_as
        self.starts_after: float | None = 0
        self.stops_when_told = True
        self.lines_a_chunk = 3
        self.progress: Progress | None = None
        self.runs: dict[str, FakeRun] = {}
        self.calls: list[str] = []
        self.faults: dict[str, Iterator[Exception | None]] = {}
        self.after_submit: Callable[[], None] = lambda: None

    def _call(self, name: str) -> None:
        self.calls.append(name)
        fault = next(self.faults.get(name, iter(())), None)
        if fault is not None:
            raise fault

    def _run(self, handle: RunHandle) -> FakeRun:
        if handle.run_id not in self.runs:
            raise RunNotFoundError(f"no run {handle.run_id}")
        return self.runs[handle.run_id]

    def _handle(self, run_id: str) -> RunHandle:
        return RunHandle(platform="glue", run_id=run_id)

    def prepare(self, request: RunRequest) -> None:
        self._call("prepare")

    def submit(self, request: RunRequest) -> RunHandle:
        self.calls.append("submit")
        fault = next(self.faults.get("submit", iter(())), None)
        if fault is not None and "lost answer" not in str(fault):
            raise fault
        run_id = f"run-{len(self.runs) + 1}"
        started = None if self.starts_after is None else self.time.now + self.starts_after
        self.runs[run_id] = FakeRun(request, started, self.seconds, self.ends_as)
        if fault is not None:
            raise fault
        self.after_submit()
        return self._handle(run_id)

    def find(self, request: RunRequest) -> RunHandle | None:
        self._call("find")
        for run_id, run in self.runs.items():
            if run.request.execution_id == request.execution_id:
                return self._handle(run_id)
        return None

    def poll(self, handle: RunHandle) -> RunState:
        self._call("poll")
        run = self._run(handle)
        status = run.status(self.time.now)
        started = None if status == "pending" else run.started
        return RunState(status, started, progress=self.progress)

    def read_logs(self, handle: RunHandle, cursor: str | None) -> LogChunk:
        self._call("read_logs")
        start = int(cursor or 0)
        lines = tuple(self._run(handle).lines[start : start + self.lines_a_chunk])
        return LogChunk(lines, str(start + len(lines)) if lines else cursor)

    def cancel(self, handle: RunHandle) -> None:
        self._call("cancel")
        run = self._run(handle)
        if self.stops_when_told and run.status(self.time.now) in ("pending", "running"):
            run.stopped = True

    def outcome(self, request: RunRequest, handle: RunHandle) -> RunOutcome:
        self._call("outcome")
        run = self._run(handle)
        status = run.status(self.time.now)
        assert status not in ("pending", "running"), "asked for the outcome of a run that goes on"
        ended = self.time.now if run.started is None else run.started + run.seconds
        return RunOutcome(request.execution_id, handle, status, started=run.started, ended=ended)

    def print_every(self, seconds: float, run_id: str = "run-1") -> list[str]:
        """Let the run print a numbered line every so many seconds; returns the lines, as they grow."""
        printed: list[str] = []
        numbers = count()

        def say() -> None:
            run = self.runs.get(run_id)
            if run and run.status(self.time.now) == "running":
                printed.append(f"line {next(numbers)}")
                run.lines.append(LogLine("stdout", printed[-1]))
                self.time.at(self.time.elapsed + seconds, say)

        self.time.at(seconds, say)
        return printed


def retry_of(request: RunRequest, execution_id: str = "exec-2") -> RunRequest:
    """The next attempt of the same group."""
    return replace(request, execution_id=execution_id, attempt=request.attempt + 1)
