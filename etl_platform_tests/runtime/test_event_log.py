import gzip
import json

import pytest

from etl_platform.runtime.event_log import EventLogError, read_event_log

GB = 2**30


def task(**metrics):
    return {"Event": "SparkListenerTaskEnd", "Task Metrics": metrics}


FIRST = task(
    **{
        "Executor Run Time": 2000,
        "Executor CPU Time": 1_500_000_000,
        "JVM GC Time": 400,
        "Disk Bytes Spilled": GB,
        "Input Metrics": {"Bytes Read": 2 * GB, "Records Read": 100},
        "Shuffle Write Metrics": {"Shuffle Bytes Written": GB // 2},
    }
)
SECOND = task(
    **{
        "Executor Run Time": 1000,
        "Output Metrics": {"Bytes Written": 3 * GB, "Records Written": 7},
        "Shuffle Read Metrics": {"Remote Bytes Read": GB // 4, "Local Bytes Read": GB // 4},
    }
)


def memory(**metrics):
    return {"Event": "SparkListenerStageExecutorMetrics", "Executor Metrics": metrics}


def write(path, *events):
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    return path


def test_tasks_are_summed_up_in_the_units_of_an_execution(tmp_path):
    log = write(tmp_path / "app", {"Event": "SparkListenerLogStart"}, FIRST, SECOND)
    assert read_event_log(log).as_execution_metrics() == {
        "data_read_gb": 2.0,
        "data_written_gb": 3.0,
        "shuffle_read_gb": 0.5,
        "shuffle_write_gb": 0.5,
        "spilled_gb": 1.0,
        "records_processed": 100,
        "records_written": 7,
        "executor_seconds": 3.0,
        "cpu_seconds": 1.5,
        "gc_seconds": 0.4,
        "task_count": 2,
        "task_skew": pytest.approx(4 / 3),
    }


def test_skew_is_that_of_the_stage_that_took_most_time(tmp_path):
    def ran(stage, milliseconds):
        return {**task(**{"Executor Run Time": milliseconds}), "Stage ID": stage}

    short = [ran(1, 1), ran(1, 100)]
    long = [ran(2, 1000), ran(2, 1000), ran(2, 7000)]
    assert read_event_log(write(tmp_path / "app", *short, *long)).task_skew == 7
    assert read_event_log(write(tmp_path / "one", ran(1, 5))).task_skew is None


def test_the_peak_of_memory_is_the_largest_of_heap_and_off_heap(tmp_path):
    small, large = memory(JVMHeapMemory=2**20), memory(JVMHeapMemory=2**21, JVMOffHeapMemory=2**20)
    log = write(tmp_path / "app", FIRST, small, large, small)
    assert read_event_log(log).as_execution_metrics()["memory_mb_max"] == 3.0


def test_the_memory_of_the_process_tree_wins_over_the_heap(tmp_path):
    heap = memory(JVMHeapMemory=2**30)
    tree = memory(JVMHeapMemory=2**30, ProcessTreeJVMRSSMemory=2**21, ProcessTreePythonRSSMemory=2**20)
    log = write(tmp_path / "app", FIRST, heap, tree, heap)
    assert read_event_log(log).as_execution_metrics()["memory_mb_max"] == 3.0


def test_a_log_without_tasks_measured_nothing(tmp_path):
    log = write(tmp_path / "app", {"Event": "SparkListenerApplicationStart"})
    assert read_event_log(log).as_execution_metrics() == {}


def test_a_rolled_log_is_read_in_the_order_of_its_parts(tmp_path):
    folder = tmp_path / "eventlog_v2_local-1"
    folder.mkdir()
    write(folder / "events_10_local-1", SECOND)
    write(folder / "events_2_local-1", FIRST)
    (folder / "appstatus_local-1").touch()
    assert read_event_log(folder).task_count == 2


def test_a_compressed_log_is_read(tmp_path):
    (tmp_path / "app.gz").write_bytes(gzip.compress(json.dumps(FIRST).encode()))
    assert read_event_log(tmp_path / "app.gz").task_count == 1


def test_the_cut_last_line_of_an_unfinished_log_is_passed_over(tmp_path):
    log = write(tmp_path / "app.inprogress", FIRST)
    log.write_text(log.read_text() + '{"Event": "SparkListenerTa')
    assert read_event_log(log).task_count == 1


def test_a_bad_line_in_the_middle_is_an_error_that_names_it(tmp_path):
    log = write(tmp_path / "app", FIRST)
    log.write_text("no event\n" + log.read_text())
    with pytest.raises(EventLogError, match=r"app:1: .*no event"):
        read_event_log(log)
