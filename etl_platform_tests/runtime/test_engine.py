import pytest

from etl_platform.runtime.engine import choose

PLAIN = "from pyspark.sql import SparkSession\nspark = SparkSession.builder.getOrCreate()\n"


@pytest.mark.parametrize(
    "script",
    [
        PLAIN + "spark.table('shop.orders').groupBy('k').count().write.mode('overwrite').saveAsTable('a.b')",
        PLAIN + "spark.read.option('header', True).csv('s3://raw/x').createOrReplaceTempView('x')",
        PLAIN
        + "from pyspark.sql import functions as F, Window\nspark.range(3).withColumn('n', F.lit(1)).show()",
    ],
)
def test_a_script_of_data_frames_and_sql_runs_on_sail(script):
    assert choose(script, "pyspark", "auto")[0] == "sail"


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("spark.sparkContext.setLogLevel('WARN')", "line 3 uses `sparkContext`"),
        ("spark._jvm.java.lang.System.gc()", "_jvm"),
        ("spark.range(3).rdd.map(str).collect()", "rdd"),
        ("from pyspark import SparkContext", "SparkContext"),
        ("from awsglue.context import GlueContext", "awsglue"),
        ("import pyspark.pandas as ps", "pyspark.pandas"),
        ("spark.readStream.format('rate').load()", "readStream"),
        ("spark.range(3).foreachPartition(print)", "foreachPartition"),
        ("spark.range(3).write.orc('s3://a-bucket/x')", "orc"),
        ("spark.read.format('jdbc').load()", "jdbc"),
        ("spark.read.csv('x', nullValue='NA')", "nullValue"),
        ("spark.read.option('inferSchema', True).csv('x')", "inferSchema"),
        (
            "spark.conf.set('spark.sql.sources.partitionOverwriteMode', 'dynamic')",
            "overwrites all partitions",
        ),
        ("spark.conf.set('spark.hadoop.fs.s3a.endpoint', 'x')", "spark.hadoop."),
        ("from pyspark.sql.utils import AnalysisException", "AnalysisException"),
    ],
)
def test_what_spark_connect_lacks_or_sail_does_otherwise_needs_spark_and_the_reason_names_it(line, named):
    engine, reason = choose(PLAIN + line, "pyspark", "auto")
    assert engine == "spark"
    assert named in reason


GLUE = """
from awsglue.context import GlueContext
from awsgluedq.transforms import EvaluateDataQuality
from pyspark.context import SparkContext
glue = GlueContext(SparkContext.getOrCreate())
"""


def test_where_the_glue_library_and_jdbc_have_stand_ins_sail_runs_them():
    assert choose(GLUE, "pyspark", local_arguments={"JOB_NAME": "j"})[0] == "sail"
    assert choose(PLAIN + "spark.read.format('jdbc').load()", "pyspark", local_arguments={})[0] == "sail"


@pytest.mark.parametrize(
    ("line", "arguments", "named"),
    [
        ("glue.create_dynamic_frame.from_rdd(data, 'x')", {}, "from_rdd"),
        ("options = {'exclusions': '**.tmp'}", {}, "exclusions"),
        ("options = {'quoteChar': -1}", {}, "quoteChar"),
        ("glue.spark_session.sparkContext.setLogLevel('WARN')", {}, "sparkContext"),
        ("glue.write_dynamic_frame.from_options(frame, 's3', {}, format='orc')", {}, "orc"),
        ("", {"job-bookmark-option": "job-bookmark-enable"}, "bookmark"),
    ],
)
def test_what_a_glue_script_cannot_do_on_sail_needs_spark(line, arguments, named):
    engine, reason = choose(GLUE + line, "pyspark", local_arguments=arguments)
    assert engine == "spark"
    assert named in reason


def test_a_request_wins_over_what_the_script_uses():
    assert choose(PLAIN + "spark.sparkContext", "pyspark", "sail")[0] == "sail"
    assert choose(PLAIN, "pyspark", "spark")[0] == "spark"


def test_plain_python_has_no_engine():
    assert choose("print(1)", "python", "spark")[0] == "none"


def test_a_script_that_is_not_python_goes_to_spark_whose_run_shows_the_error():
    assert choose("def (", "pyspark", "auto")[0] == "spark"


def test_a_query_runs_on_sail_unless_it_needs_hive():
    assert choose("SELECT count(*) FROM a.b", "sql", "auto")[0] == "sail"
    assert choose("CREATE TABLE t (a INT) STORED AS PARQUET", "sql", "auto")[0] == "spark"
    assert choose("SHOW PARTITIONS a.b", "sql", "auto")[0] == "spark"


@pytest.mark.parametrize(
    "keys",
    [
        {"formats": ["parquet", "orc"]},
        {"has_jars": True},
        {"spark_conf": ["spark.sql.sources.partitionOverwriteMode"]},
    ],
)
def test_formats_jars_and_settings_of_the_job_count_too(keys):
    assert choose(PLAIN, "pyspark", "auto", **keys)[0] == "spark"
