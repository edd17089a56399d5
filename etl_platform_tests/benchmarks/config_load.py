"""Processor seconds to validate many jobs, against `json.loads` of the same file in the same run.

    python -m etl_platform_tests.benchmarks.config_load [JOBS ...]

`validate` is the whole command in a process of its own, as a user waits for it; `load` is the loading alone.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from etl_platform.config.load import load
from etl_platform_tests.benchmarks.definitions_load import generated

JOBS = (1000,)
REPEATS = 3


def main(counts: Sequence[int] = JOBS) -> None:
    """Print a line for each number of jobs."""
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "etl_config.json")
            path.write_text(json.dumps(generated(count), indent=2), encoding="utf-8")
            # The generated jobs name scripts; printing a warning for each is not what is measured.
            (path.parent / "jobs").mkdir()
            for number in range(count):
                (path.parent / "jobs" / f"job_{number}.py").touch()
            parsing = _seconds(lambda path=path: json.loads(path.read_bytes()))
            loading = _seconds(lambda path=path: load(path))
            validating = _seconds(lambda path=path: _validate(path))
            print(f"{count} jobs, {path.stat().st_size / 1e6:.1f} MB, processor seconds:")
            print(f"  validate   {validating:6.2f}  {validating / parsing:6.1f} × json.loads")
            print(f"  load       {loading:6.2f}  {loading / parsing:6.1f} × json.loads")
            print(f"  json.loads {parsing:6.2f}")


def _seconds(call: Callable[[], Any]) -> float:
    """The shortest of several runs: what disturbs a run only makes it longer."""
    times = []
    for _ in range(REPEATS):
        start = _processor_seconds()
        call()
        times.append(_processor_seconds() - start)
    return min(times)


def _processor_seconds() -> float:
    """Of this process and of all that it started and that ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _validate(path: Path) -> None:
    command = [sys.executable, "-m", "etl_platform.cli.main", "validate", "--config", str(path)]
    subprocess.run(command, check=True, capture_output=True)


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or JOBS)
