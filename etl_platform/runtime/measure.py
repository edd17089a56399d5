"""What a finished run has used and written, as far as it was measured."""

import resource
import sys
from pathlib import Path

from etl_platform.runtime.catalog import data_files
from etl_platform.runtime.contract import EVENT_LOG_FOLDER, Launch
from etl_platform.runtime.event_log import read_event_log

_MB = 2**20

Metrics = dict[str, float | int]


def process_metrics() -> Metrics:
    """Processor time and peak memory of the script's process, the only child that this one has had.

    What a child has started and waited for is in it; the memory is that of the largest process.
    """
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Linux counts kilobytes, macOS bytes (getrusage(2) of either).
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "memory_mb_max": usage.ru_maxrss * unit / _MB,
    }


def target_metrics(path: Path, since: float) -> Metrics:
    """Number and mean size of the files that a run wrote to its target.

    Args:
        path: Folder of the target.
        since: Start of the run, Unix seconds; older files are of earlier runs.
    """
    sizes = [stat.st_size for stat in (file.stat() for file in data_files(path)) if stat.st_mtime >= since]
    if not sizes:
        return {"output_file_count": 0}
    return {"output_file_count": len(sizes), "output_avg_file_mb": sum(sizes) / len(sizes) / _MB}


def spark_metrics(run_dir: Path) -> Metrics:
    """Figures of the event logs in a run's folder; a script that starts Spark twice leaves two logs."""
    folder = run_dir / EVENT_LOG_FOLDER
    total: Metrics = {}
    for log in sorted(folder.iterdir()) if folder.is_dir() else ():
        if log.name.startswith("."):
            continue
        for name, figure in read_event_log(log).as_execution_metrics().items():
            total[name] = (
                max(total.get(name, 0), figure) if name == "memory_mb_max" else total.get(name, 0) + figure
            )
    return total


def measure(launch: Launch, run_dir: Path, started: float) -> Metrics:
    """All figures of a finished run, under the names of an execution's record; unknown ones are left out.

    Args:
        launch: What was run.
        run_dir: Folder of the run.
        started: When it started, Unix seconds.
    """
    # A Spark script's own process only steers the JVM, so its figures would say nothing of the work.
    figures = spark_metrics(run_dir) if launch.engine == "spark" else process_metrics()
    if launch.target:
        figures |= target_metrics(launch.target.path, started)
    return figures
