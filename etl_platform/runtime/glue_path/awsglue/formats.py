"""Glue's formats and their options, in Spark's words."""

from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException

from .refusal import NotSupportedLocally
from .session import on_sail

FORMATS = {
    "csv": "csv",
    "json": "json",
    "parquet": "parquet",
    "glueparquet": "parquet",
    "orc": "orc",
    "avro": "avro",
    "xml": "xml",
}
"""Glue's format to Spark's."""
SPARK_ERRORS = (PySparkException, Py4JJavaError)
"""What Spark raises, on either engine, where it does not know a format."""
CSV = {"separator": "sep", "escaper": "escape", "quoteChar": "quote", "encoding": "encoding"}
ATTACHED = {"attachFilename": "file_path", "attachTimestamp": "file_modification_time"}
"""Format options that name a column for a fact of a record's file, and Spark's name of the fact."""
JARS = {
    "avro": "spark-avro_<Scala version>-<Spark version>.jar (org.apache.spark:spark-avro of Maven Central)",
    "xml": "spark-xml_<Scala version>-<version>.jar (com.databricks:spark-xml of Maven Central)",
}
"""Formats that Spark as PySpark brings it lacks (xml: before Spark 4), and the jar that has each."""
XML = (
    *("rowTag", "encoding", "attributePrefix", "valueTag", "ignoreSurroundingSpaces", "excludeAttribute"),
    "treatEmptyValuesAsNulls",
)
READ: dict[str, set[str]] = {
    "csv": {*CSV, "multiLine", "withHeader", "skipFirst"},
    "json": {"jsonPath", "multiLine"},
    "xml": {*XML, "withSchema"},
    "avro": {"version"},
}
WRITE: dict[str, set[str]] = {
    "csv": {*CSV, "writeHeader"},
    "parquet": {"compression", "blockSize", "pageSize"},
    "avro": {"version"},
}
TUNING = {"optimizePerformance", "strictCheckForQuoting", "useGlueParquetWriter", "batchSize", "inferSchema"}
"""Options that change how fast Glue reads or writes, and not what: CSV read by path is text all the same."""
SPARK_OWN = ("parquet", "orc")
"""Formats whose further connection options Glue hands to Spark's own reader."""


def spark_format(name: str | None) -> str:
    """Spark's name of a format.

    Raises:
        NotSupportedLocally: The format is not known here, or there is none.
    """
    if name not in FORMATS:
        raise NotSupportedLocally(f"format={name!r}", f"one of {', '.join(FORMATS)}")
    return FORMATS[name]


def read_options(format: str, options: dict[str, Any]) -> dict[str, Any]:
    """Spark's reader options of Glue's format options.

    Raises:
        NotSupportedLocally: An option is not known here.
    """
    given = _known(format, options, READ, "read")
    made: dict[str, Any] = {}
    if format == "csv":
        made = _csv(given)
        made["header"] = is_true(given.get("withHeader")) or is_true(given.get("skipFirst"))
    if format == "xml":
        made = {name: value for name, value in given.items() if name in XML}
    if is_true(given.get("multiLine")):
        made["multiLine"] = True
    return made


def write_options(format: str, options: dict[str, Any]) -> dict[str, Any]:
    """Spark's writer options of Glue's format options.

    Raises:
        NotSupportedLocally: An option is not known here.
    """
    if format == "xml":
        raise NotSupportedLocally(
            "format='xml' to write", "json, csv, parquet or orc", "AWS Glue only reads it."
        )
    given = _known(format, options, WRITE, "write")
    if format == "csv":
        return _csv(given) | {"header": is_true(given.get("writeHeader", True))}
    names = {"blockSize": "parquet.block.size", "pageSize": "parquet.page.size"}
    return {names.get(name, name): value for name, value in given.items() if name != "version"}


def _csv(given: dict[str, Any]) -> dict[str, Any]:
    made = {CSV[name]: _quote(value) for name, value in given.items() if name in CSV}
    # Glue escapes by doubled quotes alone (RFC 4180) unless told otherwise, Spark by backslashes.
    return {"escape": made.get("quote", '"'), **made} if made.get("quote") != "" else made


def _known(format: str, options: dict[str, Any], known: dict[str, set[str]], verb: str) -> dict[str, Any]:
    given = {("multiLine" if name == "multiline" else name): value for name, value in options.items()}
    names = known.get(format, set())
    unknown = sorted(set(given) - names - TUNING)
    if unknown:
        nearest = f"one of {', '.join(sorted(names))}" if names else f"{format} without options"
        raise NotSupportedLocally(f"format_options {unknown[0]!r} to {verb} {format}", nearest)
    return {name: value for name, value in given.items() if name in names}


def absent(format: str, error: Exception) -> NotSupportedLocally | None:
    """The refusal of a format that this Spark lacks, with the jar; None where the error is another."""
    text = str(error).lower()
    if format not in JARS or not ("data source" in text or "not implemented" in text):
        return None
    if on_sail():
        why = "The engine `sail` reads avro and has neither a writer of it nor xml."
        return NotSupportedLocally(
            f"format={format!r}", "the engine `spark`, or json, csv, parquet, orc", why
        )
    why = (
        f"Spark as it is installed here does not have it: add {JARS[format]} to `execution.jars` of the job."
    )
    return NotSupportedLocally(f"format={format!r}", "json, csv, parquet or orc", why)


def is_true(value: Any) -> bool:
    """Whether an option is on; Glue takes booleans and texts."""
    return value is True or str(value).lower() == "true"


def _quote(value: Any) -> Any:
    """Glue switches quoting off with -1, Spark with nothing."""
    return "" if str(value) == "-1" else value
