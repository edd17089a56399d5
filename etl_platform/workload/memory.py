"""How much of an executor's memory broadcast tables may take."""

import re

from etl_platform.config.models.job import Job

# AWS Glue developer guide, "Worker types".
GLUE_WORKER_GB = {
    "G.025X": 4.0,
    "G.1X": 16.0,
    "G.2X": 32.0,
    "G.4X": 64.0,
    "G.8X": 128.0,
    "G.12X": 192.0,
    "G.16X": 256.0,
    "R.1X": 32.0,
    "R.2X": 64.0,
    "R.4X": 128.0,
    "R.8X": 256.0,
}

# Spark's documented defaults: `spark.executor.memoryOverheadFactor`, reserved memory,
# `spark.memory.fraction`, `spark.memory.storageFraction`. Broadcast tables live in the storage part.
OVERHEAD_FACTOR = 0.1
RESERVED_GB = 300 / 1024
MEMORY_FRACTION = 0.6
STORAGE_FRACTION = 0.5

UNITS_GB = {"": 2**-30, "b": 2**-30, "k": 2**-20, "m": 2**-10, "g": 1.0, "t": 1024.0}


def broadcast_memory_gb(executor_memory_gb: float) -> float:
    """The part of an executor's memory that Spark keeps for broadcast and cached tables.

    `(memory / (1 + overhead) - reserved) * memory fraction * storage fraction`.

    Args:
        executor_memory_gb: Memory of the executor's container or worker.
    """
    heap = executor_memory_gb / (1 + OVERHEAD_FACTOR)
    return max(0.0, (heap - RESERVED_GB) * MEMORY_FRACTION * STORAGE_FRACTION)


def declared_executor_memory_gb(job: Job) -> float | None:
    """Memory of an executor as the job declares it; None where it declares none.

    Spark's own setting counts first, then the size of the preferred platform.
    """
    setting = "spark.driver.memory" if job.platform.user_preference == "local" else "spark.executor.memory"
    if setting in job.execution.spark_conf:
        heap = _parsed(str(job.execution.spark_conf[setting]))
        return None if heap is None else heap * (1 + OVERHEAD_FACTOR)
    match job.platform.user_preference:
        case "glue" if job.platform.worker_type:
            return GLUE_WORKER_GB[job.platform.worker_type]
        case "emr_serverless":
            return job.platform.executor_memory_gb
        case "lambda" | "batch" if job.platform.memory_mb:
            return job.platform.memory_mb / 1024
    return None


def _parsed(text: str) -> float | None:
    """Spark's way to write sizes: `4g`, `512m`; bare numbers are bytes."""
    match = re.fullmatch(r"\s*(\d+)\s*([bkmgt]?)b?\s*", text.lower())
    return int(match.group(1)) * UNITS_GB[match.group(2)] if match else None
