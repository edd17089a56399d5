"""Why a Spark script failed, from what its driver printed."""

import re
from typing import NamedTuple

from etl_platform.platforms.failures import classify
from etl_platform.tracking.records import ErrorClass, ErrorDetails

_MESSAGE_LENGTH = 4000
"""A message that quotes a query plan can be megabytes long; the log has all of it."""

_TRACEBACK = re.compile(r"^Traceback \(most recent call last\):\n((?:[ \t].*\n|\n)*)(?=\S)", re.MULTILINE)
_LOG_LINE = re.compile(r"^(\d{2}/\d{2}/\d{2}|\d{4}-\d{2}-\d{2})[ T]\d{2}:\d{2}:\d{2}", re.MULTILINE)
_PYTHON = re.compile(r"([A-Za-z_][\w.]*)(?:: (.*))?\Z", re.DOTALL)
_JAVA = re.compile(
    r"^(?:Exception in thread \"[^\"]*\" |Caused by: )((?:\w+\.)+\w*(?:Exception|Error)\w*)(?:: (.*))?$",
    re.MULTILINE,
)


class LogError(NamedTuple):
    """What the log says of the failure.

    Attributes:
        error_type: Name of the exception, without its module.
        message: Its message.
        stack_trace: From the script; empty for an exception of the JVM.
    """

    error_type: str
    message: str
    stack_trace: str


def error_in_log(log: str) -> LogError | None:
    """The exception that ended the script: Python's last traceback, else the JVM's last cause."""
    tracebacks = list(_TRACEBACK.finditer(log))
    if tracebacks:
        last = tracebacks[-1]
        rest = log[last.end() :]
        cut = _LOG_LINE.search(rest)
        said = _PYTHON.match((rest[: cut.start()] if cut else rest).strip())
        if said:
            name, message = said[1].rpartition(".")[2], (said[2] or said[1]).strip()
            return LogError(name, message[:_MESSAGE_LENGTH], f"{last[0]}{said[0]}"[-_MESSAGE_LENGTH:])
    causes = list(_JAVA.finditer(log))
    if causes:
        name, message = causes[-1][1].rpartition(".")[2], causes[-1][2] or causes[-1][1]
        return LogError(name, message[:_MESSAGE_LENGTH], "")
    return None


def failure_details(
    log: str | None, *said: str | None, otherwise: ErrorClass = "unknown"
) -> tuple[ErrorDetails, bool]:
    """The error of a failed run, and whether another attempt may succeed.

    Args:
        log: End of what the driver printed; None: not to be had.
        said: What the service says, the most telling first.
        otherwise: Class of a failure of which nothing tells more.
    """
    found = error_in_log(log) if log else None
    service = " ".join(dict.fromkeys(part.strip() for part in said if part and part.strip()))
    message = found.message if found else service or _last_lines(log) or "The service gives no reason."
    # A heap that ran out, or a lost host, shows in the log around the exception.
    around = log if found is None else f"{found.message} {service}"
    failure = classify(
        f"{message} {around or ''}", error_type=found.error_type if found else None, otherwise=otherwise
    )
    if found and failure.error_class in ("unknown", "code"):
        # When the JVM dies, what Python sees is a closed connection.
        memory = classify(log)
        failure = memory if memory.error_class == "out_of_memory" else failure
    details = ErrorDetails(
        error_occurred=True,
        error_type=found.error_type if found else None,
        error_message=message,
        error_class=failure.error_class,
        error_stack_trace=(found.stack_trace or None) if found else None,
    )
    return details, failure.retry_can_help


def time_limit_error(seconds: float) -> ErrorDetails:
    """The error of a run that the service ended because its time was up."""
    message = f"It ran longer than its time limit of {seconds:g} s and was stopped."
    return ErrorDetails(
        error_occurred=True, error_type="Timeout", error_message=message, error_class="timeout"
    )


def _last_lines(log: str | None) -> str:
    return "\n".join((log or "").strip().splitlines()[-5:])
