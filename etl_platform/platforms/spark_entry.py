"""What a Spark service starts for a job: its script, or what runs its query, with the arguments."""

import json
from pathlib import Path

from etl_platform.platforms.arguments import refuse_secret_in_query
from etl_platform.platforms.artifacts import upload_content, upload_file
from etl_platform.platforms.aws_access import AwsAccess
from etl_platform.platforms.errors import NotRunnableError
from etl_platform.platforms.protocol import RunRequest
from etl_platform.platforms.script_text import script_text
from etl_platform.platforms.secret_arguments import with_secrets
from etl_platform.runtime import remote_query


def spark_entry(access: AwsAccess | None, request: RunRequest) -> tuple[str, dict[str, str]]:
    """Upload what the service starts, unless it is there.

    Args:
        access: Where S3 is; None: nothing is uploaded, only addresses are told.
        request: What is run.

    Returns:
        s3:// address of a Python script, and its arguments, which it sees as `--name value`.

    Raises:
        NotRunnableError: A file is missing, or a secret stands where it cannot be resolved.
    """
    execution = request.job.execution
    if execution.kind == "sql":
        script, arguments = with_secrets(
            access, request, upload_file(access, request.config, Path(remote_query.__file__))
        )
        name = remote_query.QUERY_ARGUMENT.removeprefix("--")
        return script, {**arguments, name: _query_uri(access, request)}
    if execution.script_path is None:
        raise NotRunnableError(
            f'job "{request.job.job_id}" has nothing to run: set execution.script_path or execution.sql.'
        )
    return with_secrets(access, request, uploaded(access, request, execution.script_path))


def uploaded(access: AwsAccess | None, request: RunRequest, path: str) -> str:
    """The s3:// address of a file that the configuration names; one in S3 is taken where it is."""
    return path if "://" in path else upload_file(access, request.config, request.config.resolve(path))


def _query_uri(access: AwsAccess | None, request: RunRequest) -> str:
    """The address of the query with its target, as `remote_query` reads it."""
    job = request.job
    key, query = "execution.sql", job.execution.sql
    if job.execution.script_path is not None:
        key, query = _query_file(request, job.execution.script_path)
    if query is None:
        raise NotRunnableError(
            f'job "{job.job_id}" has no query: set execution.sql or execution.script_path.'
        )
    refuse_secret_in_query(job.job_id, key, query)
    target = job.target
    if target is not None and target.type not in ("s3", "glue_catalog"):
        raise NotRunnableError(
            f'job "{job.job_id}": a query writes to `s3` and `glue_catalog` targets, not to {target.type}; '
            "write it in a script."
        )
    wanted = {"type", "path", "format", "mode", "partition_by", "database", "table"}
    plan = {
        "query": query,
        "target": target and target.model_dump(mode="json", include=wanted),
    }
    content = json.dumps(plan, sort_keys=True).encode()
    return upload_content(access, request.config, "queries", f"{job.job_id}.json", content)


def _query_file(request: RunRequest, path: str) -> tuple[str, str]:
    if "://" in path:
        raise NotRunnableError(
            f'job "{request.job.job_id}": execution.script_path names {path}; a query is read from a file '
            "beside the configuration, or stands in execution.sql."
        )
    text = script_text(request.job.job_id, request.config.resolve(path))
    return f"execution.script_path ({path})", text
