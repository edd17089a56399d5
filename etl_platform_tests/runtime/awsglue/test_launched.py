"""A Glue script, as it would be deployed, run by the launcher on both engines."""

import json
from pathlib import Path

import pytest

from etl_platform_tests.runtime.builders import Project

pytestmark = pytest.mark.slow

SCRIPT = """
import json
import sys

from awsglue.context import GlueContext
from awsglue.dynamicframe import DynamicFrame
from awsglue.job import Job
from awsglue.transforms import *
from awsglue.utils import getResolvedOptions
from awsgluedq.transforms import EvaluateDataQuality
from pyspark.context import SparkContext

args = getResolvedOptions(sys.argv, ["JOB_NAME", "country"])
sc = SparkContext()
glueContext = GlueContext(sc)
spark = glueContext.spark_session
job = Job(glueContext)
job.init(args["JOB_NAME"], args)

orders = glueContext.create_dynamic_frame.from_catalog(database="shop", table_name="orders")
events = glueContext.create_dynamic_frame.from_options(
    connection_type="s3",
    connection_options={"paths": ["s3://landing/events/"], "recurse": True},
    format="json",
)
events = events.resolveChoice(specs=[("amount", "cast:double")])


def clean(record):
    record["note"] = record["note"].strip().upper()
    return record


events = Map.apply(frame=events, f=clean)
joined = Join.apply(orders, events, "id", "order_id").apply_mapping(
    [("id", "long", "id", "long"), ("country", "string", "country", "string"),
     ("amount", "double", "paid.amount", "double"), ("note", "string", "paid.note", "string")]
)
kept = Filter.apply(frame=joined, f=lambda record: record["country"] == args["country"])
quality = EvaluateDataQuality.apply(frame=kept, ruleset='Rules = [ IsComplete "id", RowCount = 2 ]')
sink = glueContext.getSink(
    connection_type="s3", path="s3://lake/paid/", enableUpdateCatalog=True, partitionKeys=["country"]
)
sink.setFormat("glueparquet")
sink.setCatalogInfo(catalogDatabase="shop", catalogTableName="paid")
sink.writeFrame(kept)
back = glueContext.create_dynamic_frame.from_catalog(database="shop", table_name="paid")
back.toDF().createOrReplaceTempView("paid_view")
total = spark.sql("select sum(paid.amount) from paid_view").collect()[0][0]
notes = sorted(row["paid"]["note"] for row in back.toDF().collect())
job.commit()
outcomes = [row["Outcome"] for row in quality.toDF().collect()]
print(json.dumps({"total": total, "notes": notes, "quality": outcomes}))
"""

EVENTS = [
    {"order_id": 1, "amount": 1.5, "note": " a "},
    {"order_id": 2, "amount": "2.5", "note": "b"},
    {"order_id": 3, "amount": 4.0, "note": "c"},
]


@pytest.mark.parametrize("engine", ["spark", "sail"])
def test_a_glue_script_runs_unchanged(tmp_path: Path, engine: str):
    project = Project(tmp_path)
    orders = [{"id": 1, "country": "AT"}, {"id": 2, "country": "AT"}, {"id": 3, "country": "DE"}]
    project.table("orders", orders)
    landing = project.root / "s3" / "landing" / "events" / "day"
    landing.mkdir(parents=True)
    (landing / "e.json").write_text("".join(json.dumps(event) + "\n" for event in EVENTS))
    run = project.run(
        SCRIPT, script_type="pyspark", engine=engine, arguments={"JOB_NAME": "paid", "country": "AT"}
    )
    assert run.exit_status == 0, run.stderr
    assert run.printed == {"total": 4.0, "notes": ["A", "B"], "quality": ["Passed", "Passed"]}
    assert (project.root / "s3" / "lake" / "paid" / "country=AT").is_dir()
