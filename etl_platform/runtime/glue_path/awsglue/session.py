"""The Spark session of the job."""

import os
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql.utils import is_remote


def session() -> SparkSession:
    """The session that the launcher has set up, on either engine."""
    # PySpark's stubs take this for a property without type.
    builder: Any = SparkSession.builder
    return builder.getOrCreate()


def on_sail() -> bool:
    """Whether the engine is one behind Spark Connect, which has no JVM in this process: Sail."""
    return bool(os.environ.get("SPARK_REMOTE")) or is_remote()
