"""Error records: what a function failed on is kept, counted and shown."""

from pathlib import Path
from typing import Any

import pytest

from etl_platform_tests.runtime.awsglue.files import read_json, rows, write_json

pytestmark = pytest.mark.slow


@pytest.fixture
def numbers(glue: Any, tmp_path: Path) -> Any:
    return read_json(glue, write_json(tmp_path / "n", [{"n": 0}, {"n": 1}, {"n": 2}]))


def inverse(record: Any) -> Any:
    return {"inverse": 1 / record["n"]}


def test_a_record_that_a_function_fails_on_is_an_error_record(numbers: Any):
    mapped = numbers.map(inverse)
    assert sorted(row["inverse"] for row in rows(mapped)) == [0.5, 1.0]
    error = rows(mapped.errorsAsDynamicFrame())[0]["error"]
    assert (error["msg"], error["dynamicRecord"]) == ("ZeroDivisionError: division by zero", '{"n": 0}')
    assert "in inverse" in error["stackTrace"]


def test_errors_add_up_over_the_transforms(numbers: Any):
    filtered = numbers.map(inverse).filter(lambda record: record["inverse"] < 1 or record["missing"])
    assert (filtered.stageErrorsCount(), filtered.errorsCount()) == (1, 2)


def test_lines_that_are_no_json_are_error_records(glue: Any, tmp_path: Path):
    path = write_json(tmp_path / "j", [{"n": 1}])
    (tmp_path / "j" / "bad.json").write_text("no json\n")
    frame = read_json(glue, path)
    assert rows(frame) == [{"n": 1}]
    assert rows(frame.errorsAsDynamicFrame())[0]["error"]["input"] == "no json"


def test_a_threshold_stops_the_job(numbers: Any):
    from awsglue.errorstages import ErrorThresholdExceeded

    with pytest.raises(ErrorThresholdExceeded, match="map: 1 error records, and stageThreshold is 1"):
        numbers.map(inverse, stageThreshold=1).toDF()


def test_a_total_counts_the_transforms_before(numbers: Any):
    from awsglue.errorstages import ErrorThresholdExceeded

    twice = numbers.map(inverse).map(lambda record: {"x": 1 / (record["inverse"] - 1)}, totalThreshold=2)
    with pytest.raises(ErrorThresholdExceeded, match="totalThreshold is 2"):
        twice.count()


def test_without_errors_the_frame_of_errors_is_empty(numbers: Any):
    assert rows(numbers.select_fields(["n"]).errorsAsDynamicFrame()) == []


def test_a_function_that_gives_no_record_is_told(numbers: Any):
    wrong = numbers.map(lambda record: record["n"])
    message = rows(wrong.errorsAsDynamicFrame())[0]["error"]["msg"]
    assert message == "TypeError: the function returned a int; expected a record (dict)."


def test_numbers_keep_their_size_through_a_map(glue: Any, spark: Any):
    from awsglue.dynamicframe import DynamicFrame

    frame = DynamicFrame.fromDF(spark.createDataFrame([(1, 2.5)], "a bigint, b float"), glue, "f")
    mapped = frame.map(lambda record: record)
    assert mapped.toDF().dtypes == [("a", "bigint"), ("b", "float")]


def test_flat_map_gives_any_number_of_records(numbers: Any):
    assert rows(numbers.flatMap(lambda record: [{"m": record["n"]}] * record["n"])) == [
        {"m": 1},
        {"m": 2},
        {"m": 2},
    ]


def test_sql_and_a_udf_over_a_frame(glue: Any, spark: Any, numbers: Any):
    spark.udf.register("twice", lambda n: n * 2, "int")
    numbers.toDF().createOrReplaceTempView("numbers")
    assert [row[0] for row in glue.sql("select sum(twice(n)) from numbers").collect()] == [6]
