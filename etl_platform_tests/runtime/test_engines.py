"""The same scripts on Sail and on Spark: they must not be able to tell."""

import shutil
from pathlib import Path

import pyarrow.dataset as ds
import pytest

from etl_platform_tests.runtime.builders import Project

pytestmark = pytest.mark.slow

ORDERS = [
    {"id": 1, "customer": "ann", "year": 2013},
    {"id": 2, "customer": "bob", "year": 2013},
    {"id": 3, "customer": "ann", "year": 2014},
]

# What a data engineer writes for Glue or EMR: it knows nothing of this machine.
SCRIPT = """
import json, sys
from pyspark.sql import SparkSession, functions as F

spark = (
    SparkSession.builder.appName("orders report").config("spark.sql.shuffle.partitions", "3").getOrCreate()
)
orders = spark.table("shop.orders")
computed = spark.table("shop." + "cust" + "omers")
raw = spark.read.option("header", "true").csv("s3://raw/items/")
joined = orders.join(computed, "customer")
joined.write.mode("overwrite").partitionBy("year").saveAsTable("shop.report")
joined.write.mode("overwrite").saveAsTable("shop.report_copy")
raw.write.mode("overwrite").parquet("s3a://curated/items")
raw.write.mode("append").parquet("s3://curated/items")
spark.sql("INSERT INTO shop.log SELECT 7 AS id")
print(json.dumps({
    "types": dict(orders.dtypes),
    "late": spark.sql("SELECT count(*) n FROM shop.orders WHERE year > 2013").first()["n"],
    "report": spark.table("shop.report").count(),
    "written": spark.sql("SELECT count(*) n FROM parquet.`s3://curated/items`").first()["n"],
    "wildcard": spark.read.option("header", "true").csv("s3://raw/items/a*.csv").count(),
    "partitions": spark.conf.get("spark.sql.shuffle.partitions"),
    "zone": spark.conf.get("spark.sql.session.timeZone"),
    "arguments": sys.argv[1:],
}))
"""

EXPECTED = {
    "types": {"id": "bigint", "customer": "string", "year": "int"},
    "late": 1,
    "report": 3,
    "written": 4,
    "wildcard": 1,
    "partitions": "3",
    "zone": "UTC",
    "arguments": ["--JOB_NAME", "orders"],
}


def shop(folder: Path) -> Project:
    project = Project(folder)
    project.table("orders", ORDERS, partition_by="year")
    project.table("customers", [{"customer": "ann", "city": "Ulm"}, {"customer": "bob", "city": "Bern"}])
    # Both exist from earlier runs; the second is not declared anywhere.
    project.table("report", [{"id": 0, "old": True}])
    project.table("report_copy", [{"id": 0, "old": True}])
    project.tables.pop()
    project.table("log", [{"id": 1}])
    project.table("missing")
    items = project.root / "s3" / "raw" / "items"
    items.mkdir(parents=True)
    (items / "a.csv").write_text("item,price\nnut,1\n")
    (items / "b.csv").write_text("item,price\nbolt,2\n")
    return project


def rows(path: Path) -> list[dict]:
    return ds.dataset(path, partitioning="hive").to_table().to_pylist()


@pytest.mark.parametrize("engine", ["sail", "spark"])
def test_a_script_of_data_frames_and_sql(tmp_path, engine):
    project = shop(tmp_path / "my proj")
    run = project.run(
        SCRIPT, script_type="pyspark", engine=engine, buckets=["raw"], target=project.target("report")
    )
    assert run.outcome["status"] == "success", run.stderr
    assert run.printed == EXPECTED
    report = rows(project.root / "glue" / "shop" / "report")
    assert sorted((row["id"], row["city"], row["year"]) for row in report) == [
        (1, "Ulm", 2013),
        (2, "Bern", 2013),
        (3, "Ulm", 2014),
    ]
    assert len(rows(project.root / "glue" / "shop" / "report_copy")) == 3
    assert sorted(row["id"] for row in rows(project.root / "glue" / "shop" / "log")) == [1, 7]
    assert run.outcome["metrics"]["output_file_count"] == len(
        list((project.root / "glue" / "shop" / "report").rglob("*.parquet"))
    )
    measured = run.outcome["metrics"].keys()
    assert ("data_read_gb" in measured) == (engine == "spark")
    assert run.outcome["metrics"]["memory_mb_max"] > 50


