"""Classic Spark on this machine, set up from outside so that a script starts its own session.

All settings go through `spark-defaults.conf` of a folder that `SPARK_CONF_DIR` names, the way a cluster
gives its defaults to the scripts that run on it: what a script sets itself, static settings too, wins.
"""

import os
import sys
from pathlib import Path

import psutil

from etl_platform.runtime.contract import EVENT_LOG_FOLDER, Launch
from etl_platform.runtime.java import java_home

_GB = 2**30
_SCHEMES = ("s3", "s3a", "s3n")

_LOG4J = """\
rootLogger.level = warn
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %d{HH:mm:ss} %p %c{1}: %m%n%ex
logger.native.name = org.apache.hadoop.util.NativeCodeLoader
logger.native.level = error
logger.conf.name = org.apache.spark.SparkConf
logger.conf.level = error
logger.utils.name = org.apache.spark.util.Utils
logger.utils.level = error
logger.metastore.name = org.apache.hadoop.hive
logger.metastore.level = error
logger.datanucleus.name = DataNucleus
logger.datanucleus.level = error
"""


def s3_settings(root: Path, buckets: set[str]) -> dict[str, str]:
    """Settings by which `s3://bucket/key` reads and writes `<root>/s3/bucket/key`.

    Hadoop's own view file system maps each bucket to a folder; the folders are made here. For a bucket that
    is not mapped it turns to the "target" file system of the scheme. That must not be the local one, which
    would write to the root of this machine; a view file system without mounts refuses, as is wanted.
    """
    settings: dict[str, str] = {}
    for scheme in _SCHEMES:
        settings[f"spark.hadoop.fs.{scheme}.impl"] = (
            "org.apache.hadoop.fs.viewfs.ViewFileSystemOverloadScheme"
        )
        settings[f"spark.hadoop.fs.viewfs.overload.scheme.target.{scheme}.impl"] = (
            "org.apache.hadoop.fs.viewfs.ViewFileSystem"
        )
    for bucket in sorted(buckets):
        folder = root / "s3" / bucket
        folder.mkdir(parents=True, exist_ok=True)
        settings[f"spark.hadoop.fs.viewfs.mounttable.{bucket}.linkFallback"] = folder.as_uri()
    return settings


def default_settings(launch: Launch, run_dir: Path) -> dict[str, str]:
    """Spark's settings for a run on this machine; the job's `spark_conf` wins over them."""
    cores = os.cpu_count() or 1
    # Half of the machine is left to Python workers, to Dagster and to the person at it.
    memory_gb = min(max(psutil.virtual_memory().total // (2 * _GB), 1), 8)
    event_log = run_dir / EVENT_LOG_FOLDER
    event_log.mkdir(exist_ok=True)
    java_options = f"-Duser.timezone=UTC {_java_option(f'-Dderby.system.home={run_dir}')}"
    return {
        "spark.master": "local[*]",
        "spark.app.name": launch.job_id,
        "spark.driver.memory": f"{memory_gb}g",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": java_options,
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": event_log.as_uri(),
        "spark.eventLog.logStageExecutorMetrics": "true",
        "spark.executor.metrics.pollingInterval": "500",
        "spark.local.dir": str(run_dir / "spark_local"),
        "spark.sql.adaptive.enabled": "true",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": str(max(4, 2 * cores)),
        # What a script saves as a table without naming a database is in the database `default`.
        "spark.sql.warehouse.dir": str(launch.local_root / "glue" / "default"),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        # A script that asks for Hive gets a metastore of its own, so that runs do not lock each other.
        "spark.hadoop.javax.jdo.option.ConnectionURL": "jdbc:derby:memory:metastore;create=true",
        "spark.hadoop.datanucleus.schema.autoCreateAll": "true",
        "spark.hadoop.hive.metastore.schema.verification": "false",
    }


def _java_option(option: str) -> str:
    """An option as Spark's launcher splits them: one word, whatever characters it has."""
    return '"' + option.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _property_value(value: str) -> str:
    """A value in a file of Java properties, where a backslash starts an escape."""
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def environment(launch: Launch, run_dir: Path, buckets: set[str]) -> dict[str, str | None]:
    """Write Spark's configuration folder, and say which environment the script's process needs.

    Args:
        launch: What is run.
        run_dir: Folder of the run; the configuration, the event log and scratch files go there.
        buckets: S3 buckets that the script may use.

    Returns:
        Environment variables; None means that the variable must be absent.

    Raises:
        NoJavaError: No Java here fits.
    """
    settings = default_settings(launch, run_dir) | s3_settings(launch.local_root, buckets)
    if launch.jars:
        settings["spark.jars"] = ",".join(path.as_uri() for path in launch.jars)
    settings |= {key: _text(value) for key, value in launch.spark_conf.items()}
    folder = run_dir / "spark_conf"
    folder.mkdir(exist_ok=True)
    lines = (f"{key} {_property_value(value)}\n" for key, value in settings.items())
    (folder / "spark-defaults.conf").write_text("".join(lines), encoding="utf-8")
    (folder / "log4j2.properties").write_text(_LOG4J, encoding="utf-8")
    return {
        "JAVA_HOME": str(java_home()),
        "SPARK_CONF_DIR": str(folder),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        # These would send the script to another Spark than the one that is installed here.
        "SPARK_HOME": None,
        "SPARK_REMOTE": None,
        "SPARK_CONNECT_MODE_ENABLED": None,
        "PYSPARK_SUBMIT_ARGS": None,
    }
