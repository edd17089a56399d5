"""Seconds that a materialization adds to the bare script, on Sail and on Spark.

    python -m etl_platform_tests.benchmarks.local_overhead [REPEATS]

The bare script runs in a new Python process, as `python script.py` does; the materialization is a Dagster run
in this process, whose script runs in a new process likewise. Medians.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg

from etl_platform.config.load import load
from etl_platform.orchestration.build import build_definitions
from etl_platform.runtime.java import java_home
from etl_platform_tests.projects import write_project

REPEATS = 3
ROWS = 1_000_000

SCRIPT = f"""
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

spark = SparkSession.builder.getOrCreate()
rows = spark.range({ROWS}).withColumn("key", F.col("id") % 100)
rows.groupBy("key").agg(F.count("*").alias("rows")).write.mode("overwrite").parquet("OUTPUT")
spark.stop()
"""

ON_SAIL = """
import os, runpy, sys
from pysail.spark import SparkConnectServer
server = SparkConnectServer("127.0.0.1", 0)
server.start(background=True)
os.environ["SPARK_REMOTE"] = f"sc://127.0.0.1:{server.listening_address[1]}"
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def _seconds(action: Callable[[], None], repeats: int) -> float:
    taken = []
    for _ in range(repeats):
        before = time.perf_counter()
        action()
        taken.append(time.perf_counter() - before)
    return statistics.median(taken)


def main(repeats: int = REPEATS) -> None:
    """Measure and print a row for each engine."""
    print("engine   bare script s  materialization s  overhead s")
    environment = {**os.environ, "JAVA_HOME": str(java_home())}
    for engine in ("sail", "spark"):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            script = SCRIPT.replace("OUTPUT", str(folder / "output"))
            job = {"job_id": "count_keys", "execution": {"script_path": "count_keys.py"}}
            path = write_project(
                folder,
                [job],
                scripts={"count_keys.py": script},
                settings={"local": {"engine": engine}},
            )
            starter = ["-c", ON_SAIL] if engine == "sail" else []
            command = [sys.executable, *starter, str(folder / "count_keys.py")]

            def bare(command: list[str] = command) -> None:
                subprocess.run(command, check=True, capture_output=True, env=environment)

            def materialize(path: Path = path) -> None:
                job = build_definitions(load(path)).resolve_job_def("etl")
                quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
                with dg.DagsterInstance.ephemeral() as instance:
                    assert job.execute_in_process(instance=instance, run_config=quiet).success

            bare_seconds, seconds = _seconds(bare, repeats), _seconds(materialize, repeats)
        print(f"{engine:<8} {bare_seconds:>13.2f} {seconds:>18.2f} {seconds - bare_seconds:>11.2f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
