"""Which calls run Spark jobs: the inference of a schema once, and actions."""

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from etl_platform_tests.runtime.awsglue.files import read_json, write_json

pytestmark = pytest.mark.slow


@pytest.fixture
def jobs_of(spark: Any) -> Callable[[Callable[[], Any]], int]:
    """Counts the Spark jobs that a call starts."""

    def count(call: Callable[[], Any]) -> int:
        group = uuid.uuid4().hex
        spark.sparkContext.setJobGroup(group, group)
        call()
        spark.sparkContext.setLocalProperty("spark.jobGroup.id", None)
        return len(spark.sparkContext.statusTracker().getJobIdsForGroup(group))

    return count


def transformed(frame: Any) -> Any:
    other = frame.rename_field("id", "other_id").select_fields(["other_id"])
    frame = frame.apply_mapping([("id", "int", "id", "long"), ("v", "string", "v", "string")])
    frame = frame.resolveChoice(specs=[("v", "cast:string")]).filter(lambda record: record["id"] > 0)
    frame = frame.join(["id"], ["other_id"], other).drop_fields(["other_id"]).unnest()
    return frame.map(lambda record: record)


def test_reading_and_transforming_json_runs_no_job(glue: Any, tmp_path: Path, jobs_of: Any):
    path = write_json(tmp_path, [{"id": 1, "v": "a"}])
    assert jobs_of(lambda: transformed(read_json(glue, path))) == 0


def test_transforming_a_dataframe_runs_no_job(glue: Any, spark: Any, jobs_of: Any):
    from awsglue.dynamicframe import DynamicFrame

    df = spark.createDataFrame([(1, "a")], "id int, v string")
    frame = DynamicFrame.fromDF(df, glue, "f")
    assert jobs_of(lambda: transformed(frame)) == 0


def test_relationalizing_a_known_schema_runs_no_job(glue: Any, spark: Any, jobs_of: Any):
    from awsglue.dynamicframe import DynamicFrame

    frame = DynamicFrame.fromDF(spark.createDataFrame([([1],)], "a array<int>"), glue, "f")
    assert jobs_of(lambda: frame.relationalize("root").select("root_a").schema()) == 0


def test_a_schema_is_inferred_in_one_job_and_kept(glue: Any, tmp_path: Path, jobs_of: Any):
    frame = read_json(glue, write_json(tmp_path, [{"id": 1, "v": "a"}, {"id": "x"}]))
    assert (jobs_of(frame.schema), jobs_of(frame.schema), jobs_of(frame.toDF)) == (1, 0, 0)


def test_transforms_share_the_inference_of_their_source(glue: Any, tmp_path: Path, jobs_of: Any):
    frame = read_json(glue, write_json(tmp_path, [{"id": 1, "v": "a"}]))
    one, two = frame.select_fields(["id"]), frame.rename_field("v", "w")
    assert jobs_of(lambda: (one.schema(), two.schema(), frame.toDF())) == 1


def test_a_catalog_s_table_needs_no_job(glue: Any, spark: Any, database: str, jobs_of: Any):
    spark.sql(f"CREATE TABLE {database}.t USING parquet AS SELECT 1 AS id, 'a' AS v")
    assert jobs_of(lambda: glue.create_dynamic_frame.from_catalog(database, "t").toDF()) == 0
