"""Why a job cannot run on a platform at all, whatever the size."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

from etl_platform.catalog.location import s3_path
from etl_platform.config.models.base import PlatformName
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config

LAMBDA_SECONDS = 900.0
LAMBDA_MEMORY_MB = 10_240
LAMBDA_PACKAGE_MB = 250
"""AWS Lambda Developer Guide, "Lambda quotas": longest run, memory, unzipped package with its layers."""

REQUIRED_KEYS: dict[PlatformName, tuple[tuple[str, ...], ...]] = {
    "emr": (("cluster_id",), ("service_role", "job_flow_role")),
    "emr_serverless": (("execution_role_arn",),),
    "batch": (("job_queue", "job_definition"),),
}
"""Keys of `platform` without which it cannot be called, as alternatives; Glue and Lambda go by the job id."""


def obstacles(config: Config, job: Job, platform: PlatformName) -> list[str]:
    """Sentences; empty where the job can run there. The profile is not asked here, see `needs_account`."""
    return [
        *_not_allowed(config, job, platform),
        *_missing_keys(job, platform),
        *_cannot_run(config, job, platform),
    ]


def needs_account(config: Config, platform: PlatformName) -> bool:
    """Whether only the profile stands in the way: a service of AWS under the profile `local`."""
    return config.profile == "local" and platform != "local"


def _not_allowed(config: Config, job: Job, platform: PlatformName) -> Iterator[str]:
    allowed = job.platform.allowed_platforms
    if platform == "local":
        named = job.platform.user_preference == "local" or "local" in (allowed or ())
        if config.profile != "local" and not named:
            yield "under the profile `aws` a job runs on this machine only where `platform` names `local`"
    elif allowed is not None and platform not in allowed:
        yield f"`platform.allowed_platforms` has only {', '.join(allowed)}"


def _missing_keys(job: Job, platform: PlatformName) -> Iterator[str]:
    alternatives = REQUIRED_KEYS.get(platform)
    if not alternatives:
        return
    missing = [[key for key in keys if getattr(job.platform, key) is None] for keys in alternatives]
    if all(missing):
        ways = " or ".join(" and ".join(f"`platform.{key}`" for key in keys) for keys in missing)
        yield f"not configured: set {ways}"


def _cannot_run(config: Config, job: Job, platform: PlatformName) -> Iterator[str]:
    endless = job.workload.query_pattern == "streaming" or job.execution.schedule == "streaming"
    if platform == "lambda" and endless:
        yield f"a stream has no end, and Lambda stops after {LAMBDA_SECONDS / 60:.0f} minutes"
    if platform == "lambda" and job.execution.script_type != "python":
        if reason := _needs_spark(config, job):
            yield f"Lambda has no Spark cluster, and Sail cannot carry the script: {reason}"
        elif job.platform.lambda_function_name is None:
            yield (
                "a function made of a script has no Spark; one whose image has Sail may be named in "
                "`platform.lambda_function_name`"
            )
    if platform == "lambda" and (package := package_bytes(config, job)) > LAMBDA_PACKAGE_MB * 2**20:
        yield (
            f"script and `execution.python_modules` are {package / 2**20:,.0f} MB unzipped, and Lambda takes "
            f"{LAMBDA_PACKAGE_MB} MB"
        )
    if platform in ("emr", "emr_serverless") and _is_glue_script(config, job):
        yield "the script imports `awsglue`, which only AWS Glue has; `execution.python_modules` brings none"
    if platform == "batch" and job.execution.kind == "sql":
        yield "a query needs Spark, and a Batch job gets a Python script; make the query a script"
    if platform == "batch" and job.execution.kind == "pyspark" and not _own_image(job):
        yield (
            "a Spark script needs PySpark in its container; set `platform.job_definition` to the address of "
            "an image of yours that has python3, boto3 and PySpark"
        )
    if platform == "batch" and endless:
        yield "a Batch job is one container that ends; a stream has no end"


def _own_image(job: Job) -> bool:
    """Whether the job names a container image in place of a definition: its address has a slash."""
    return "/" in (job.platform.job_definition or "")


def package_bytes(config: Config, job: Job) -> int:
    """Unzipped size of a job's script and modules, as far as they stand on this machine.

    What cannot be read here counts nothing: the platform weighs the package itself before it takes it.
    """
    return sum(_unzipped_bytes(_here(config, one)) for one in _files(job))


def _files(job: Job) -> Iterator[str]:
    if job.execution.script_path:
        yield job.execution.script_path
    yield from job.execution.python_modules


def _here(config: Config, path: str) -> Path:
    return s3_path(path, config.local_root) if path.startswith("s3://") else config.resolve(path)


def _unzipped_bytes(path: Path) -> int:
    try:
        if path.is_dir():
            return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        if path.suffix in (".zip", ".whl", ".egg"):
            with zipfile.ZipFile(path) as archive:
                return sum(one.file_size for one in archive.infolist())
        return path.stat().st_size
    except (OSError, zipfile.BadZipFile):
        return 0


def _is_glue_script(config: Config, job: Job) -> bool:
    """Whether the script imports the Glue library and does not bring it; False where it cannot be read."""
    from etl_platform.runtime.script_facts import imported_modules, parse

    if not job.execution.script_path or any("awsglue" in one for one in job.execution.python_modules):
        return False
    try:
        tree = parse(_here(config, job.execution.script_path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        return False
    return tree is not None and any(name.partition(".")[0] == "awsglue" for name in imported_modules(tree))


def _needs_spark(config: Config, job: Job) -> str | None:
    from etl_platform.runtime.engine import choose

    execution = job.execution
    text = execution.sql
    if text is None and execution.script_path:
        path = _here(config, execution.script_path)
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            return f"the script cannot be read here ({error})"
    formats = [getattr(source, "format", None) for source in job.data_sources]
    formats.append(job.target.format if job.target else None)
    engine, why = choose(
        text or "",
        execution.kind,
        formats=formats,
        has_jars=bool(execution.jars),
        spark_conf=execution.spark_conf,
    )
    return None if engine == "sail" else why