REFUSALS = """
import json
from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
bucket = "other"
said = {}
for name, act in {
    "bucket": lambda: spark.range(3).write.parquet(f"s3://{bucket}/x"),
    "path": lambda: spark.read.parquet("s3://raw/nowhere").count(),
    "self": lambda: spark.read.parquet("s3://raw/own").write.mode("overwrite").parquet("s3://raw/own"),
}.items():
    try:
        act()
        said[name] = "done"
    except Exception as error:
        said[name] = str(error)
print(json.dumps(said))
spark.table("shop.missing").count()
"""


def test_on_sail_what_must_not_happen_is_refused(tmp_path):
    project = shop(tmp_path)
    project.table("own", [{"id": 1}]).rename(project.root / "s3" / "raw" / "own")
    run = project.run(REFUSALS, script_type="pyspark", engine="sail", buckets=["raw"])
    assert 'bucket "other" is not known to this job' in run.printed["bucket"]
    assert "PATH_NOT_FOUND" in run.printed["path"]
    assert "also being read from" in run.printed["self"]
    assert rows(project.root / "s3" / "raw" / "own") == [{"id": 1}]
    error = run.outcome["error"]
    assert error["error_class"] == "missing_input"
    assert f"Glue table shop.missing has no data here: {project.root}" in error["message"]


SETTINGS = """
import json
from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession

context = SparkContext(conf=SparkConf().set("spark.driver.memory", "640m"))
spark = SparkSession(context)
names = ("driver.memory", "sql.shuffle.partitions", "sql.session.timeZone", "app.name")
said = {name: spark.conf.get(f"spark.{name}") for name in names}
said["heap_mb"] = context._jvm.java.lang.Runtime.getRuntime().maxMemory() // 2**20
bucket = "other"
try:
    spark.range(3).write.parquet(f"s3://{bucket}/etl-platform-test")
except Exception as error:
    said["bucket"] = str(error)
print(json.dumps(said))
full = [context._gateway.new_array(context._jvm.long, 40_000_000) for _ in range(10)]
"""


def test_on_spark_settings_of_the_script_win_and_an_exhausted_heap_is_told(tmp_path):
    conf = {"spark.sql.shuffle.partitions": 7, "spark.driver.memory": "2g"}
    run = Project(tmp_path).run(SETTINGS, script_type="pyspark", engine="spark", spark_conf=conf)
    assert run.printed["heap_mb"] <= 640
    assert run.printed["driver.memory"] == "640m"
    assert run.printed["sql.shuffle.partitions"] == "7"
    assert run.printed["sql.session.timeZone"] == "UTC"
    assert run.printed["app.name"] == "orders"
    # A bucket that is mapped to nothing must not be written anywhere, least of all to the machine's root.
    assert "Could not initialize target File System for URI : s3://other/" in run.printed["bucket"]
    assert not Path("/etl-platform-test").exists()
    assert (run.outcome["status"], run.outcome["error"]["error_class"]) == ("failed", "out_of_memory")


def query(project: Project, sql: str, engine: str = "sail", **target):
    return project.run(
        script_type="sql", engine=engine, sql=sql, target=project.target("report", **target), buckets=[]
    )


@pytest.mark.parametrize("engine", ["sail", "spark"])
def test_a_query_replaces_the_target_and_counts_what_it_wrote(tmp_path, engine):
    project = shop(tmp_path)
    run = project.run(
        script_type="sql",
        engine=engine,
        sql="SELECT customer, year FROM shop.orders WHERE id <= :limit;",
        arguments={"limit": 2},
        target=project.target("report", partition_by=["year"]),
    )
    assert run.outcome["status"] == "success", run.stderr
    path = project.root / "glue" / "shop" / "report"
    assert run.outcome["result"] == {"rows_written": 2, "files_written": len(list(path.rglob("*.parquet")))}
    assert sorted(row["customer"] for row in rows(path)) == ["ann", "bob"]
    assert [folder.name for folder in path.iterdir() if folder.is_dir()] == ["year=2013"]


def test_a_query_that_fails_leaves_the_old_data(tmp_path):
    project = shop(tmp_path)
    run = query(project, "SELECT id, assert_true(id < 3) FROM shop.orders")
    assert run.outcome["status"] == "failed"
    assert rows(project.root / "glue" / "shop" / "report") == [{"id": 0, "old": True}]
    assert not [path for path in (project.root / "glue" / "shop").iterdir() if "staging" in path.name]


def test_a_query_may_read_the_table_that_it_replaces(tmp_path):
    project = shop(tmp_path)
    assert query(project, "SELECT id + 1 AS id FROM shop.report").outcome["status"] == "success"
    assert rows(project.root / "glue" / "shop" / "report") == [{"id": 1}]


