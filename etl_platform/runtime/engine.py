"""Which engine runs a script on this machine: Spark, or Sail where it can do what the script asks."""

import ast
import importlib.util
import re
from collections.abc import Iterable, Mapping
from typing import Literal

from etl_platform.runtime.script_facts import imported_modules, parse, string_constants

Engine = Literal["spark", "sail", "none"]

# Names that only exist beside a JVM: Spark Connect has no SparkContext, RDD or Py4J gateway.
_JVM_NAMES = frozenset(
    {
        *("sparkContext", "SparkContext", "SparkConf", "SQLContext", "HiveContext"),
        *("_jvm", "_jsc", "_jdf", "_jsparkSession", "_sc", "_ssql_ctx", "_gateway"),
        *("rdd", "parallelize", "textFile", "wholeTextFiles", "newAPIHadoopFile", "sequenceFile"),
        *("accumulator", "Accumulator", "StorageLevel", "addPyFile", "hadoopConfiguration"),
        *("foreachPartition", "foreach", "mapPartitions", "saveAsTextFile", "saveAsHadoopFile", "toJSON"),
        *("readStream", "writeStream", "foreachBatch", "streams"),
    }
)
# Tried with pysail 0.7: these run, and do something else than Spark, or are refused. Methods, functions,
# and names of reader and writer options, which stand in keywords or strings.
_SPARK_BEHAVIOUR = {
    **dict.fromkeys(
        (
            *(
                "nullValue",
                "nanValue",
                "emptyValue",
                "encoding",
                "charset",
                "escape",
                "quoteAll",
                "multiLine",
            ),
            *("dateFormat", "timestampFormat", "timestampNTZFormat", "columnNameOfCorruptRecord"),
            *("ignoreLeadingWhiteSpace", "ignoreTrailingWhiteSpace", "pathGlobFilter", "recursiveFileLookup"),
            *("maxRecordsPerFile", "DROPMALFORMED", "FAILFAST", "basePath"),
        ),
        "Sail ignores that option",
    ),
    "inferSchema": "Sail tells other types from text than Spark",
    "input_file_name": "Sail does not have it",
    "monotonically_increasing_id": "Sail counts otherwise",
    "spark_partition_id": "Sail counts otherwise",
    "percentile_approx": "Sail approximates otherwise",
    "approxQuantile": "Sail approximates otherwise",
    "checkpoint": "Sail keeps no checkpoints",
    "localCheckpoint": "Sail keeps no checkpoints",
    "bucketBy": "Sail does not bucket",
    "jdbc": "Sail has no JDBC",
    "orc": "Sail has no ORC",
    "xml": "Sail has no XML",
    # Connect analyses a plan at the first action, after the `try` around the reader has ended.
    "AnalysisException": "Spark Connect raises it later than Spark does",
}
_SPARK_TEXT = {
    "partitionoverwritemode": "Sail overwrites all partitions where Spark's dynamic mode keeps the others",
    "spark.jars": "Sail loads no jars",
    "org.apache.": "Sail loads no Java classes",
    "com.databricks.": "Sail loads no Java classes",
    "stored as": "Sail has no Hive tables",
    "create temporary function": "Sail loads no Java classes",
    "add jar": "Sail loads no jars",
    "show partitions": "Sail has no such statement",
    "msck repair": "Sail has no such statement",
    "spark.hadoop.": "Sail has no Hadoop configuration",
}
_SPARK_FORMATS = {"orc", "jdbc", "xml", "hive", "hudi", "avro"}
_SPARK_MODULES = {
    "pyspark.streaming": "it streams",
    "pyspark.rdd": "it uses RDDs",
    "pyspark.mllib": "it uses RDD-based machine learning",
    "pyspark.ml": "it uses Spark's machine learning",
    "pyspark.pandas": "it uses pandas on Spark",
    "awsglue": "it uses the Glue library",
    "awsgluedq": "it uses the Glue library",
    "graphframes": "it needs a jar",
    "delta": "it needs a jar",
    "pydeequ": "it needs a jar",
    "sedona": "it needs a jar",
}
_GLUE_LIBRARY = ("awsglue", "awsgluedq")
# Tried with this package's Glue library on pysail 0.7: all else that it has gives the same as on Spark.
_GLUE_NEEDS_SPARK = {
    "from_rdd": "Sail has no RDDs",
    "create_dynamic_frame_from_rdd": "Sail has no RDDs",
    "getNumPartitions": "Sail has no partitions to count",
    "forEachBatch": "Sail does not stream",
    "attachFilename": "Sail does not tell the file of a row",
    "attachTimestamp": "Sail does not tell the file of a row",
    "exclusions": "Sail does not tell the partitions of single files",
    "quoteChar": "Sail cannot switch quoting off",
}


