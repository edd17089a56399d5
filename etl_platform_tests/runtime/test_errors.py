import signal
from pathlib import Path

import pytest

from etl_platform.runtime.contract import Launch, Table
from etl_platform.runtime.errors import classify, describe, describe_end


def launch(**keys):
    common = {"execution_id": "e", "job_id": "orders", "script_type": "pyspark", "engine": "spark"}
    return Launch(**{**common, "local_root": Path("/data"), "timeout_seconds": 60, "sql": "", **keys})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Py4JJavaError: java.lang.OutOfMemoryError: Java heap space", "out_of_memory"),
        ("[TABLE_OR_VIEW_NOT_FOUND] The table or view `a`.`b` cannot be found", "missing_input"),
        ("[PATH_NOT_FOUND] Path does not exist: s3://raw/x", "missing_input"),
        ("An error occurred (AccessDenied) when calling the GetObject operation", "permission"),
        ("An error occurred (SlowDown) when calling the PutObject operation", "throttled"),
        ("division by zero", "code"),
    ],
)
def test_the_class_of_an_error_is_told_from_its_message(text, expected):
    assert classify(text) == expected


def test_a_missing_table_is_named_with_its_place_and_what_to_do():
    error = RuntimeError("[TABLE_OR_VIEW_NOT_FOUND] The table or view `shop`.`orders` cannot be found.")
    report = describe(error, launch(tables=(Table("shop", "orders", Path("/nowhere/orders")),)))
    assert "Glue table shop.orders has no data here: /nowhere/orders does not exist" in report["message"]


def test_a_table_that_nobody_declared_is_told_with_those_that_are():
    error = RuntimeError("[TABLE_OR_VIEW_NOT_FOUND] The table or view `shop`.`odrers` cannot be found.")
    report = describe(error, launch(tables=(Table("shop", "orders", Path("/")),)))
    assert (
        "sees the tables that the job's `data_sources` and `target` name: shop.orders." in report["message"]
    )


def test_a_bucket_that_spark_has_no_place_for_names_the_keys_to_add():
    error = RuntimeError("java.io.IOException: Could not initialize target File System for URI : s3://other/")
    assert "data_sources" in describe(error, launch(buckets=("raw",)))["message"]


def test_a_known_bucket_without_that_path_keeps_its_message():
    error = RuntimeError("[PATH_NOT_FOUND] Path does not exist: s3://raw/x")
    assert describe(error, launch(buckets=("raw",)))["message"] == str(error)


def test_a_long_message_is_cut():
    assert len(describe(RuntimeError("x" * 10**6), launch())["message"]) < 5000


def test_a_killed_process_names_its_signal():
    report = describe_end(-signal.SIGKILL, "")
    assert (report["type"], report["error_class"]) == ("ProcessKilled", "unknown")
    assert "SIGKILL" in report["message"]


def test_a_process_that_ended_badly_after_its_heap_was_full_ran_out_of_memory():
    tail = "java.lang.OutOfMemoryError: Java heap space\n\tat java.base/java.util.Arrays"
    assert describe_end(1, tail)["error_class"] == "out_of_memory"
