"""The script that answers queries on Spark services, on a real session with folders in place of S3."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from etl_platform.runtime import remote_query
from etl_platform.runtime.java import java_home

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from pyspark.sql import SparkSession

    patch = pytest.MonkeyPatch()
    patch.setenv("JAVA_HOME", str(java_home()))
    settings: dict[str, Any] = {
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.catalogImplementation": "in-memory",
    }
    # Tests of other folders share one Spark in this process until the end.
    shared = SparkSession.getActiveSession()
    session = shared or SparkSession.Builder().master("local[1]").config(map=settings).getOrCreate()
    session.sql("DROP DATABASE IF EXISTS shop CASCADE")
    session.sql(f"CREATE DATABASE shop LOCATION '{tmp_path_factory.mktemp('shop')}'")
    yield session
    if shared is None:
        session.stop()
    patch.undo()


def plan(query: str, path: Path | None = None, **target: Any) -> dict[str, Any]:
    keys = {"type": "s3", "format": "parquet", "mode": "overwrite", "partition_by": [], "path": str(path)}
    return {"query": query, "target": {**keys, **target}}


def table(name: str, **target: Any) -> dict[str, Any]:
    return {"type": "glue_catalog", "database": "shop", "table": name, "path": None, **target}


def ids(path: Path) -> list[int]:
    return sorted(pq.read_table(path)["id"].to_pylist())


def test_an_overwrite_leaves_only_the_new_rows(spark: Any, tmp_path: Path) -> None:
    for rows in (3, 2):
        remote_query.run(spark, plan(f"SELECT id FROM range({rows})", tmp_path / "out"), {})
    assert ids(tmp_path / "out") == [0, 1]


def test_a_query_may_read_what_it_overwrites(spark: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    remote_query.run(spark, plan("SELECT id FROM range(3)", out), {})
    remote_query.run(spark, plan(f"SELECT id + 10 AS id FROM parquet.`{out}`", out), {})
    assert ids(out) == [10, 11, 12]


def test_a_failed_run_leaves_the_old_rows(spark: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    remote_query.run(spark, plan("SELECT id FROM range(3)", out), {})
    with pytest.raises(Exception, match="planted"):
        remote_query.run(spark, plan("SELECT int(raise_error('planted')) AS id FROM range(3)", out), {})
    assert ids(out) == [0, 1, 2]


def test_append_adds_rows(spark: Any, tmp_path: Path) -> None:
    for rows in (1, 2):
        remote_query.run(spark, plan(f"SELECT id FROM range({rows})", tmp_path / "out", mode="append"), {})
    assert ids(tmp_path / "out") == [0, 0, 1]


def test_only_the_partitions_of_the_answer_are_overwritten(spark: Any, tmp_path: Path) -> None:
    out, keys = tmp_path / "out", {"mode": "overwrite_partitions", "partition_by": ["day"]}
    remote_query.run(spark, plan("SELECT id, id % 2 AS day FROM range(4)", out, **keys), {})
    remote_query.run(spark, plan("SELECT 9L AS id, 1L AS day", out, **keys), {})
    assert ids(out / "day=0") == [0, 2] and ids(out / "day=1") == [9]


def test_an_empty_answer_keeps_the_columns(spark: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    remote_query.run(spark, plan("SELECT id, 1 AS day FROM range(3)", out, partition_by=["day"]), {})
    remote_query.run(spark, plan("SELECT id, 1 AS day FROM range(0)", out, partition_by=["day"]), {})
    assert spark.read.parquet(str(out)).columns == ["id", "day"] and ids(out) == []


def test_arguments_are_parameters_of_the_query(spark: Any, tmp_path: Path) -> None:
    query = plan("SELECT :PARTITION_KEY AS id, '10:30' AS at;", tmp_path / "out")
    remote_query.run(spark, query, {"PARTITION_KEY": "2024-01-01", "JOB_ID": "x"})
    assert spark.read.parquet(str(tmp_path / "out")).head() == ("2024-01-01", "10:30")


def test_a_table_is_made_and_then_overwritten(spark: Any, tmp_path: Path) -> None:
    target = table("orders", partition_by=["day"])
    for rows in (3, 2):
        remote_query.run(spark, plan(f"SELECT id, 1 AS day FROM range({rows})", **target), {})
    assert [row.id for row in spark.sql("SELECT id FROM shop.orders ORDER BY id").collect()] == [0, 1]


def test_a_table_that_is_no_files_is_refused(spark: Any) -> None:
    spark.sql("CREATE TABLE shop.lines (value STRING) USING text")
    with pytest.raises(remote_query.TargetError, match="table of text"):
        remote_query.run(spark, plan("SELECT 'a' AS value", **table("lines")), {})


def test_the_command_line_names_the_plan(spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plan.json").write_text(
        json.dumps(plan("SELECT int(:rows) AS id", tmp_path / "out"), indent=1)
    )
    own = ["--enable-metrics", remote_query.QUERY_ARGUMENT, str(tmp_path / "plan.json")]
    monkeypatch.setattr(sys, "argv", ["job.py", *own, "--rows", "5"])
    remote_query.main()
    assert ids(tmp_path / "out") == [5]
