"""Processes that write to one SQLite file, some of them killed. Run with FILE MODE COUNT [SECONDS].

Each acknowledged write is told on standard output: `<execution id>`.
"""

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from etl_platform.tracking.records import CostBreakdown, JobExecution
from etl_platform.tracking.sqlite import SqliteStore


def write_until_killed(path: Path, name: str, wanted: Callable[[int], bool], acknowledged: int) -> None:
    """Write executions and count their costs; tell each that the store has acknowledged."""
    store = SqliteStore(path)
    number = 0
    while wanted(number):
        started = time.time()
        record = JobExecution(
            execution_id=f"{name}-{number}",
            timestamp=started,
            job_name="shared",
            status="success",
            end_time=started,
            attempt_group=name,
            cost_breakdown=CostBreakdown(total_cost_usd=1.0),
        )
        store.put_execution(record)
        store.count_cost(record)
        os.write(acknowledged, f"{record.execution_id}\n".encode())
        number += 1


def fork(path: Path, name: str, wanted: Callable[[int], bool], acknowledged: int) -> int:
    process = os.fork()
    if process == 0:
        try:
            write_until_killed(path, name, wanted, acknowledged)
        finally:
            # Without the clean-up of the process that it was forked from.
            os._exit(0 if sys.exc_info()[0] is None else 1)
    return process


def killed_at_random_points(path: Path, kills: int) -> None:
    """Kill one writer after the other."""
    chance = random.Random(20261118)
    for turn in range(kills):
        process = fork(path, f"writer{turn}", lambda number: True, 1)
        time.sleep(chance.uniform(0.005, 0.03))
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


def side_by_side(path: Path, count: int, seconds: float | None) -> None:
    """Eight writers at once, each for a number of executions, or for a time."""
    end = time.monotonic() + (seconds or 0)

    def wanted(number: int) -> bool:
        return time.monotonic() < end if seconds else number < count

    processes = [fork(path, f"writer{turn}", wanted, 1) for turn in range(8)]
    if failed := [process for process in processes if os.waitpid(process, 0)[1]]:
        sys.exit(f"{len(failed)} writers failed")


if __name__ == "__main__":
    file, mode, amount = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    if mode == "killed":
        killed_at_random_points(file, amount)
    else:
        side_by_side(file, amount, float(sys.argv[4]) if len(sys.argv) > 4 else None)
