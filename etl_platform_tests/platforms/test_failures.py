import pytest

from etl_platform.platforms.failures import RETRY_CAN_HELP, classify


@pytest.mark.parametrize(
    ("message", "error_type", "expected"),
    [
        ("java.lang.OutOfMemoryError: Java heap space", "Py4JJavaError", "out_of_memory"),
        ("Container killed by YARN for exceeding physical memory limits.", None, "out_of_memory"),
        ("OutOfMemoryError: Container killed due to memory usage", None, "out_of_memory"),
        ("RequestId: 1 Error: Runtime exited with error: signal: killed", None, "out_of_memory"),
        ("Unable to allocate 8 GiB", "MemoryError", "out_of_memory"),
        ("An error occurred (ThrottlingException): Rate exceeded", "ClientError", "throttled"),
        ("Please reduce your request rate (Service: S3; 503 Slow Down)", "Py4JJavaError", "throttled"),
        ("ConcurrentRunsExceededException: Concurrent runs exceeded for job", None, "capacity"),
        ("Host EC2 (instance i-0abc) terminated.", None, "capacity"),
        ("[Errno 28] No space left on device", "OSError", "capacity"),
        ("User: arn:aws:iam::1:role/r is not authorized to perform: s3:GetObject", None, "permission"),
        ("[Errno 13] Permission denied: '/data'", "PermissionError", "permission"),
        ("[PATH_NOT_FOUND] Path does not exist: s3://b/k.", "AnalysisException", "missing_input"),
        ("[Errno 2] No such file or directory: 'x'", "FileNotFoundError", "missing_input"),
        ("An error occurred (NoSuchKey) when calling GetObject", "ClientError", "missing_input"),
        ("2025-01-01T00:00:00Z Task timed out after 900.10 seconds", None, "timeout"),
        ("[UNRESOLVED_COLUMN] A column with name `x` cannot be resolved.", "AnalysisException", "code"),
        ("'timeout'", "KeyError", "code"),
        ("No module named 'throttling'", "builtins.ModuleNotFoundError", "code"),
        ("3", "SystemExit", "code"),
        ("[Errno 104] Connection reset by peer", "ConnectionResetError", "unknown"),
        ("", None, "unknown"),
    ],
)
def test_failure_is_classified_by_what_is_said_of_it(message: str, error_type: str | None, expected: str):
    assert classify(message, error_type=error_type).error_class == expected


@pytest.mark.parametrize("exit_code", [-9, 137])
def test_kill_by_the_system_hints_at_memory_and_may_be_retried(exit_code: int):
    assert classify(exit_code=exit_code) == ("out_of_memory", True)


def test_network_fault_is_retried_though_the_script_raised_it():
    assert classify("Connection refused", error_type="OSError", otherwise="code").retry_can_help


def test_what_nothing_tells_more_of_stays_what_it_was_taken_for():
    assert classify("total does not add up", error_type="AuditFailed", otherwise="code") == ("code", False)


@pytest.mark.parametrize("error_class", ["code", "permission", "missing_input", "out_of_memory"])
def test_the_same_again_does_not_help_where_a_person_must_change_something(error_class: str):
    assert not {str(key): value for key, value in RETRY_CAN_HELP.items()}[error_class]
