"""What Lambda's own lines in CloudWatch tell of an invocation: its attempts, their report, its error."""

import json
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from etl_platform.platforms.aws_access import AwsAccess, calling
from etl_platform.platforms.protocol import LogChunk, LogLine
from etl_platform.platforms.shared_describe import SharedDescribe

IDS_A_CALL = 15
"""Request ids in one filter pattern, which has at most 1,024 characters (FilterLogEvents)."""

EVENTS_A_CALL = 1_000
"""Of the 10,000 that GetLogEvents gives at most: a bounded piece for one poll."""

NEWEST_EVENTS = 100
"""Among which the report of an invocation is looked for, which has just ended."""

_CLOCKS_DIFFER_MS = 300_000
"""How far this machine's clock may be ahead of the one that stamps the log."""

_START_BEFORE_MS = 60_000
"""How long before its claim an invocation may have started: it initialises in up to 10 s."""

_MARK = re.compile(r"(START|REPORT) RequestId: (\S+)")
_FIGURES = {
    "duration_ms": r"\tDuration: ([\d.]+) ms",
    "billed_duration_ms": r"\tBilled Duration: ([\d.]+) ms",
    "memory_mb": r"\tMemory Size: (\d+) MB",
    "max_memory_used_mb": r"\tMax Memory Used: (\d+) MB",
    "init_duration_ms": r"\tInit Duration: ([\d.]+) ms",
}
_JSON_FIGURES = {
    "durationMs": "duration_ms",
    "billedDurationMs": "billed_duration_ms",
    "memorySizeMB": "memory_mb",
    "maxMemoryUsedMB": "max_memory_used_mb",
    "initDurationMs": "init_duration_ms",
}
_STATUS = re.compile(r"\tStatus: (\w+)(?:\tError Type: (\S+))?")
_TIMED_OUT = re.compile(r"^(?:\S+Z|RequestId:) \S+ (?:Error: )?(Task timed out after [\d.]+ seconds)")
_EXIT = re.compile(r"^RequestId: \S+ Error: (.+)")
# Python's runtime puts a space after [ERROR], the lines of `logging` have a tab there.
_PYTHON_ERROR = re.compile(r"^\[ERROR\] ([\w.]+)(?:: (.*))?$")
_NODE_ERROR = re.compile(
    r"\tERROR\t(?:Invoke Error|Uncaught Exception|Unhandled Promise Rejection)\s*\t(\{.*\})"
)


@dataclass(frozen=True)
class Report:
    """The REPORT line of one attempt.

    Attributes:
        ended: Unix seconds.
        figures: `duration_ms`, `billed_duration_ms`, `memory_mb`, `max_memory_used_mb`, `init_duration_ms`.
        status: `success`, `error`, `timeout`, `failure`; None where the line does not tell.
        error_type: Such as `Runtime.ExitError`.
    """

    ended: float
    figures: Mapping[str, float]
    status: str | None = None
    error_type: str | None = None


@dataclass(frozen=True)
class Attempt:
    """One time that Lambda ran the function for a request; it repeats failed asynchronous ones.

    Attributes:
        stream: Log stream.
        started: Unix seconds.
        report: None while it runs.
    """

    stream: str
    started: float
    report: Report | None = None


@dataclass(frozen=True)
class LoggedError:
    """Why an invocation failed.

    Attributes:
        type: Such as `ValueError`; None where nothing names it.
        message: In the runtime's words.
        stack_trace: Empty where there is none.
        timed_out: Whether the function's own time limit ended it.
    """

    type: str | None
    message: str
    stack_trace: str = ""
    timed_out: bool = False


