"""Metrics from a Spark event log: what the tasks of an application say they read, wrote, shuffled and used.

The log is JSON, one event a line. The same reader serves a run on this machine and logs that Glue, EMR or
EMR Serverless left in S3, once they are copied here.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

_GB = 2**30
_MB = 2**20


class EventLogError(ValueError):
    """An event log that cannot be read."""


@dataclass
class SparkMetrics:
    """Sums over all tasks of an application, failed and repeated ones too: they cost as much.

    Attributes:
        bytes_read: Bytes that tasks read from storage.
        records_read: Records that tasks read from storage; a table that is scanned twice counts twice.
        bytes_written: Bytes that tasks wrote to storage.
        records_written: Records that tasks wrote to storage.
        shuffle_read_bytes: Bytes read from shuffles, local and remote.
        shuffle_write_bytes: Bytes written for shuffles.
        spilled_bytes: Bytes that did not fit into memory and went to disk.
        executor_run_ms: Time that tasks ran, summed over the executors' cores.
        executor_cpu_ns: Processor time of the tasks in the JVM; Python workers are not in it.
        gc_ms: Part of `executor_run_ms` in which the JVM collected garbage.
        task_count: Tasks that ended, however they ended.
        peak_memory_bytes: The highest memory of one executor or the driver: resident memory of its process
            tree where Spark had measured it, else heap and off-heap memory of the JVM.
    """

    bytes_read: int = 0
    records_read: int = 0
    bytes_written: int = 0
    records_written: int = 0
    shuffle_read_bytes: int = 0
    shuffle_write_bytes: int = 0
    spilled_bytes: int = 0
    executor_run_ms: int = 0
    executor_cpu_ns: int = 0
    gc_ms: int = 0
    task_count: int = 0
    peak_memory_bytes: int = 0
    _tree_was_measured: bool = field(default=False, repr=False)
    _stages: dict[int, list[int]] = field(default_factory=dict, repr=False)

    @property
    def task_skew(self) -> float | None:
        """Longest task over the median one, in the stage that took most time; None without two tasks."""
        stages = [times for times in self._stages.values() if len(times) > 1 and median(times) > 0]
        if not stages:
            return None
        heaviest = max(stages, key=sum)
        return max(heaviest) / median(heaviest)

    def add_task_time(self, stage: int, metrics: Mapping[str, Any]) -> None:
        """Keep how long a task of a stage ran."""
        self._stages.setdefault(stage, []).append(metrics.get("Executor Run Time", 0))

    def add_task(self, metrics: Mapping[str, Any]) -> None:
        """Add the `Task Metrics` of a task's end."""
        read, written = metrics.get("Input Metrics", {}), metrics.get("Output Metrics", {})
        shuffle_in, shuffle_out = (
            metrics.get("Shuffle Read Metrics", {}),
            metrics.get("Shuffle Write Metrics", {}),
        )
        self.bytes_read += read.get("Bytes Read", 0)
        self.records_read += read.get("Records Read", 0)
        self.bytes_written += written.get("Bytes Written", 0)
        self.records_written += written.get("Records Written", 0)
        self.shuffle_read_bytes += shuffle_in.get("Remote Bytes Read", 0) + shuffle_in.get(
            "Local Bytes Read", 0
        )
        self.shuffle_write_bytes += shuffle_out.get("Shuffle Bytes Written", 0)
        self.spilled_bytes += metrics.get("Disk Bytes Spilled", 0)
        self.executor_run_ms += metrics.get("Executor Run Time", 0)
        self.executor_cpu_ns += metrics.get("Executor CPU Time", 0)
        self.gc_ms += metrics.get("JVM GC Time", 0)

    def add_memory(self, metrics: Mapping[str, Any]) -> None:
        """Take a set of executor metrics into the peak."""
        tree = sum(metrics.get(f"ProcessTree{part}RSSMemory", 0) for part in ("JVM", "Python", "Other"))
        if tree and not self._tree_was_measured:
            self._tree_was_measured = True
            self.peak_memory_bytes = 0
        jvm = metrics.get("JVMHeapMemory", 0) + metrics.get("JVMOffHeapMemory", 0)
        self.peak_memory_bytes = max(self.peak_memory_bytes, tree if self._tree_was_measured else jvm)

    def as_execution_metrics(self) -> dict[str, float | int]:
        """The figures under the names of an execution's record; what no task reported is left out."""
        if not self.task_count:
            return {}
        figures: dict[str, float | int] = {
            "data_read_gb": self.bytes_read / _GB,
            "data_written_gb": self.bytes_written / _GB,
            "shuffle_read_gb": self.shuffle_read_bytes / _GB,
            "shuffle_write_gb": self.shuffle_write_bytes / _GB,
            "spilled_gb": self.spilled_bytes / _GB,
            "records_processed": self.records_read,
            "records_written": self.records_written,
            "executor_seconds": self.executor_run_ms / 1e3,
            "cpu_seconds": self.executor_cpu_ns / 1e9,
            "gc_seconds": self.gc_ms / 1e3,
            "task_count": self.task_count,
        }
        if self.task_skew is not None:
            figures["task_skew"] = self.task_skew
        if self.peak_memory_bytes:
            figures["memory_mb_max"] = self.peak_memory_bytes / _MB
        return figures