def test_a_query_appends(tmp_path):
    project = shop(tmp_path)
    query(project, "SELECT 5L AS id, false AS old", mode="append")
    assert sorted(row["id"] for row in rows(project.root / "glue" / "shop" / "report")) == [0, 5]


def test_a_query_replaces_only_the_partitions_that_it_fills(tmp_path):
    project = shop(tmp_path)
    keys = {"partition_by": ["year"], "mode": "overwrite_partitions"}
    query(project, "SELECT id, year FROM shop.orders", partition_by=["year"])
    query(project, "SELECT 9L AS id, 2014 AS year", **keys)
    report = rows(project.root / "glue" / "shop" / "report")
    assert sorted((row["id"], row["year"]) for row in report) == [(1, 2013), (2, 2013), (9, 2014)]


@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_query_writes_text_formats(tmp_path, form):
    project = shop(tmp_path)
    run = query(project, "SELECT id FROM shop.orders", format=form)
    assert run.outcome["result"]["rows_written"] == 3


@pytest.mark.parametrize(
    ("engine", "form", "partition_by", "columns"),
    [
        ("sail", "parquet", [], ["id", "year"]),
        ("sail", "parquet", ["year"], ["id", "year"]),
        ("sail", "csv", [], ["id", "year"]),
        ("sail", "json", [], []),
        ("spark", "parquet", ["year"], ["id", "year"]),
    ],
)
def test_a_query_without_rows_leaves_an_empty_target_with_its_columns(
    tmp_path, engine, form, partition_by, columns
):
    project = shop(tmp_path / "my proj")
    sql = "SELECT id, year FROM shop.orders WHERE id > 9"
    run = query(project, sql, engine, format=form, partition_by=partition_by)
    assert run.outcome["status"] == "success", run.stderr
    assert run.outcome["result"]["rows_written"] == 0
    path = project.root / "glue" / "shop" / "report"
    if form == "json":
        assert [file.stat().st_size for file in path.iterdir() if file.suffix == ".json"] == [0]
        return
    data = ds.dataset(path, format=form, partitioning="hive")
    assert (data.schema.names, data.count_rows()) == (columns, 0)


def test_a_query_fills_a_partitioned_target_that_was_empty(tmp_path):
    project = shop(tmp_path)
    keys = {"mode": "append", "partition_by": ["year"]}
    shutil.rmtree(project.root / "glue" / "shop" / "report")
    for bound in (9, 1):
        run = query(project, f"SELECT id, year FROM shop.orders WHERE id > {bound}", **keys)
        assert run.outcome["status"] == "success", run.stderr
    report = rows(project.root / "glue" / "shop" / "report")
    assert sorted((row["id"], row["year"]) for row in report) == [(2, 2013), (3, 2014)]


@pytest.mark.parametrize("mode", ["append", "overwrite_partitions"])
def test_a_query_without_rows_adds_nothing(tmp_path, mode):
    project = shop(tmp_path)
    query(project, "SELECT id, year FROM shop.orders", partition_by=["year"])
    sql = "SELECT id, year FROM shop.orders WHERE id > 9"
    run = query(project, sql, mode=mode, partition_by=["year"])
    assert run.outcome["result"] == {"rows_written": 0, "files_written": 0}, run.stderr
    assert len(rows(project.root / "glue" / "shop" / "report")) == 3


def test_a_table_of_a_database_that_nothing_declares_is_found(tmp_path):
    project = Project(tmp_path)
    project.table("orders", ORDERS)
    project.tables.clear()
    script = (
        "from pyspark.sql import SparkSession\n"
        'print(SparkSession.builder.getOrCreate().table("shop.orders").count())\n'
    )
    run = project.run(script, script_type="pyspark", engine="sail", buckets=[])
    assert (run.folder / "stdout.log").read_text().split()[-1] == "3"


def test_a_csv_table_has_the_names_and_types_that_its_source_declares(tmp_path):
    project = Project(tmp_path)
    folder = project.table("orders")
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text("Provider Id,Name\n10001,a\nINC,b\n")
    project.tables[0] |= {"format": "csv", "columns": {"provider id": "bigint"}}
    script = (
        "from pyspark.sql import SparkSession\n"
        'orders = SparkSession.builder.getOrCreate().table("shop.orders")\n'
        "print(orders.dtypes, orders.count())\n"
    )
    run = project.run(script, script_type="pyspark", engine="spark", buckets=[])
    assert "[('provider id', 'bigint'), ('Name', 'string')] 2" in (run.folder / "stdout.log").read_text()
