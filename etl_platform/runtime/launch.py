"""`python -m etl_platform.runtime.launch RUN_DIR`: run what RUN_DIR/launch.json says, and write outcome.json.

The script runs in a child of this process, which only waits: so the outcome is written whatever the script
does (raise, call `os._exit`, be killed, lose its JVM), and the time limit holds without anybody's help.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

import psutil

from etl_platform.runtime import errors
from etl_platform.runtime.buckets import known_buckets
from etl_platform.runtime.contract import (
    EVENT_LOG_FOLDER,
    OUTCOME_FILE,
    STDERR_FILE,
    STDOUT_FILE,
    Json,
    Launch,
    LaunchError,
    Status,
    read_launch,
    write_json,
)
from etl_platform.runtime.java import NoJavaError
from etl_platform.runtime.json_endpoint import JsonEndpoint
from etl_platform.runtime.measure import measure
from etl_platform.runtime.process_environment import process_environment
from etl_platform.runtime.python_job import handler_name
from etl_platform.runtime.s3_endpoint import S3Endpoint
from etl_platform.runtime.s3_storage import LocalS3
from etl_platform.runtime.secret_values import mask_files, masked, masking, refers_to_secrets
from etl_platform.runtime.worker import ERROR_FILE, RESULT_FILE

# How long a script may take to end after SIGTERM before it is killed.
_GRACE_SECONDS = 5.0
_TAIL_BYTES = 64 * 1024


class _Stopped(Exception):
    """A signal asked this process to end."""

    def __init__(self, name: str):
        self.signal_name = name
        super().__init__(name)


def _on_signal(number: int, _frame: FrameType | None) -> None:
    raise _Stopped(signal.Signals(number).name)


def _redirect_output(run_dir: Path) -> None:
    """Send this process's file descriptors 1 and 2, which children inherit, to the run's logs."""
    for name, descriptor in ((STDOUT_FILE, 1), (STDERR_FILE, 2)):
        with (run_dir / name).open("ab") as log:
            os.dup2(log.fileno(), descriptor)


def _end_tree(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started: first politely, then by force."""
    family = []
    if process.poll() is None:
        script = psutil.Process(process.pid)
        family = [*script.children(recursive=True), script]
    for member in family:
        if member.is_running():
            member.terminate()
    _, alive = psutil.wait_procs(family, timeout=_GRACE_SECONDS)
    for member in alive:
        member.kill()
    process.wait()


def _run_worker(
    run_dir: Path, environment: Mapping[str, str], timeout: float, secrets: Mapping[str, str]
) -> int | None:
    """Run the script in a child, with its output in the run's logs.

    Returns:
        Its exit code, negative for a signal; None where it was stopped for taking too long.
    """
    with (run_dir / STDOUT_FILE).open("ab") as stdout, (run_dir / STDERR_FILE).open("ab") as stderr:
        if not secrets:
            return _watch_worker(run_dir, environment, timeout, secrets, stdout.fileno(), stderr.fileno())
        with masking(stdout, secrets) as masked_stdout, masking(stderr, secrets) as masked_stderr:
            return _watch_worker(run_dir, environment, timeout, secrets, masked_stdout, masked_stderr)


def _watch_worker(
    run_dir: Path,
    environment: Mapping[str, str],
    timeout: float,
    secrets: Mapping[str, str],
    stdout: int,
    stderr: int,
) -> int | None:
    lifeline, _held = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "etl_platform.runtime.worker", str(run_dir), str(lifeline)],
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=stderr,
        cwd=run_dir,
        env=dict(environment),
        pass_fds=[lifeline],
    )
    os.close(lifeline)
    assert process.stdin is not None
    with process.stdin:
        process.stdin.write(json.dumps(dict(secrets)).encode())
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired:
        return None
    finally:
        _end_tree(process)


def _read_json(path: Path) -> Json:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _tail(path: Path) -> str:
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        return log.read().decode("utf-8", errors="replace")


def _has_answer(launch: Launch) -> bool:
    return launch.script_type == "sql" or (
        launch.script_type == "python" and handler_name(launch.text) is not None
    )


def _judge(launch: Launch, run_dir: Path, exit_code: int | None) -> tuple[Status, errors.ErrorReport | None]:
    """Status and error of a run by how its process ended and what it left behind."""
    if exit_code is None:
        return "timeout", errors.describe_timeout(launch.timeout_seconds)
    if exit_code == 0:
        # A plain script may end itself with status 0 wherever it likes; a handler or a query has an answer.
        if _has_answer(launch) and not (run_dir / RESULT_FILE).exists():
            return "failed", errors.describe_no_result(launch)
        return "success", None
    tail = _tail(run_dir / STDERR_FILE)
    report = _read_json(run_dir / ERROR_FILE) or errors.describe_end(exit_code, tail)
    if report["error_class"] == "code" and errors.classify(tail) == "out_of_memory":
        # When the JVM dies, what Python sees is a closed connection.
        report["error_class"] = "out_of_memory"
    return "failed", report


def supervise(run_dir: Path) -> Status:
    """Run what `launch.json` of a folder says and write `outcome.json` beside it.

    Args:
        run_dir: Folder of the run, absolute.

    Returns:
        The status that was written.
    """
    started = time.time()
    exit_code: int | None = None
    launch: Launch | None = None
    secrets: dict[str, str] = {}
    try:
        launch = read_launch(run_dir)
        if refers_to_secrets(launch):
            secrets = json.load(sys.stdin)
        storage = LocalS3(launch.local_root, known_buckets(launch), run_dir / "uploads")
        with S3Endpoint(storage) as s3, JsonEndpoint(launch.local_root) as services:
            environment = process_environment(launch, run_dir) | s3.environment | services.environment
            exit_code = _run_worker(run_dir, environment, launch.timeout_seconds, secrets)
        status, error = _judge(launch, run_dir, exit_code)
    except _Stopped as stop:
        status, error = "failed", errors.describe_stop(stop.signal_name)
    except (LaunchError, NoJavaError, OSError) as problem:
        sys.stderr.write(f"{problem}\n")
        status, error = "failed", errors.describe_setup(problem)
    ended = time.time()
    mask_files(run_dir / EVENT_LOG_FOLDER, secrets)
    outcome = {
        "status": status,
        "started": started,
        "ended": ended,
        "exit_code": exit_code,
        "error": masked(error, secrets),
        "result": masked(_read_json(run_dir / RESULT_FILE), secrets),
        "metrics": measure(launch, run_dir, started) if launch else {},
    }
    write_json(run_dir / OUTCOME_FILE, outcome)
    return status


def main() -> int:
    """Supervise the run of the folder that the command line names; the exit status is 0 for success."""
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        sys.stderr.write("usage: python -m etl_platform.runtime.launch RUN_DIR (a folder with launch.json)\n")
        return 2
    run_dir = Path(sys.argv[1]).resolve()
    _redirect_output(run_dir)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _on_signal)
    return 0 if supervise(run_dir) == "success" else 1


if __name__ == "__main__":
    sys.exit(main())
