"""The two files by which a platform and the runtime talk: `launch.json` in, `outcome.json` out."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

LAUNCH_FILE = "launch.json"
OUTCOME_FILE = "outcome.json"
STDOUT_FILE = "stdout.log"
STDERR_FILE = "stderr.log"
EVENT_LOG_FOLDER = "event_log"

Status = Literal["success", "failed", "timeout"]
Json = Any


class LaunchError(ValueError):
    """A launch.json that cannot be read, or that lacks what a run needs."""


@dataclass(frozen=True)
class Table:
    """A Glue table and where its files stand on this machine.

    Attributes:
        database: Glue database.
        table: Name in the database.
        path: Folder of the files; it need not exist.
        format: `parquet`, `orc`, `csv`, `json`; None where it is to be told from the files.
        columns: Name and type of columns of a CSV file that are not to be told from it.
    """

    database: str
    table: str
    path: Path
    format: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def name(self) -> str:
        """As SQL names it: `database.table`."""
        return f"{self.database}.{self.table}"


@dataclass(frozen=True)
class TargetFiles:
    """Where and how the job's target is written on this machine.

    Attributes:
        path: Folder of the files; it need not exist.
        format: `parquet`, `orc`, `csv`, `json`.
        mode: `overwrite`, `append`, `overwrite_partitions`.
        partition_by: Columns that name the folders.
        database: Glue database; None where the target is a prefix.
        table: Glue table; None where the target is a prefix.
    """

    path: Path
    format: str = "parquet"
    mode: str = "overwrite"
    partition_by: tuple[str, ...] = ()
    database: str | None = None
    table: str | None = None

    @property
    def catalog_table(self) -> Table | None:
        """The target as a Glue table, where it is one."""
        if self.database and self.table:
            return Table(self.database, self.table, self.path, self.format)
        return None


@dataclass(frozen=True)
class Launch:
    """What is to be run, as `launch.json` says it.

    Attributes:
        execution_id: Id of the attempt.
        job_id: Id of the job.
        script_type: `pyspark`, `python` or `sql`.
        script: The script, or a file with the query; None where `sql` holds the query.
        sql: The query.
        engine: `spark`, `sail`, or `none` for plain Python.
        arguments: Name to value, with the standard ones; the script sees `--name value`.
        spark_conf: Spark settings of the job.
        jars: Jars on Spark's class path.
        python_modules: Modules, packages, zips or wheels on the script's path.
        local_root: The folder that stands for S3 and Glue.
        timeout_seconds: The run is stopped after this long.
        environment: Environment variables of the script.
        tables: Glue tables that exist for the script.
        buckets: S3 buckets that the configuration names.
        target: The job's target; None where it has none on this machine.
    """

    execution_id: str
    job_id: str
    script_type: Literal["pyspark", "python", "sql"]
    engine: Literal["spark", "sail", "none"]
    local_root: Path
    timeout_seconds: float
    script: Path | None = None
    sql: str | None = None
    arguments: Mapping[str, Json] = field(default_factory=dict)
    spark_conf: Mapping[str, Json] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    jars: tuple[Path, ...] = ()
    python_modules: tuple[Path, ...] = ()
    tables: tuple[Table, ...] = ()
    buckets: tuple[str, ...] = ()
    target: TargetFiles | None = None

    @property
    def inputs(self) -> tuple[Table, ...]:
        """The tables that the job does not write itself."""
        target = self.target.catalog_table if self.target else None
        return tuple(table for table in self.tables if target is None or table.name != target.name)

    @property
    def text(self) -> str:
        """The script or query as text.

        Raises:
            OSError: The script cannot be read.
        """
        return self.script.read_text(encoding="utf-8") if self.script else self.sql or ""

    def all_text(self) -> str:
        """The script, its modules that are source files, and its arguments: where names may stand.

        Raises:
            OSError: A file cannot be read.
        """
        files = [path for path in self.python_modules if path.suffix == ".py"]
        files += [file for path in self.python_modules if path.is_dir() for file in path.rglob("*.py")]
        arguments = (str(value) for value in (*self.arguments.values(), *self.spark_conf.values()))
        return "\n".join([self.text, *(file.read_text(encoding="utf-8") for file in files), *arguments])


def read_launch(run_dir: Path) -> Launch:
    """Read `launch.json` of a run.

    Raises:
        LaunchError: The file is not there, is not JSON, or lacks what a run needs.
    """
    path = run_dir / LAUNCH_FILE
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        target = raw.get("target")
        launch = Launch(
            execution_id=raw["execution_id"],
            job_id=raw["job_id"],
            script_type=raw["script_type"],
            engine=raw["engine"],
            local_root=Path(raw["local_root"]),
            script=Path(raw["script"]) if raw.get("script") else None,
            sql=raw.get("sql"),
            arguments=raw.get("arguments") or {},
            spark_conf=raw.get("spark_conf") or {},
            environment=raw.get("environment") or {},
            jars=tuple(map(Path, raw.get("jars") or ())),
            python_modules=tuple(map(Path, raw.get("python_modules") or ())),
            tables=tuple(
                Table(
                    table["database"],
                    table["table"],
                    Path(table["path"]),
                    table.get("format"),
                    table.get("columns") or {},
                )
                for table in raw.get("tables") or ()
            ),
            buckets=tuple(raw.get("buckets") or ()),
            target=TargetFiles(
                path=Path(target["path"]),
                format=target.get("format") or "parquet",
                mode=target.get("mode") or "overwrite",
                partition_by=tuple(target.get("partition_by") or ()),
                database=target.get("database"),
                table=target.get("table"),
            )
            if target
            else None,
            timeout_seconds=float(raw["timeout_seconds"]),
        )
    except OSError as error:
        raise LaunchError(f"{path}: a run starts from this file, and it cannot be read: {error}") from error
    except json.JSONDecodeError as error:
        raise LaunchError(f"{path}: not JSON: {error}") from error
    except KeyError as error:
        raise LaunchError(f"{path}: key {error} is missing.") from error
    if launch.script is None and launch.sql is None:
        raise LaunchError(f"{path}: neither `script` nor `sql` says what is to be run.")
    return launch


def write_json(path: Path, value: Json) -> None:
    """Write a JSON file that only its owner can read, so that a reader sees all of it or none of it.

    A surrogate without its pair, which UTF-8 cannot hold, is written as JSON's escape for it.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    text = json.dumps(value, ensure_ascii=False, indent=1)
    draft.touch(mode=0o600)
    draft.write_text(text, encoding="utf-8", errors="backslashreplace")
    draft.replace(path)
