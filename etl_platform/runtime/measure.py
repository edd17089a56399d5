"""What a finished run has used and written, as far as it was measured."""

import os
import resource
import sys
from pathlib import Path

from etl_platform.runtime.catalog import data_files
from etl_platform.runtime.contract import EVENT_LOG_FOLDER, Launch, TargetFiles
from etl_platform.runtime.event_log import figures_of_logs

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


def target_metrics(target: TargetFiles, since: float) -> Metrics:
    """What a run wrote to its target: files, bytes, and rows where the format tells them.

    Args:
        target: The target.
        since: Start of the run, Unix seconds; older files are of earlier runs.

    Returns:
        The figures; rows are unknown where a file vanished meanwhile (another run replaces the target), and
        all is unknown where every file or a folder did.
    """
    try:
        files = list(data_files(target.path))
    except FileNotFoundError:
        return {}
    stats = {file: stat for file in files if (stat := _stat(file))}
    sizes = {file: stat.st_size for file, stat in stats.items() if stat.st_mtime >= since}
    whole = len(stats) == len(files)
    if not sizes:
        return {"output_file_count": 0} if whole else {}
    total = sum(sizes.values())
    figures: Metrics = {
        "output_file_count": len(sizes),
        "output_avg_file_mb": total / len(sizes) / _MB,
        "data_written_gb": total / 1024 / _MB,
    }
    rows = _rows(list(sizes), target.format) if whole else None
    return figures if rows is None else {**figures, "records_written": rows}


def _stat(file: Path) -> os.stat_result | None:
    try:
        return file.stat()
    except FileNotFoundError:
        return None


def _rows(files: list[Path], file_format: str) -> int | None:
    """Rows of files whose format tells them; a CSV file does not say whether its first line is a header."""
    if file_format not in ("parquet", "orc", "json"):
        return None
    import pyarrow
    from pyarrow.dataset import dataset

    try:
        return dataset(list(map(str, files)), format=file_format).count_rows()
    except (pyarrow.ArrowInvalid, FileNotFoundError):
        # Not what the target's format says, or gone by now: then nobody knows.
        return None


def spark_metrics(run_dir: Path) -> Metrics:
    """Figures of the event logs in a run's folder."""
    folder = run_dir / EVENT_LOG_FOLDER
    logs = sorted(folder.iterdir()) if folder.is_dir() else ()
    return figures_of_logs(log for log in logs if not log.name.startswith("."))


def measure(launch: Launch, run_dir: Path, started: float) -> Metrics:
    """All figures of a finished run, under the names of an execution's record; unknown ones are left out.

    Args:
        launch: What was run.
        run_dir: Folder of the run.
        started: When it started, Unix seconds.
    """
    # A Spark script's own process only steers the JVM, so its figures would say nothing of the work.
    figures = spark_metrics(run_dir) if launch.engine == "spark" else process_metrics()
    # What Spark's tasks count is all that the run wrote, so it wins over what stands in the target's files.
    return {**target_metrics(launch.target, started), **figures} if launch.target else figures