class InvocationLogs:
    """Finds invocations by their request id; one call serves many of the same log group."""

    def __init__(self, access: AwsAccess, now: Callable[[], float]):
        self._access = access
        self._now = now
        self._lock = threading.Lock()
        self._shared: dict[tuple[str, bool], SharedDescribe[tuple[Attempt, ...]]] = {}

    def attempts(
        self, group: str, request_id: str, since: float, *, as_json: bool, fresh_seconds: float
    ) -> tuple[Attempt, ...]:
        """What Lambda has logged of a request so far.

        Args:
            group: Log group.
            request_id: Of the invocation.
            since: When it was invoked, Unix seconds.
            as_json: Whether the function logs JSON.
            fresh_seconds: How old an answer may be.
        """
        with self._lock:
            shared = self._shared.setdefault(
                (group, as_json),
                SharedDescribe(
                    lambda ids: self._find(group, ids, as_json),
                    at_most=IDS_A_CALL,
                    fresh_seconds=0.0,
                    now=self._now,
                ),
            )
        return shared.get(_key(request_id, since), fresh_seconds=fresh_seconds) or ()

    def forget(self, request_id: str, since: float) -> None:
        """Leave an invocation that is over out of further calls."""
        with self._lock:
            known = list(self._shared.values())
        for shared in known:
            shared.forget(_key(request_id, since))

    def request_of(self, group: str, text: str, since: float) -> str | None:
        """The request id of the invocation that has logged a text, such as its execution id."""
        for event in self._events(group, f'"{text}"', since):
            before = self._events(group, '"RequestId"', since, logStreamNames=[event["logStreamName"]])
            marks = [(found["timestamp"], _mark(found["message"])) for found in before]
            ids = [
                mark[1] for when, mark in marks if mark and mark[0] == "START" and when <= event["timestamp"]
            ]
            if ids:
                return ids[-1]
        return None

    def report(self, group: str, request_id: str, attempt: Attempt) -> Report | None:
        """The REPORT line of an attempt, where it is among the newest of its stream; one call."""
        events, _ = self._page(group, attempt, None, startFromHead=False, limit=NEWEST_EVENTS)
        reports = (event for event in events if _mark(event["message"]) == ("REPORT", request_id))
        return next((report_of(event["message"], event["timestamp"] / 1000) for event in reports), None)

    def read(self, group: str, request_id: str, attempts: Sequence[Attempt], cursor: str | None) -> LogChunk:
        """The next lines of an invocation, from its START line to its REPORT line, attempt by attempt.

        A stream has one invocation after the other, so all that stands between the two is of this one.
        """
        at = json.loads(cursor) if cursor else {"attempt": 0, "token": None, "inside": False}
        if at["attempt"] >= len(attempts):
            return LogChunk((), cursor)
        attempt = attempts[at["attempt"]]
        events, token = self._page(group, attempt, at["token"])
        lines: list[LogLine] = []
        inside = at["inside"]
        for event in events:
            mark = _mark(event["message"])
            inside = inside or mark == ("START", request_id)
            if inside:
                lines += [LogLine("stdout", text) for text in _texts(event["message"])]
            if inside and mark == ("REPORT", request_id):
                after = {"attempt": at["attempt"] + 1, "token": None, "inside": False}
                return LogChunk(tuple(lines), json.dumps(after))
        after = {**at, "token": token, "inside": inside}
        return LogChunk(tuple(lines), cursor if after == at else json.dumps(after))

    def lines(self, group: str, request_id: str, attempts: Sequence[Attempt]) -> list[str]:
        """All lines of the last attempt so far."""
        found: list[str] = []
        cursor = None
        while True:
            chunk = self.read(group, request_id, attempts[-1:], cursor)
            found += [line.text for line in chunk.lines]
            if chunk.cursor == cursor:
                return found
            cursor = chunk.cursor

    def _find(self, group: str, ids: Sequence[str], as_json: bool) -> dict[str, tuple[Attempt, ...]]:
        names = {request_id: (key, int(since)) for key in ids for since, request_id in [key.split("/", 1)]}
        if as_json:
            pattern = " || ".join(f'($.record.requestId = "{request_id}")' for request_id in names)
            pattern = f"{{ {pattern} }}"
        else:
            pattern = " ".join(f'?"RequestId: {request_id}"' for request_id in names)
        found: dict[str, list[Attempt]] = defaultdict(list)
        for event in self._events(group, pattern, min(since for _, since in names.values()) / 1000):
            mark = _mark(event["message"])
            if mark is None or mark[1] not in names:
                continue
            attempts = found[mark[1]]
            stream, when = event["logStreamName"], event["timestamp"] / 1000
            if mark[0] == "START":
                attempts.append(Attempt(stream, when))
                continue
            report = report_of(event["message"], when)
            open_ones = [n for n, one in enumerate(attempts) if one.stream == stream and one.report is None]
            if open_ones:
                attempts[open_ones[-1]] = replace(attempts[open_ones[-1]], report=report)
            else:
                attempts.append(Attempt(stream, when - report.figures.get("duration_ms", 0.0) / 1000, report))
        return {names[request_id][0]: tuple(attempts) for request_id, attempts in found.items()}

    def _events(self, group: str, pattern: str, since: float, **more: Any) -> list[dict[str, Any]]:
        """Events that match, in order of time; none where there is no such group yet."""
        from botocore.exceptions import ClientError

        client = self._access.client("logs")
        with calling("logs"):
            try:
                pages = client.get_paginator("filter_log_events").paginate(
                    logGroupName=group,
                    filterPattern=pattern,
                    startTime=max(0, int(since * 1000) - _CLOCKS_DIFFER_MS),
                    **more,
                )
                events = [event for page in pages for event in page["events"]]
            except ClientError as error:
                if error.response["Error"]["Code"] == "ResourceNotFoundException":
                    return []
                raise
        return sorted(events, key=lambda event: event["timestamp"])

    def _page(
        self, group: str, attempt: Attempt, token: str | None, **how: Any
    ) -> tuple[list[dict[str, Any]], str | None]:
        from botocore.exceptions import ClientError

        client = self._access.client("logs")
        with calling("logs"):
            try:
                answer = client.get_log_events(
                    logGroupName=group,
                    logStreamName=attempt.stream,
                    startTime=max(0, int(attempt.started * 1000) - _START_BEFORE_MS),
                    **{"startFromHead": True, "limit": EVENTS_A_CALL, **how},
                    **({"nextToken": token} if token else {}),
                )
            except ClientError as error:
                if error.response["Error"]["Code"] == "ResourceNotFoundException":
                    return [], token
                raise
        return answer["events"], answer["nextForwardToken"]


