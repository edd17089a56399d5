"""The processes of a run on this machine: found, and ended together."""

from pathlib import Path

import psutil

RUN_VARIABLE = "ETL_PLATFORM_RUN_DIR"
"""Environment variable by which the processes of a run are known, also those whose parents have ended."""

TERM_SECONDS = 10.0
"""How long the launcher, asked to end its run, may take for it and for what it measures of it."""

KILL_ROUNDS = 10
"""How often the processes of a run are looked for again after a kill: one may start another meanwhile."""


class NotEndedError(Exception):
    """Processes that could not be killed."""


def belongs(pid: int, run_dir: Path) -> bool:
    """Whether a process lives and is of that run; another process may have its pid by now."""
    try:
        return _is_of(psutil.Process(pid), run_dir)
    except psutil.NoSuchProcess:
        return False


def find_launcher(run_dir: Path) -> psutil.Process | None:
    """The first process of a run, if any of it lives."""
    return min(members(run_dir), key=lambda process: process.create_time(), default=None)


def members(run_dir: Path) -> list[psutil.Process]:
    """All living processes that a run has started, the launcher among them."""
    own = [process for process in psutil.process_iter() if _is_of(process, run_dir)]
    # A program may clear its environment; then it still is a child.
    return list({*own, *(child for process in own for child in _children(process))})


def end(run_dir: Path) -> int:
    """End all processes of a run: ask the launcher first, then kill what is left, until nothing is.

    Returns:
        How many there were at first.

    Raises:
        NotEndedError: Some cannot be killed.
    """
    first = members(run_dir)
    if leader := find_launcher(run_dir):
        _signal(leader, kill=False)
        psutil.wait_procs([leader], timeout=TERM_SECONDS)
    left = first
    for _ in range(KILL_ROUNDS):
        left = members(run_dir)
        if not left:
            return len(first)
        for process in left:
            _signal(process, kill=True)
        psutil.wait_procs(left, timeout=1)
    raise NotEndedError(f"processes {sorted(process.pid for process in left)} of {run_dir} cannot be killed")


def _signal(process: psutil.Process, *, kill: bool) -> None:
    try:
        if kill:
            process.kill()
        else:
            process.terminate()
    except psutil.NoSuchProcess:
        return
    except psutil.AccessDenied as error:
        raise NotEndedError(f"process {process.pid} cannot be ended: {error}") from error


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [child for child in process.children(recursive=True) if _lives(child)]
    except psutil.NoSuchProcess:
        return []


def _is_of(process: psutil.Process, run_dir: Path) -> bool:
    try:
        return _lives(process) and process.environ().get(RUN_VARIABLE) == str(run_dir)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        # It ended while it was looked at, or is another user's.
        return False


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
