"""The Spark session of the job."""

from typing import Any

from pyspark.sql import SparkSession


def session() -> SparkSession:
    """The session that the launcher has set up, on either engine."""
    # PySpark's stubs take this for a property without type.
    builder: Any = SparkSession.builder
    return builder.getOrCreate()
