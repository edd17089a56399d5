"""Lines as Lambda and its runtimes write them."""

import pytest

from etl_platform.platforms.lambda_log import error_in, report_of

ID = "8f507cfc-0000-4697-b07a-ac58fc914c95"


def test_report_line_gives_its_figures() -> None:
    line = (
        f"REPORT RequestId: {ID}\tDuration: 15.74 ms\tBilled Duration: 147 ms\tMemory Size: 128 MB\t"
        "Max Memory Used: 56 MB\tInit Duration: 130.49 ms\tStatus: error\tError Type: Runtime.ExitError\n"
    )
    report = report_of(line, 5.0)
    assert report.figures == {
        "duration_ms": 15.74,
        "billed_duration_ms": 147,
        "memory_mb": 128,
        "max_memory_used_mb": 56,
        "init_duration_ms": 130.49,
    }
    assert (report.ended, report.status, report.error_type) == (5.0, "error", "Runtime.ExitError")


@pytest.mark.parametrize(
    ("lines", "kind", "message"),
    [
        (["[ERROR] ValueError: no region", "Traceback (most recent call last):"], "ValueError", "no region"),
        (["[ERROR] KeyboardInterrupt"], "KeyboardInterrupt", ""),
        (
            [f"2026-01-01T00:00:00.000Z\t{ID}\tERROR\tInvoke Error \t"
             '{"errorType":"TypeError","errorMessage":"x is undefined","stack":["TypeError: x"]}'],
            "TypeError",
            "x is undefined",
        ),
        (
            ['{"level":"ERROR","errorType":"KeyError","errorMessage":"\'a\'","stackTrace":["line 1"]}'],
            "KeyError",
            "'a'",
        ),
        (
            [f"RequestId: {ID} Error: Runtime exited with error: signal: killed", "Runtime.ExitError"],
            "Runtime.ExitError",
            "Runtime exited with error: signal: killed",
        ),
        (
            [f"2026-01-01T00:00:03.000Z {ID} Task timed out after 3.01 seconds"],
            "Sandbox.Timedout",
            "Task timed out after 3.01 seconds",
        ),
    ],
)  # fmt: skip
def test_error_of_a_runtime_is_known(lines: list[str], kind: str, message: str) -> None:
    error = error_in(["START RequestId: x", *lines, "END RequestId: x"])
    assert error and (error.type, error.message) == (kind, message)


@pytest.mark.parametrize(
    "line",
    [
        f"[ERROR]\t2026-01-01T00:00:00.000Z\t{ID}\tValueError: a line of `logging`",
        "the call said: Task timed out after 3 seconds, trying again",
        '{"level":"ERROR","message":"told by the script","errorType":"told"}',
        "ERROR Invoke Error",
    ],
)
def test_what_a_script_itself_says_is_no_end(line: str) -> None:
    assert error_in([line]) is None