def sail_is_installed() -> bool:
    """Whether Sail is on the path; it is not loaded."""
    return importlib.util.find_spec("pysail") is not None


def _needs_spark(tree: ast.AST, *, stand_ins: bool) -> str | None:
    """Why a script needs Spark itself, with the line; None where Spark Connect has all it uses.

    Args:
        tree: The script.
        stand_ins: The Glue library and JDBC have stand-ins where it runs.
    """
    modules = imported_modules(tree)
    glue = stand_ins and any(module.partition(".")[0] in _GLUE_LIBRARY for module in modules)
    has_it = {*(["jdbc"] if stand_ins else []), *(["SparkContext"] if glue else [])}
    behaviour = {**_SPARK_BEHAVIOUR, **(_GLUE_NEEDS_SPARK if glue else {})}
    for name, reason in _SPARK_MODULES.items():
        if glue and name in _GLUE_LIBRARY:
            continue
        if any(module == name or module.startswith(f"{name}.") for module in modules):
            return f"it imports {name} ({reason})"
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        names: list[str] = []
        if isinstance(node, ast.Attribute):
            names = [node.attr]
        elif isinstance(node, ast.Name):
            names = [node.id]
        elif isinstance(node, ast.ImportFrom):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.keyword) and node.arg:
            names, line = [node.arg], node.value.lineno
        elif isinstance(node, ast.Constant) and node.value in behaviour:
            names = [str(node.value)]
        for name in names:
            if name in has_it:
                continue
            if name in _JVM_NAMES:
                return f"line {line} uses `{name}`, which Spark Connect does not have"
            if name in behaviour:
                return f"line {line} uses `{name}`: {behaviour[name]}"
    for text in string_constants(tree):
        if text.lower() in _SPARK_FORMATS - has_it:
            return f'it names the format "{text}", which Sail does not have'
        if reason := _text_needs_spark(text):
            return reason
    return None


def _text_needs_spark(text: str) -> str | None:
    lowered = " ".join(text.lower().split())
    return next((f'it names "{key}": {why}' for key, why in _SPARK_TEXT.items() if key in lowered), None)


def _query_needs_spark(query: str) -> str | None:
    words = set(re.findall(r"\w+", query.lower()))
    return next(
        (f"it uses `{name}`: {why}" for name, why in _SPARK_BEHAVIOUR.items() if name.lower() in words), None
    )


def choose(
    script_text: str,
    kind: Literal["pyspark", "python", "sql"],
    requested: Literal["auto", "spark", "sail"] = "auto",
    *,
    formats: Iterable[str | None] = (),
    has_jars: bool = False,
    misread_by_sail: str | None = None,
    spark_conf: Iterable[str] = (),
    local_arguments: Mapping[str, object] | None = None,
) -> tuple[Engine, str]:
    """Choose the engine of a run. The script is parsed, not run.

    Args:
        script_text: The script, or the query of a `sql` job.
        kind: Type of the script.
        requested: What the user asks for; `auto` takes Sail where it can do the work, because it
            starts at once.
        formats: Formats of the sources and the target.
        has_jars: The job brings jars.
        misread_by_sail: What Sail reads otherwise than Spark of the job's inputs, where it does.
        spark_conf: Names of the job's own Spark settings.
        local_arguments: Arguments of a run on this machine, where the Glue library and the tables behind JDBC
            have stand-ins; None of a run elsewhere.

    Returns:
        The engine, and one sentence that says why. Plain Python has the engine `none`.
    """
    if kind == "python":
        return "none", "Plain Python needs no engine."
    if requested != "auto":
        return requested, f"{requested} was asked for."
    if not sail_is_installed():
        return "spark", "Spark: Sail is not installed (`pip install etl-platform[sail]`)."
    if has_jars:
        return "spark", "Spark: the job brings jars."
    if misread_by_sail:
        return "spark", f"Spark: {misread_by_sail}."
    for form in formats:
        if form in _SPARK_FORMATS:
            return "spark", f'Spark: Sail does not have the format "{form}".'
    if reason := _text_needs_spark(" ".join(spark_conf)):
        return "spark", f"Spark: of the job's settings, {reason}."
    if kind == "sql":
        reason = _text_needs_spark(script_text) or _query_needs_spark(script_text)
        return ("spark", f"Spark: {reason}.") if reason else ("sail", "Sail: a query.")
    tree = parse(script_text)
    if tree is None:
        return "spark", "Spark: the script could not be read as Python."
    stand_ins = local_arguments is not None
    if stand_ins and any("job-bookmark" in name for name in local_arguments):
        return "spark", "Spark: a job bookmark picks files, of which Sail does not tell the partitions."
    if reason := _needs_spark(tree, stand_ins=stand_ins):
        return "spark", f"Spark: {reason}."
    return "sail", "Sail: the script uses only what Spark Connect has."