def _key(request_id: str, since: float) -> str:
    """Names an invocation, and from when on its lines are looked for."""
    return f"{int(since * 1000)}/{request_id}"


def report_of(message: str, when: float) -> Report:
    """What a REPORT line says, in either format."""
    parsed = _json(message)
    if parsed is not None:
        record = parsed["record"]
        metrics = record.get("metrics", {})
        figures = {name: float(metrics[key]) for key, name in _JSON_FIGURES.items() if key in metrics}
        return Report(when, figures, record.get("status"), record.get("errorType"))
    found = {name: re.search(pattern, message) for name, pattern in _FIGURES.items()}
    status = _STATUS.search(message)
    return Report(
        when,
        {name: float(match[1]) for name, match in found.items() if match},
        status[1] if status else None,
        status[2] if status else None,
    )


def error_in(lines: Iterable[str]) -> LoggedError | None:
    """The error that ended an invocation, as Lambda and the runtimes of Python and Node.js log it."""
    listed = list(lines)
    for number, line in enumerate(listed):
        if found := _TIMED_OUT.search(line):
            return LoggedError("Sandbox.Timedout", found[1], timed_out=True)
        if found := _EXIT.match(line):
            following = listed[number + 1] if number + 1 < len(listed) else ""
            return LoggedError(following if following.startswith("Runtime.") else None, found[1])
        if found := _PYTHON_ERROR.match(line):
            return LoggedError(found[1], found[2] or "", "\n".join(_trace(listed[number + 1 :])))
        if found := _NODE_ERROR.search(line):
            return described_error(_json(found[1]) or {})
        parsed = _json(line)
        if parsed and parsed.get("errorType") and "stackTrace" in parsed:
            return described_error(parsed)
    return None


def described_error(raw: Mapping[str, Any]) -> LoggedError:
    """An error as JSON, in a log or in the answer of an invocation."""
    trace = raw.get("stackTrace") or raw.get("stack") or ()
    message = str(raw.get("errorMessage") or "")
    text = trace if isinstance(trace, str) else "\n".join(str(line).rstrip("\n") for line in trace)
    return LoggedError(raw.get("errorType"), message, text, bool(_TIMED_OUT.search(message)))


def _trace(lines: Sequence[str]) -> list[str]:
    end = next(
        (n for n, line in enumerate(lines) if line.startswith(("END RequestId", "REPORT RequestId"))), None
    )
    return list(lines[:end])


def _mark(message: str) -> tuple[str, str] | None:
    """Whether a line starts or ends an invocation, and which."""
    if found := _MARK.match(message):
        return found[1], found[2]
    parsed = _json(message)
    if parsed is None:
        return None
    kind = {"platform.start": "START", "platform.report": "REPORT"}.get(parsed.get("type", ""))
    return (kind, parsed["record"]["requestId"]) if kind else None


def _json(message: str) -> dict[str, Any] | None:
    if not message.startswith("{"):
        return None
    try:
        parsed = json.loads(message)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _texts(message: str) -> list[str]:
    # Python's runtime writes the lines of one message with carriage returns between them.
    return re.split(r"\r\n|\r|\n", message.rstrip("\r\n"))
