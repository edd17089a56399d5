"""What went wrong in a script, told in the terms of the script and of the configuration."""

import re
import signal
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import TypedDict

from etl_platform.runtime.buckets import UnknownBucketError, known_buckets
from etl_platform.runtime.contract import Launch

# A message that quotes a query plan can be megabytes long; the log has all of it.
_MESSAGE_LENGTH = 4000


class ErrorReport(TypedDict):
    """The `error` of outcome.json; `error_class` is one of those that tracking records."""

    type: str
    message: str
    stack_trace: str
    error_class: str


class MissingInputError(FileNotFoundError):
    """Data that the job reads is not there."""


_OUT_OF_MEMORY = re.compile(
    r"java\.lang\.OutOfMemoryError|Java heap space|GC overhead limit exceeded|Cannot allocate memory"
)
_MISSING = re.compile(
    r"TABLE_OR_VIEW_NOT_FOUND|PATH_NOT_FOUND|SCHEMA_NOT_FOUND|UNABLE_TO_INFER_SCHEMA|"
    r"(Input )?[Pp]ath does not exist|NoSuchKey|NoSuchBucket"
)
_PERMISSION = re.compile(r"Permission denied|AccessDenied|Access Denied|AccessControlException")
_THROTTLED = re.compile(r"SlowDown|ThrottlingException|TooManyRequestsException|Rate exceeded")
_NO_MOUNT = re.compile(r"Empty Mount table in config|Could not initialize target File System for URI")
# How Spark names an address in a bucket that is mapped to nothing.
_ADDRESS = re.compile(r"\b(?:s3[an]?|viewfs)://([a-z0-9][a-z0-9.-]+)")


def _printable(text: str) -> str:
    """A text that any store and terminal takes: a surrogate without its pair is spelled out."""
    return text.encode("utf-8", errors="backslashreplace").decode("utf-8")


def classify(text: str, kind: type[BaseException] | None = None) -> str:
    """The error class of a failure, by its type and by what its message says."""
    if kind is not None and issubclass(kind, MemoryError):
        return "out_of_memory"
    if _OUT_OF_MEMORY.search(text):
        return "out_of_memory"
    if _MISSING.search(text) or (kind is not None and issubclass(kind, FileNotFoundError)):
        return "missing_input"
    if _PERMISSION.search(text) or (kind is not None and issubclass(kind, PermissionError)):
        return "permission"
    if _THROTTLED.search(text):
        return "throttled"
    return "code"


def _explain(message: str, launch: Launch) -> str:
    """The message, with what the configuration knows about its cause."""
    if _MISSING.search(message) or _NO_MOUNT.search(message):
        for bucket in _ADDRESS.findall(message):
            if bucket not in known_buckets(launch):
                return str(UnknownBucketError(bucket))
    if "TABLE_OR_VIEW_NOT_FOUND" not in message:
        return message
    plain = message.replace("`", "").lower()
    for table in launch.inputs:
        if not table.path.exists() and table.table.lower() in plain:
            return (
                f"Glue table {table.name} has no data here: {table.path} does not exist. Lay its files "
                f"there, or run the job that writes it first. ({message.splitlines()[0]})"
            )
    return (
        f"{message}\nThe script sees the tables that the job's `data_sources` and `target` name: "
        f"{', '.join(sorted(table.name for table in launch.tables)) or 'none'}."
    )


def _own_frames(trace: traceback.TracebackException, folders: tuple[Path, ...]) -> None:
    """Keep only the frames of the script and its modules, along the whole chain of causes."""
    seen: traceback.TracebackException | None = trace
    while seen is not None:
        own = [frame for frame in seen.stack if any(f in Path(frame.filename).parents for f in folders)]
        seen.stack = traceback.StackSummary.from_list(own)
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)


def describe(error: BaseException, launch: Launch) -> ErrorReport:
    """Describe an exception of a script.

    Args:
        error: What the script raised.
        launch: What was run; its tables and modules give the message its terms.

    Returns:
        Type, message, the stack trace cut to the frames of the script and its modules, and class.
    """
    message = _explain(str(error) or type(error).__name__, launch)
    if launch.engine == "sail" and type(error).__module__.startswith("pyspark."):
        message = f"{message.rstrip()}\n(The script ran on Sail; `--engine spark` runs it on Spark itself.)"
    if len(message) > _MESSAGE_LENGTH:
        message = f"{message[:_MESSAGE_LENGTH]}… (the rest is in stderr.log)"
    trace = traceback.TracebackException.from_exception(error)
    sources: Iterable[Path] = (*([launch.script] if launch.script else []), *launch.python_modules)
    _own_frames(trace, tuple(p if p.is_dir() else p.parent for p in (s.resolve() for s in sources)))
    return {
        "type": type(error).__name__,
        "message": _printable(message),
        "stack_trace": _printable("".join(trace.format())),
        "error_class": classify(f"{type(error).__name__} {message}", type(error)),
    }


def describe_end(exit_code: int, stderr_tail: str) -> ErrorReport:
    """Describe a process that ended badly and left no exception behind.

    Args:
        exit_code: As `subprocess` gives it: negative is the signal that ended the process.
        stderr_tail: The end of its log; it tells an exhausted heap from other ends.
    """
    error_class = "out_of_memory" if _OUT_OF_MEMORY.search(stderr_tail) else "unknown"
    if exit_code < 0:
        name = signal.Signals(-exit_code).name
        hint = (
            " The operating system does that to a process that has taken too much memory."
            if name == "SIGKILL"
            else ""
        )
        return _bare("ProcessKilled", f"The script's process was ended by {name}.{hint}", error_class)
    if error_class == "unknown":
        error_class = "code"
    return _bare("SystemExit", f"The script ended with exit status {exit_code}.", error_class)


def describe_no_result(launch: Launch) -> ErrorReport:
    """Describe a handler or query whose process ended with status 0 before it was done."""
    what = "query was answered" if launch.script_type == "sql" else "handler returned"
    return _bare(
        "SystemExit",
        f"The process ended with exit status 0 before the {what}, as `os._exit(0)` or `sys.exit(0)` in it "
        "does. Let it return instead.",
        "code",
    )


def describe_setup(error: Exception) -> ErrorReport:
    """Describe why the script was not started at all."""
    return _bare(type(error).__name__, str(error), classify(str(error), type(error)))


def describe_timeout(seconds: float) -> ErrorReport:
    """Describe a run that took longer than it may."""
    return _bare(
        "TimeoutError",
        f"The script was stopped after {seconds:g} s, the limit of `execution.timeout_minutes`.",
        "timeout",
    )


def describe_stop(signal_name: str) -> ErrorReport:
    """Describe a run that was stopped from outside."""
    return _bare("Stopped", f"The run was stopped by {signal_name}.", "unknown")


def _bare(kind: str, message: str, error_class: str) -> ErrorReport:
    return {"type": kind, "message": _printable(message), "stack_trace": "", "error_class": error_class}