def _lines(path: Path) -> Iterator[str]:
    if path.suffix in (".gz", ".zstd", ".zst"):
        import pyarrow

        codec = "gzip" if path.suffix == ".gz" else "zstd"
        with pyarrow.CompressedInputStream(pyarrow.OSFile(str(path)), codec) as stream:
            yield from stream.read().decode("utf-8").splitlines()
    else:
        with path.open(encoding="utf-8") as log:
            yield from log


def _files(path: Path) -> list[Path]:
    """The files of a log: itself, or the parts of a rolled one (`eventlog_v2_…/events_<n>_…`) in order."""
    if path.is_file():
        return [path]
    parts = [part for part in path.iterdir() if part.name.startswith("events_")]
    return sorted(parts, key=lambda part: int(part.name.split("_")[1]))


def read_event_log(path: Path) -> SparkMetrics:
    """Sum up an event log.

    Args:
        path: The log's file, plain or compressed with gzip or zstd, or the folder of a rolled log. An
            unfinished log (`.inprogress`), whose last line may be cut, is read as far as it goes.

    Raises:
        EventLogError: A line in the middle is not an event.
        OSError: The file cannot be read.
    """
    metrics = SparkMetrics()
    for file in _files(path):
        fault: tuple[int, str] | None = None
        for number, line in enumerate(_lines(file), 1):
            if fault:
                raise EventLogError(f"{file}:{fault[0]}: not an event of Spark: {fault[1][:80]}")
            try:
                event = json.loads(line)
            except json.JSONDecodeError:
                fault = (number, line)
                continue
            _add_event(metrics, event)
    return metrics


_LARGEST = frozenset(("memory_mb_max", "task_skew"))
"""Figures of which the largest counts; of all others the sum."""


def figures_of_logs(logs: Iterable[Path]) -> dict[str, float | int]:
    """The figures of a run that left several logs: a script that starts Spark twice leaves two.

    Args:
        logs: As `read_event_log` takes them.

    Raises:
        EventLogError: A log is none.
        OSError: One cannot be read.
    """
    total: dict[str, float | int] = {}
    for log in logs:
        for name, figure in read_event_log(log).as_execution_metrics().items():
            before = total.get(name, 0)
            total[name] = max(before, figure) if name in _LARGEST else before + figure
    return total


def _add_event(metrics: SparkMetrics, event: Mapping[str, Any]) -> None:
    match event.get("Event"):
        case "SparkListenerTaskEnd":
            metrics.task_count += 1
            metrics.add_task(event.get("Task Metrics") or {})
            metrics.add_task_time(event.get("Stage ID", 0), event.get("Task Metrics") or {})
            metrics.add_memory(event.get("Task Executor Metrics") or {})
        case "SparkListenerStageExecutorMetrics":
            metrics.add_memory(event.get("Executor Metrics") or {})
