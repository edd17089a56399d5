"""Seconds of a Glue script against the same logic in plain PySpark, on Spark and on Sail.

    python -m etl_platform_tests.benchmarks.glue [ROWS] [REPEATS]

Both scripts are run by the launcher, each in a process of its own; medians of the seconds from a script's
first line to its last, with Spark's start. The target is a ratio of at most 1.2.
"""

import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from etl_platform_tests.runtime.builders import Project

ROWS = 20_000_000
REPEATS = 3
TARGET_RATIO = 1.2

PLAIN = """
import sys
from pyspark.sql import SparkSession, functions as F

spark = SparkSession.builder.getOrCreate()
orders = spark.table("shop.orders").select(
    F.col("id").alias("order_id"), F.col("customer").cast("int"), F.col("total").cast("string")
)
customers = spark.table("shop.customers")
joined = orders.join(customers, orders["customer"] == customers["key"]).where("country = 1")
joined = joined.withColumn("amount", F.col("total").cast("double")).drop("total", "key")
daily = joined.groupBy("customer").agg(F.sum("amount").alias("amount"))
daily.write.mode("append").parquet("s3://lake/plain")
"""

GLUE = """
import sys
from awsglue.context import GlueContext
from awsglue.dynamicframe import DynamicFrame
from awsglue.job import Job
from awsglue.transforms import ApplyMapping, DropFields, Join, ResolveChoice
from awsglue.utils import getResolvedOptions
from pyspark.context import SparkContext
from pyspark.sql import functions as F

args = getResolvedOptions(sys.argv, ["JOB_NAME"])
glueContext = GlueContext(SparkContext())
job = Job(glueContext)
job.init(args["JOB_NAME"], args)
orders = glueContext.create_dynamic_frame.from_catalog(database="shop", table_name="orders")
customers = glueContext.create_dynamic_frame.from_catalog(database="shop", table_name="customers")
orders = ApplyMapping.apply(frame=orders, mappings=[
    ("id", "long", "order_id", "long"),
    ("customer", "long", "customer", "int"),
    ("total", "double", "total", "string"),
])
joined = Join.apply(orders, customers, "customer", "key")
joined = DynamicFrame.fromDF(joined.toDF().where("country = 1"), glueContext, "some")
joined = ResolveChoice.apply(frame=joined, specs=[("total", "cast:double")]).rename_field("total", "amount")
joined = DropFields.apply(frame=joined, paths=["key"])
daily = joined.toDF().groupBy("customer").agg(F.sum("amount").alias("amount"))
glueContext.write_dynamic_frame.from_options(
    frame=DynamicFrame.fromDF(daily, glueContext, "daily"),
    connection_type="s3", connection_options={"path": "s3://lake/glue"}, format="parquet",
)
job.commit()
"""


def data(project: Project, rows: int) -> None:
    """Orders of a hundred thousand customers, as Parquet tables."""
    customers = 100_000
    ids, keys = np.arange(rows), np.arange(customers, dtype=np.int32)
    tables = {
        "orders": {"id": ids, "customer": ids % customers, "total": ids / 7},
        "customers": {"key": keys, "country": keys % 10},
    }
    for name, columns in tables.items():
        path = project.table(name)
        path.mkdir(parents=True)
        pq.write_table(pa.table(columns), path / "data.parquet")


def seconds(project: Project, script: str, engine: str) -> float:
    """Seconds of one run, from the script's first line to its last."""
    timed = f"import time\nstarted = time.perf_counter()\n{script}\nprint(time.perf_counter() - started)\n"
    run = project.run(timed, script_type="pyspark", engine=engine)
    if run.exit_status:
        raise RuntimeError(f"the script failed on {engine}:\n{run.stderr[-2000:]}")
    return float(run.stdout.splitlines()[-1])


def main(rows: int = ROWS, repeats: int = REPEATS) -> None:
    """Print both medians and their ratio for each engine."""
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder))
        data(project, rows)
        for engine in ("spark", "sail"):
            taken: dict[str, list[float]] = {"plain": [], "glue": []}
            for _ in range(repeats):
                taken["plain"].append(seconds(project, PLAIN, engine))
                taken["glue"].append(seconds(project, GLUE, engine))
            plain, glue = statistics.median(taken["plain"]), statistics.median(taken["glue"])
            ratio = f"ratio {glue / plain:.2f} (target: at most {TARGET_RATIO})"
            print(f"{engine}: plain {plain:.2f} s, Glue {glue:.2f} s, {ratio}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
