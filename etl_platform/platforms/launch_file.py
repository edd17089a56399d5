"""What the runtime on this machine is told about a run: the content of `launch.json`."""

import os
import re
from pathlib import Path
from typing import Any, Literal, cast, get_args
from urllib.parse import urlsplit

from etl_platform.catalog.location import NoLocationError, glue_path, locate_source, locate_target, s3_path
from etl_platform.config.models.data_sources import FileSource, GlueCatalogSource, S3Source
from etl_platform.config.project import Config
from etl_platform.platforms.arguments import (
    as_text,
    pipes_arguments,
    refuse_secret_in_query,
    refuse_secrets,
    script_arguments,
)
from etl_platform.platforms.errors import NotRunnableError
from etl_platform.platforms.protocol import RunRequest
from etl_platform.platforms.script_text import script_text
from etl_platform.runtime.catalog import data_files, format_of
from etl_platform.runtime.engine import choose

EngineWish = Literal["auto", "spark", "sail"]
ENGINE_VARIABLE = "ETL_PLATFORM_ENGINE"


def launch_of(request: RunRequest) -> dict[str, Any]:
    """The content of `launch.json`, and `engine_reason`, a sentence for people.

    Raises:
        NotRunnableError: The job cannot run on this machine; the message says what to change.
    """
    job, config = request.job, request.config
    if config.profile != "local":
        raise NotRunnableError(
            f'job "{job.job_id}": platform local works on the local stand-ins of S3 and Glue, and the '
            f"profile is {config.profile}. Set ETL_PLATFORM_PROFILE=local, or choose another platform."
        )
    execution = job.execution
    script = _existing(request, execution.script_path, "script_path") if execution.script_path else None
    kind = execution.kind
    text = _text(request, script, execution.sql)
    jars = [_existing(request, jar, "jars") for jar in execution.jars]
    tables = _tables(config)
    target = _target(request)
    arguments, spark_conf = (
        {**script_arguments(request), **pipes_arguments(request, text)},
        as_text(execution.spark_conf),
    )
    engine, reason = choose(
        text,
        kind,
        _engine_wish(request),
        formats=[*_source_formats(request), target["format"] if target else None],
        has_jars=bool(jars),
        misread_by_sail=_misread_by_sail(request),
        spark_conf=execution.spark_conf,
        local_arguments=arguments,
    )
    refuse_secrets(job.job_id, "execution.spark_conf", spark_conf)
    if kind == "sql":
        key = f"execution.script_path ({execution.script_path})" if script else "execution.sql"
        refuse_secret_in_query(job.job_id, key, text)
    return {
        "execution_id": request.execution_id,
        "job_id": job.job_id,
        "script_type": kind,
        "script": str(script) if script else None,
        "sql": None if script else execution.sql,
        "engine": engine,
        "engine_reason": reason,
        "arguments": arguments,
        "spark_conf": spark_conf,
        "environment": dict(request.pipes),
        "jars": [str(jar) for jar in jars],
        "python_modules": [
            str(_existing(request, module, "python_modules")) for module in execution.python_modules
        ],
        "local_root": str(config.local_root),
        "tables": tables,
        "buckets": _buckets(config, arguments.values()),
        "target": target,
        "timeout_seconds": request.timeout_seconds,
    }


def _existing(request: RunRequest, path: str, key: str) -> Path:
    config = request.config
    found = s3_path(path, config.local_root) if "://" in path else config.resolve(path)
    if not found.exists():
        raise NotRunnableError(
            f'job "{request.job.job_id}": execution.{key} names {path}, and there is no file {found}. '
            f"Correct the path (relative ones start at {config.path.parent}), or put the file there."
        )
    return found


def _text(request: RunRequest, script: Path | None, sql: str | None) -> str:
    if script is None:
        if sql is None:
            raise NotRunnableError(
                f'job "{request.job.job_id}" has nothing to run: set execution.script_path or execution.sql.'
            )
        return sql
    return script_text(request.job.job_id, script)


def _engine_wish(request: RunRequest) -> EngineWish:
    named = os.environ.get(ENGINE_VARIABLE)
    if named and named not in get_args(EngineWish):
        raise NotRunnableError(
            f'{ENGINE_VARIABLE} is "{named}"; expected one of {", ".join(get_args(EngineWish))}.'
        )
    return request.engine or cast("EngineWish", named) or request.config.settings.local.engine


def _tables(config: Config) -> list[dict[str, Any]]:
    """All Glue tables of the configuration, since a script may read any; a target knows its format."""
    formats: dict[tuple[str, str], str | None] = {}
    columns: dict[tuple[str, str], dict[str, str]] = {}
    for job in config.jobs:
        for source in job.data_sources:
            if isinstance(source, GlueCatalogSource):
                formats.setdefault((source.database, source.table), None)
                columns.setdefault((source.database, source.table), {}).update(source.columns)
        target = job.target
        if target and target.type == "glue_catalog" and target.database and target.table:
            formats[target.database, target.table] = target.format
    return [
        {
            "database": database,
            "table": table,
            "path": str(glue_path(database, table, config.local_root)),
            "format": form,
            "columns": columns.get((database, table), {}),
        }
        for (database, table), form in formats.items()
    ]


def _buckets(config: Config, arguments: Any) -> list[str]:
    """All buckets that the configuration names; the runtime adds those in the script's strings."""
    uris = [*arguments, config.settings.artifacts.s3_uri or ""]
    for job in config.jobs:
        uris += [source.path for source in job.data_sources if isinstance(source, S3Source)]
        uris += [job.target.path] if job.target and job.target.path else []
    split = (urlsplit(uri) for uri in uris if uri.startswith(("s3://", "s3a://", "s3n://")))
    return sorted({parts.netloc for parts in split if parts.netloc})


def _source_formats(request: RunRequest) -> list[str | None]:
    return [source.format for source in request.job.data_sources if isinstance(source, S3Source | FileSource)]


def _misread_by_sail(request: RunRequest) -> str | None:
    """What Sail reads otherwise than Spark of the inputs."""
    for source in request.job.data_sources:
        try:
            folder = locate_source(source, request.config).path
        except NoLocationError:
            continue
        first = next(data_files(folder), None) if folder is not None and source.columns else None
        if first is not None and format_of(first) == "csv":
            return f"Sail names the columns of {first.name} by its header, not as `columns` declares them"
        # Folders of one level are written alike, so the first of each tells of those below it.
        while folder is not None and folder.is_dir():
            names = sorted(each.name for each in folder.iterdir() if "=" in each.name and each.is_dir())
            if padded := next((name for name in names if re.fullmatch(r"[^=]+=0\d+", name)), None):
                # It reads 1 off `month=01`, and looks for `month=1` where a query asks for it.
                return f"Sail finds nothing by the number of a folder such as {padded}"
            folder = folder / names[0] if names else None
    return None


def _target(request: RunRequest) -> dict[str, Any] | None:
    target = request.job.target
    if target is None:
        return None
    try:
        location = locate_target(target, request.config)
    except NoLocationError:
        # A table behind a server: the script writes it by itself.
        return None
    return {
        "database": target.database,
        "table": target.table,
        "path": str(location.path),
        "format": target.format,
        "mode": target.mode,
        "partition_by": target.partition_by,
    }
