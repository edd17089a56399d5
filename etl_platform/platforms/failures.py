"""Which kind of failure a run died of, and whether doing the same again can help."""

import re
from typing import NamedTuple

from etl_platform.tracking.records import ErrorClass

RETRY_CAN_HELP: dict[ErrorClass, bool] = {
    # The same data needs the same memory again.
    "out_of_memory": False,
    "throttled": True,
    # A stuck connection or a slow host is as likely as too much work.
    "timeout": True,
    "permission": False,
    "missing_input": False,
    "code": False,
    "capacity": True,
    "unknown": True,
}


class Failure(NamedTuple):
    """What `classify` found.

    Attributes:
        error_class: Kind of failure.
        retry_can_help: Whether another attempt, unchanged, may succeed.
    """

    error_class: ErrorClass
    retry_can_help: bool


_KILLED = frozenset((-9, 137))
"""Exit codes of a process that SIGKILL ended: from `subprocess`, and from a container (128 + 9)."""

# The first pattern that matches decides, so the more telling ones stand first: a Spark job that ran out of
# memory also times out, and a refused call to S3 also is a file that cannot be read.
_PATTERNS: dict[ErrorClass, tuple[str, ...]] = {
    "out_of_memory": (
        r"OutOfMemory",
        r"\bMemoryError\b",
        r"Java heap space",
        r"GC overhead limit exceeded",
        r"exceeding (physical )?memory limits",
        r"Cannot allocate memory",
        r"Out of Memory Error",
        r"signal: killed",
        r"exit (code|status):? (is )?137\b",
    ),
    "throttled": (
        r"Throttl(ed|ing)",
        r"TooManyRequests",
        r"Rate exceeded",
        r"\bSlow ?Down\b",
        r"ProvisionedThroughputExceeded",
        r"RequestLimitExceeded",
        r"\b429\b.{0,20}Too Many",
    ),
    "capacity": (
        r"ConcurrentRunsExceeded",
        r"ResourceNumberLimitExceeded",
        r"InsufficientInstanceCapacity",
        r"Insufficient capacity",
        r"ServiceQuotaExceeded",
        r"LimitExceededException",
        r"Resource unavailable",
        r"spot (instance )?interruption",
        r"Host EC2 .{0,80}terminated",
        r"No space left on device",
    ),
    "permission": (
        r"AccessDenied",
        r"Access Denied",
        r"UnauthorizedOperation",
        r"is not authorized to",
        r"\bPermissionError\b",
        r"Permission denied",
        r"was denied: grant",
        r"Status Code: 403",
        r"\b403\b.{0,5}Forbidden",
        r"ExpiredToken",
        r"InvalidClientTokenId",
        r"UnrecognizedClient",
        r"NoCredentials",
        r"Unable to locate credentials",
    ),
    "missing_input": (
        r"\bFileNotFoundError\b",
        r"FileNotFoundException",
        r"No such file or directory",
        r"NoSuchKey",
        r"NoSuchBucket",
        r"EntityNotFound",
        r"ResourceNotFound",
        r"Path does not exist",
        r"PATH_NOT_FOUND",
        r"TABLE_OR_VIEW_NOT_FOUND",
        r"Table or view not found",
        r"table not found",
    ),
    "timeout": (
        r"\bTimeout(Error|Exception|Expired)?\b",
        r"timed out",
        r"(Read|Connect|Socket)Timeout",
    ),
    # Network and service faults: their cause is not known here, and they pass.
    "unknown": (
        r"Connection(Reset|Aborted|Refused)?Error",
        r"Connection (reset|refused|aborted|closed)",
        r"BrokenPipe|Broken pipe",
        r"UnknownHost|name resolution",
        r"ServiceUnavailable|InternalServerError|InternalFailure",
    ),
}
_COMPILED: dict[ErrorClass, re.Pattern[str]] = {
    kind: re.compile("|".join(parts), re.IGNORECASE) for kind, parts in _PATTERNS.items()
}

_CODE_TYPES = re.compile(
    r"(?:^|\.)(?:ArithmeticError|AssertionError|AttributeError|ImportError|IndentationError|IndexError"
    r"|KeyError|LookupError|ModuleNotFoundError|NameError|NotImplementedError|OverflowError|RecursionError"
    r"|SyntaxError|TabError|TypeError|UnboundLocalError|UnicodeDecodeError|UnicodeEncodeError|ValueError"
    r"|ZeroDivisionError|ArithmeticException|DateTimeException|NumberFormatException|ParseException"
    r"|PySpark(?:Type|Value|Attribute|Assertion|Index|Key|NotImplemented|Import)Error)$"
)
"""Types that say by themselves that the script, or a value in its data, is at fault."""

_ENDED_BY_SCRIPT = re.compile(r"(?:^|\.)(?:AnalysisException|SystemExit)$")
"""Types whose message may name another cause, such as a missing table; else the script is at fault."""


def classify(
    message: str | None = None,
    *,
    error_type: str | None = None,
    exit_code: int | None = None,
    otherwise: ErrorClass = "unknown",
) -> Failure:
    """Tell the kind of a failure from what is known of it.

    Args:
        message: What the platform or the exception said.
        error_type: Name of the exception, with or without its module.
        exit_code: As `subprocess` gives it (negative: a signal) or as a container does (128 + signal).
        otherwise: What a failure is of which none of these tells more.
    """
    if error_type and _CODE_TYPES.search(error_type):
        return Failure("code", RETRY_CAN_HELP["code"])
    text = f"{error_type or ''}: {message or ''}"
    for error_class, pattern in _COMPILED.items():
        if pattern.search(text):
            return Failure(error_class, RETRY_CAN_HELP[error_class])
    if exit_code in _KILLED:
        # Mostly the system's out-of-memory killer, to which all that runs on the host counts: retry.
        return Failure("out_of_memory", True)
    if error_type and _ENDED_BY_SCRIPT.search(error_type):
        return Failure("code", RETRY_CAN_HELP["code"])
    return Failure(otherwise, RETRY_CAN_HELP[otherwise])
