"""The process that runs the script; started by `launch`, which watches it.

An exception of the script is described in `error.json` of the run's folder by the interpreter's exception
hook, so that the script's process ends just as it would end on its own: with the same status.
"""

import atexit
import json
import os
import sys
import threading
import traceback
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from etl_platform.runtime.buckets import known_buckets
from etl_platform.runtime.contract import Launch, read_launch, write_json
from etl_platform.runtime.errors import describe
from etl_platform.runtime.plain_script import run_as_main
from etl_platform.runtime.secret_values import filled, masked

ERROR_FILE = "error.json"
RESULT_FILE = "result.json"


def _end_with_supervisor(lifeline: int) -> None:
    """End this process and its children as soon as the other end of the pipe is gone."""

    def wait() -> None:
        os.read(lifeline, 1)
        import psutil

        for child in psutil.Process().children(recursive=True):
            child.kill()
        os._exit(1)

    threading.Thread(target=wait, name="lifeline", daemon=True).start()


def _report_exceptions(launch: Launch, run_dir: Path, secrets: Mapping[str, str]) -> None:
    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        traceback.print_exception(kind, error, trace)
        write_json(run_dir / ERROR_FILE, masked(describe(error, launch), secrets))

    sys.excepthook = hook


def script_arguments(launch: Launch) -> list[str]:
    """The arguments as the script sees them: `--name value`, true and false as JSON spells them."""
    values = (
        (f"--{k}", str(v).lower() if isinstance(v, bool) else str(v)) for k, v in launch.arguments.items()
    )
    return [part for pair in values for part in pair]


def run(run_dir: Path, lifeline: int) -> None:
    """Run what `launch.json` of a folder says, in this process.

    Args:
        run_dir: Folder of the run.
        lifeline: File descriptor of a pipe whose other end the supervisor holds.
    """
    _end_with_supervisor(lifeline)
    launch = read_launch(run_dir)
    secrets = json.load(sys.stdin)
    # A script that reads finds nothing, as on AWS.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    launch = replace(launch, arguments=filled(launch.arguments, secrets))
    _report_exceptions(launch, run_dir, secrets)
    sys.argv = [str(launch.script or launch.job_id), *script_arguments(launch)]
    # As with `python script.py`, the script's folder comes first on the path.
    sys.path[0:1] = [str(launch.script.parent)] if launch.script else []
    if launch.engine == "spark":
        from pyspark.sql import DataFrameReader, SparkSession

        from etl_platform.runtime.jdbc_stand_ins import offer_stand_ins
        from etl_platform.runtime.session_hook import offer_tables

        atexit.register(_stop_spark)
        offer_tables(
            SparkSession, DataFrameReader, lambda session: session.sparkContext.applicationId, launch
        )
        offer_stand_ins(DataFrameReader, has_jars=bool(launch.jars))
    if launch.engine == "sail":
        from etl_platform.runtime import sail

        sail.start(launch, known_buckets(launch))
    result = None
    if launch.script_type == "sql":
        from etl_platform.runtime.sql_job import run_query

        result = run_query(launch)
    elif launch.script_type == "python":
        from etl_platform.runtime.python_job import run_python

        result = run_python(launch)
    elif launch.script:
        run_as_main(launch.script)
    write_json(run_dir / RESULT_FILE, masked(result, secrets))


def _stop_spark() -> None:
    """Stop what the script left running: only then is Spark's event log complete."""
    from pyspark import SparkContext

    if SparkContext._active_spark_context is not None:
        SparkContext._active_spark_context.stop()


if __name__ == "__main__":
    run(Path(sys.argv[1]), int(sys.argv[2]))
