"""This machine: each run is a process of its own, which outlives the one that started it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, cast

from etl_platform.config.models.base import PlatformName
from etl_platform.config.project import Config
from etl_platform.config.secrets import Secrets, UnknownSecretError
from etl_platform.platforms import process_tree
from etl_platform.platforms.errors import NotRunnableError, PlatformError, RunNotFoundError
from etl_platform.platforms.failures import RETRY_CAN_HELP, Failure, classify
from etl_platform.platforms.launch_file import launch_of
from etl_platform.platforms.log_tail import read_lines, tail
from etl_platform.platforms.protocol import (
    LogChunk,
    LogLine,
    Polling,
    RunHandle,
    RunOutcome,
    RunRequest,
    RunState,
)
from etl_platform.runtime.contract import (
    LAUNCH_FILE,
    OUTCOME_FILE,
    STDERR_FILE,
    STDOUT_FILE,
    write_json,
)
from etl_platform.tracking.records import ErrorClass, ErrorDetails, ExecutionMetrics

HANDLE_FILE = "handle.json"
CANCEL_FILE = "cancelled"
LAUNCHER_LOG = "launcher.log"
"""What the launcher itself prints, such as why Python did not start; the script has files of its own."""

LAUNCHER = ("-m", "etl_platform.runtime.launch")
"""Arguments of this Python, before the run directory."""


class LocalPlatform:
    """Runs jobs on this machine, in `<local_root>/runs/<execution_id>/`."""

    name: PlatformName = "local"
    polling = Polling(shortest_seconds=0.1, longest_seconds=1.0)

    def __init__(self) -> None:
        # Only the process that started a launcher can learn its exit code.
        self._started: dict[int, subprocess.Popen[bytes]] = {}

    def prepare(self, request: RunRequest) -> None:
        """Write `launch.json` into the run directory.

        Raises:
            NotRunnableError: The script is missing, the local root cannot be written, and the like.
        """
        launch = launch_of(request)
        folder = run_dir(request.config, request.execution_id)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # Arguments, settings and logs of a run are for the one who started it.
            folder.chmod(0o700)
            write_json(folder / LAUNCH_FILE, launch)
        except OSError as error:
            raise NotRunnableError(
                f'job "{request.job.job_id}": runs are kept in {folder.parent}, which cannot be written: '
                f"{error.strerror or error}. Make {request.config.local_root} writable, or set "
                "global_settings.local.root to a folder that is."
            ) from error

    def submit(self, request: RunRequest) -> RunHandle:
        """Start the launcher in a session of its own."""
        folder = run_dir(request.config, request.execution_id)
        launch = _read(folder / LAUNCH_FILE)
        secrets = _secrets(request, launch)
        started = time.time()
        try:
            with (folder / LAUNCHER_LOG).open("ab") as log:
                process = subprocess.Popen(
                    [sys.executable, *LAUNCHER, str(folder)],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=folder,
                    env={**os.environ, process_tree.RUN_VARIABLE: str(folder)},
                    start_new_session=True,
                )
            assert process.stdin is not None
            with process.stdin:
                process.stdin.write(json.dumps(secrets).encode())
        except OSError as error:
            raise PlatformError(f"{sys.executable} cannot be started in {folder}: {error}") from error
        self._started[process.pid] = process
        details = {
            "run_dir": str(folder),
            "pid": process.pid,
            "started": started,
            "engine": launch["engine"],
            "engine_reason": launch["engine_reason"],
        }
        handle = RunHandle(platform=self.name, run_id=request.execution_id, details=details)
        write_json(folder / HANDLE_FILE, handle.model_dump(mode="json"))
        return handle

    def find(self, request: RunRequest) -> RunHandle | None:
        """The run of that execution id, by its run directory or its living process."""
        folder = run_dir(request.config, request.execution_id)
        if (folder / HANDLE_FILE).exists():
            return RunHandle.model_validate(_read(folder / HANDLE_FILE))
        process = process_tree.find_launcher(folder)
        if process is None and not (folder / OUTCOME_FILE).exists():
            return None
        details: dict[str, Any] = {"run_dir": str(folder), "pid": process and process.pid}
        return RunHandle(platform=self.name, run_id=request.execution_id, details=details)

    def poll(self, handle: RunHandle) -> RunState:
        """Look at the outcome that the launcher wrote, then at its process."""
        folder, started = _folder(handle), _started(handle)
        # In this order: a launcher that writes its outcome and ends in between is still seen rightly.
        lives = self._lives(handle)
        outcome = _read(folder / OUTCOME_FILE) if (folder / OUTCOME_FILE).exists() else None
        if outcome and outcome["status"] == "success":
            return RunState("success", started)
        if outcome is None and lives:
            reason = handle.details.get("engine_reason")
            return RunState("running", started, str(reason) if reason else None)
        if (folder / CANCEL_FILE).exists():
            return RunState("cancelled", started)
        if outcome is None:
            return RunState("failed", started, "The process ended without an outcome.")
        return RunState(outcome["status"], started, (outcome.get("error") or {}).get("message"))

    def read_logs(self, handle: RunHandle, cursor: str | None) -> LogChunk:
        """Whole lines of both streams; the cursor holds a byte offset for each."""
        folder = _folder(handle)
        complete = (folder / OUTCOME_FILE).exists() or not self._lives(handle)
        out_at, err_at = map(int, (cursor or "0:0").split(":"))
        out, out_at = read_lines(folder / STDOUT_FILE, out_at, complete=complete)
        err, err_at = read_lines(folder / STDERR_FILE, err_at, complete=complete)
        lines = [LogLine("stdout", text) for text in out] + [LogLine("stderr", text) for text in err]
        return LogChunk(tuple(lines), f"{out_at}:{err_at}" if lines else cursor)

    def cancel(self, handle: RunHandle) -> None:
        """End the launcher with all processes that it started."""
        folder = _folder(handle)
        if not (folder / OUTCOME_FILE).exists():
            (folder / CANCEL_FILE).touch()
        self._end_processes(folder)

    def outcome(self, request: RunRequest, handle: RunHandle) -> RunOutcome:
        """What `outcome.json` says, or what is known of a launcher that ended without writing it."""
        folder, state = _folder(handle), self.poll(handle)
        target = _read(folder / LAUNCH_FILE).get("target")
        common: dict[str, Any] = {
            "execution_id": request.execution_id,
            "handle": handle,
            "status": state.status,
            "log_location": str(folder),
            "target_location": target and target["path"],
        }
        if not (folder / OUTCOME_FILE).exists():
            return RunOutcome(**common, started=state.started, **self._end_without_outcome(handle))
        raw = _read(folder / OUTCOME_FILE)
        measured = {key: value for key, value in (raw.get("metrics") or {}).items() if value is not None}
        known = ExecutionMetrics.model_fields
        return RunOutcome(
            **common,
            **(_failure(raw) if state.status != "success" else {}),
            started=raw.get("started"),
            ended=raw.get("ended"),
            metrics=ExecutionMetrics(**{key: value for key, value in measured.items() if key in known}),
            usage={key: value for key, value in measured.items() if key not in known},
            warnings=_nothing_written(state, target, measured),
            result=raw.get("result"),
        )

    def _lives(self, handle: RunHandle) -> bool:
        pid = handle.details.get("pid")
        if not isinstance(pid, int):
            return False
        if child := self._started.get(pid):
            # Its environment cannot be read at once; this also takes the exit code off the system.
            return child.poll() is None
        return process_tree.belongs(pid, _folder(handle))

    def _end_without_outcome(self, handle: RunHandle) -> dict[str, Any]:
        folder = _folder(handle)
        left = self._end_processes(folder)
        warnings = (f"{left} processes that the launcher left behind were ended.",) if left else ()
        if (folder / CANCEL_FILE).exists():
            return {"ended": (folder / CANCEL_FILE).stat().st_mtime, "warnings": warnings}
        child = self._started.get(cast("int", handle.details.get("pid")))
        exit_code = child.poll() if child else None
        said = tail(folder / LAUNCHER_LOG) or tail(folder / STDERR_FILE)
        failure = classify(said, exit_code=exit_code)
        error = ErrorDetails(
            error_occurred=True,
            error_type="ProcessVanished",
            error_message=f"The run {_ended_how(exit_code)} without an outcome. {_last_words(said)}",
            error_class=failure.error_class,
        )
        return {"error": error, "retry_can_help": failure.retry_can_help, "warnings": warnings}

    def _end_processes(self, folder: Path) -> int:
        try:
            return process_tree.end(folder)
        except process_tree.NotEndedError as error:
            raise PlatformError(str(error)) from error


def _secrets(request: RunRequest, launch: dict[str, Any]) -> dict[str, str]:
    """The secrets that the arguments refer to; they go to the run by a pipe, and into no file."""
    try:
        return Secrets(request.config).used_in(str(value) for value in launch["arguments"].values())
    except UnknownSecretError as error:
        raise NotRunnableError(f'job "{request.job.job_id}": {error}') from error


def run_dir(config: Config, execution_id: str) -> Path:
    """Where a run on this machine keeps its files."""
    return config.local_root / "runs" / execution_id


def _failure(raw: dict[str, Any]) -> dict[str, Any]:
    """Error and hope of an outcome that is not a success."""
    error = raw.get("error") or {}
    # The runtime saw the exception itself; what it could not name may show in the words or the exit code.
    found: ErrorClass = error.get("error_class") or "unknown"
    failure = Failure(found, RETRY_CAN_HELP[found])
    if found in ("unknown", "code"):
        failure = classify(
            error.get("message"),
            error_type=error.get("type"),
            exit_code=raw.get("exit_code"),
            otherwise=found,
        )
    details = ErrorDetails(
        error_occurred=True,
        error_type=error.get("type"),
        error_message=error.get("message"),
        error_class=failure.error_class,
        error_stack_trace=error.get("stack_trace") or None,
    )
    return {"error": details, "retry_can_help": failure.retry_can_help}


def _nothing_written(
    state: RunState, target: dict[str, Any] | None, measured: dict[str, Any]
) -> tuple[str, ...]:
    """A warning where a run succeeded and left its declared target as it was."""
    if state.status != "success" or not target or measured.get("output_file_count") != 0:
        return ()
    return (
        f"The run succeeded without writing any file to its target {target['path']}. If the script writes "
        "elsewhere, correct `target`; if there was nothing to write, all is well.",
    )


def _ended_how(exit_code: int | None) -> str:
    if exit_code is None:
        return "vanished"
    if exit_code == -signal.SIGKILL:
        return "was ended by SIGKILL, as the system does to a process that takes too much memory,"
    return (
        f"ended by {signal.Signals(-exit_code).name}" if exit_code < 0 else f"ended with status {exit_code}"
    )


def _last_words(said: str) -> str:
    return f"Its last words: {said}" if said else "It said nothing."


def _folder(handle: RunHandle) -> Path:
    folder = Path(str(handle.details["run_dir"]))
    if not folder.is_dir():
        raise RunNotFoundError(f"run {handle.run_id}: its folder {folder} is not there any more.")
    return folder


def _started(handle: RunHandle) -> float | None:
    started = handle.details.get("started")
    return started if isinstance(started, float) else None


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PlatformError(f"{path} cannot be read: {error}") from error
