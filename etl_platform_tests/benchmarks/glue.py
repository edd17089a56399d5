"""Seconds of the demo's Glue script against the same logic in plain PySpark, on Spark and on Sail.

    python -m etl_platform_tests.benchmarks.glue [COPIES] [REPEATS]

The demo's flights are laid out COPIES times. Both scripts are run by the launcher, each in a process of its
own, by turns; medians of the seconds from a script's first line to its last, with Spark's start. The target
is a ratio of at most 1.2.
"""

import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from etl_platform_tests.runtime.builders import Project

COPIES = 20
REPEATS = 5
TARGET_RATIO = 1.2

REPOSITORY = Path(__file__).parents[2]
GLUE = REPOSITORY / "jobs" / "route_weather_delays.py"
PLAIN_IMPORTS = """\
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
"""
PLAIN_MAIN = """\
def main() -> None:
    spark = SparkSession.builder.getOrCreate()
    report = delays(spark.table("nyc.flights_enriched"))
    report.coalesce(1).write.mode("overwrite").parquet(TARGET)
    written = spark.read.parquet(TARGET)
    for row in written.groupBy("conditions").agg(F.sum("flights").alias("flights")).collect():
        print(f"{row['conditions']}: {row['flights']:,} flights")


main()
"""


def plain(glue: str) -> str:
    """The demo's script without Glue: its logic between other imports and another `main`."""
    logic = glue[glue.index("TARGET =") : glue.index("def main(")]
    return f"{PLAIN_IMPORTS}\n{logic}\n{PLAIN_MAIN}"


def lay_out(project: Project, copies: int) -> None:
    """The table that the script reads, made by the demo's own job."""
    subprocess.run([sys.executable, REPOSITORY / "jobs" / "demo_data.py", project.root], check=True)
    for table in ("flights", "airlines", "airports", "planes", "flights_enriched"):
        path = str(project.root / "glue" / "nyc" / table)
        project.tables.append({"database": "nyc", "table": table, "path": path, "format": "parquet"})
    script = (REPOSITORY / "jobs" / "flights_enriched.py").read_text()
    run = project.run(script, script_type="pyspark", engine="sail")
    if run.exit_status:
        raise RuntimeError(f"the demo's flights could not be enriched:\n{run.stderr[-2000:]}")
    for file in sorted((project.root / "glue" / "nyc" / "flights_enriched").rglob("*.parquet")):
        for number in range(1, copies):
            shutil.copy(file, file.with_name(f"copy-{number}-{file.name}"))


def seconds(project: Project, script: str, engine: str) -> float:
    """Seconds of one run, from the script's first line to its last."""
    timed = f"import time\nstarted = time.perf_counter()\n{script}\nprint(time.perf_counter() - started)\n"
    arguments = {"JOB_NAME": "route_weather_delays"}
    run = project.run(timed, script_type="pyspark", engine=engine, arguments=arguments)
    if run.exit_status:
        raise RuntimeError(f"the script failed on {engine}:\n{run.stderr[-2000:]}")
    return float(run.stdout.splitlines()[-1])


def main(copies: int = COPIES, repeats: int = REPEATS) -> None:
    """Print both medians and their ratio for each engine."""
    scripts = {"glue": GLUE.read_text(), "plain": plain(GLUE.read_text())}
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder))
        lay_out(project, copies)
        for engine in ("spark", "sail"):
            taken: dict[str, list[float]] = {name: [] for name in scripts}
            for number in range(repeats):
                # Whoever goes first finds the files cold.
                for name in sorted(scripts, reverse=number % 2 == 0):
                    taken[name].append(seconds(project, scripts[name], engine))
            before, after = statistics.median(taken["plain"]), statistics.median(taken["glue"])
            ratio = f"ratio {after / before:.2f} (target: at most {TARGET_RATIO})"
            print(f"{engine}: plain {before:.2f} s, Glue {after:.2f} s, {ratio}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
