"""Formats and folders: both engines read the same values from them."""

import json

import pyarrow as pa
import pytest
from pyarrow import orc
from pyarrow import parquet as pq

from etl_platform.quality.engine import evaluate
from etl_platform_tests.quality.builders import config_of, job_with, lake

ENGINES = ["local", pytest.param("spark", marks=pytest.mark.slow)]
NULLS = {"completeness_checks": [{"field": "x"}, {"field": "s"}]}


@pytest.fixture(params=ENGINES)
def run(request, tmp_path):
    """A function that evaluates rules on s3://lake/out/ and gives the report."""
    spark = request.getfixturevalue("spark") if request.param == "spark" else None

    def evaluated(quality, target=None, partition_key=None, **sections):
        job = job_with(quality, target={"type": "s3", "path": "s3://lake/out/", **(target or {})}, **sections)
        config = config_of(job, folder=tmp_path)
        return evaluate(config, job, "target", engine=request.param, spark=spark, partition_key=partition_key)

    return evaluated


def failed(report):
    assert [result.error for result in report.results if result.error] == []
    return [result.rows_failed for result in report.results]


def test_an_empty_field_of_csv_is_null_in_quotes_or_not_as_spark_has_it(run, tmp_path):
    (lake(tmp_path) / "a.csv").write_text('x,s\n1,"a, b"\n2,""\n3,\n')
    report = run(NULLS, {"format": "csv"})
    assert failed(report) == [0, 2]
    assert report.columns == {"x": "bigint", "s": "string"}


def test_csv_of_another_dialect_is_detected(run, tmp_path):
    (lake(tmp_path) / "a.csv").write_text("x;s\n1;a\n2;b\n3;\n")
    assert failed(run(NULLS, {"format": "csv"})) == [0, 1]


def test_a_value_late_in_a_csv_file_still_counts_for_its_type(run, tmp_path):
    lines = ["x,s", *(f"{n},a" for n in range(30_000)), "late,b"]
    (lake(tmp_path) / "a.csv").write_text("\n".join(lines) + "\n")
    assert run(NULLS, {"format": "csv"}).columns["x"] == "string"


def test_json_lines(run, tmp_path):
    rows = [{"x": 1, "s": "a"}, {"x": None, "s": "b"}, {"x": 2}]
    (lake(tmp_path) / "a.json").write_text("\n".join(map(json.dumps, rows)))
    assert failed(run(NULLS, {"format": "json"})) == [1, 1]


def test_orc(run, tmp_path):
    orc.write_table(pa.table({"x": [1, None, 3], "s": ["a", "b", None]}), lake(tmp_path) / "a.orc")
    assert failed(run(NULLS, {"format": "orc"})) == [1, 1]


def test_files_of_different_columns_are_read_together(run, tmp_path):
    pq.write_table(pa.table({"x": [1]}), lake(tmp_path) / "a.parquet")
    pq.write_table(pa.table({"x": [2], "s": ["a"]}), lake(tmp_path) / "b.parquet")
    assert failed(run(NULLS)) == [0, 1]


def test_folder_columns_have_the_types_that_spark_gives_them(run, tmp_path):
    root = lake(tmp_path)
    for n, folder in enumerate(["y=1/d=2024-01-01/s=a b/m=1", "y=02/d=2024-01-02/s=7/m=x"]):
        place = root / folder.replace("a b", "a%20b")
        place.mkdir(parents=True)
        pq.write_table(pa.table({"x": [n]}), place / "a.parquet")
    allowed = {"field": "s", "rule_type": "allowed_values", "values": ["a b", "7"]}
    report = run({"accuracy_rules": [allowed]})
    assert {key: report.columns[key] for key in "ydsm"} == {
        "y": "int",
        "d": "date",
        "s": "string",
        "m": "string",
    }
    assert failed(report) == [0]


def test_the_default_folder_is_null(run, tmp_path):
    for n, folder in enumerate(["k=1", "k=__HIVE_DEFAULT_PARTITION__"]):
        place = lake(tmp_path, f"out/{folder}")
        pq.write_table(pa.table({"x": [n]}), place / "a.parquet")
    assert failed(run({"completeness_checks": [{"field": "k"}]})) == [1]


def test_only_the_partition_of_the_run_is_checked(run, tmp_path):
    for day, value in (("2024-01-01", None), ("2024-01-02", 1)):
        place = lake(tmp_path, f"out/day={day}")
        pq.write_table(pa.table({"x": pa.array([value], pa.int64())}), place / "a.parquet")
    report = run({"completeness_checks": [{"field": "x"}]}, {"partition_by": ["day"]}, "2024-01-02")
    assert (failed(report), report.rows, report.partition) == ([0], 1, {"day": "2024-01-02"})


@pytest.mark.slow
def test_times_that_spark_wrote_are_instants(spark, tmp_path):
    """Spark's default of INT96 has no zone in the file; both engines must take it as the instant it is."""
    zone = "Asia/Tokyo"
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    spark.conf.set("spark.sql.parquet.outputTimestampType", "INT96")
    frame = spark.sql("select timestamp '2024-01-01 20:00:00' as x")
    frame.write.parquet(str(tmp_path / "root/s3/lake/out"))
    rule = {"field": "x", "rule_type": "date_range", "min_date": "2024-01-02"}
    execution = {"script_path": "x.py", "timezone": zone}
    job = job_with({"accuracy_rules": [rule]}, execution=execution)
    for engine in ("local", "spark"):
        report = evaluate(config_of(job, folder=tmp_path), job, "target", engine=engine, spark=spark)
        assert failed(report) == [0], engine


def test_unreadable_files_are_an_error_of_every_rule(run, tmp_path):
    (lake(tmp_path) / "a.parquet").write_bytes(b"PAR1 this is no parquet PAR1")
    report = run(NULLS)
    assert [result.passed for result in report.results] == [False, False]
    assert all(result.error for result in report.results)


def test_a_folder_of_unknown_format_says_what_is_read(tmp_path):
    source = {"name": "a", "source_type": "s3", "path": "s3://lake/a/"}
    (lake(tmp_path, "a") / "x.xml").touch()
    job = job_with({"completeness_checks": [{"field": "x", "dataset": "a"}]}, sources=[source])
    (result,) = evaluate(config_of(job, folder=tmp_path), job, "a").results
    assert result.error is not None and "checks read parquet, csv, json, orc" in result.error
