"""The Lambda function of a job: made and kept up to date where it carries our tag, else only used."""

import base64
import hashlib
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.platforms.artifacts import bucket_and_key
from etl_platform.platforms.aws_access import AwsAccess, calling
from etl_platform.platforms.errors import (
    NotRunnableError,
    PlatformError,
    RunNotFoundError,
    TransientError,
)
from etl_platform.platforms.iam_role import role_arn
from etl_platform.platforms.ownership import OWNER_TAG, Change, differences, is_owned, tags_of
from etl_platform.platforms.script_package import ENTRY_MODULE, ScriptPackage, package

KIND = "Lambda function"

LONGEST_SECONDS = 900
UNZIPPED_BYTES = 250 * 2**20
DIRECT_BYTES = 50 * 2**20
"""AWS Lambda Developer Guide, "Lambda quotas": longest run, package unzipped, zip in the request itself."""

DEFAULT_PYTHON = "3.13"
"""Python of a function where `platform.python_version` names none: the oldest runtime that never came with a
boto3 that lacks conditional writes, by which a run is claimed (S3, August 2024)."""

_EVENT_AGE = (60, 21_600)
"""Shortest and longest time that an event may wait in Lambda's queue (PutFunctionEventInvokeConfig)."""


@dataclass(frozen=True)
class Function:
    """A function as it is in the account.

    Attributes:
        name: Its name.
        configuration: As GetFunction gives it.
        tags: Its tags.
    """

    name: str
    configuration: Mapping[str, Any]
    tags: Mapping[str, str]

    @property
    def owned(self) -> bool:
        """Whether it carries our tag."""
        return is_owned(self.tags)

    @property
    def timeout_seconds(self) -> int:
        """Its own time limit."""
        return int(self.configuration["Timeout"])

    @property
    def architecture(self) -> str:
        """`x86_64` or `arm64`."""
        return self.configuration.get("Architectures", ["x86_64"])[0]

    @property
    def log_group(self) -> str:
        """Where its lines go."""
        return self.configuration.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{self.name}"

    @property
    def logs_json(self) -> bool:
        """Whether Lambda's own lines are JSON."""
        return self.configuration.get("LoggingConfig", {}).get("LogFormat") == "JSON"


def function_name(job: Job) -> str:
    """Name of a job's function."""
    return job.platform.lambda_function_name or job.job_id


def describe(access: AwsAccess, name: str) -> Function | None:
    """A function; None where there is none."""
    client = access.client("lambda")
    try:
        with calling("lambda", not_found=("ResourceNotFoundException",)):
            answer = client.get_function(FunctionName=name)
    except RunNotFoundError:
        return None
    return Function(name, answer["Configuration"], answer.get("Tags") or {})


def repeats(access: AwsAccess, name: str) -> int:
    """How often Lambda repeats a failed asynchronous invocation by itself: 2 where nobody has set it."""
    return int((_invoke_config(access, name) or {}).get("MaximumRetryAttempts", 2))


def deploy(access: AwsAccess, job: Job, config: Config, *, dry_run: bool) -> Change:
    """Make or update the function of a job: code, size, role, time limit, and that nothing is repeated.

    Raises:
        NotRunnableError: The package is too large, or a function cannot be made for want of a role.
    """
    there = describe(access, function_name(job))
    return _deploy(access, job, config, there, dry_run=dry_run)


def ready(access: AwsAccess, job: Job, config: Config) -> Function:
    """The function of a job, brought up to date where it is ours.

    Raises:
        NotRunnableError: As `deploy`.
    """
    there = describe(access, function_name(job))
    change = _deploy(access, job, config, there, dry_run=False)
    if there is not None and change.action in ("foreign", "keep"):
        return there
    return existing(access, change.name)


def existing(access: AwsAccess, name: str) -> Function:
    """A function that must be there.

    Raises:
        PlatformError: There is none.
    """
    function = describe(access, name)
    if function is None:
        raise PlatformError(f"There is no Lambda function {name} any more; `etl-platform deploy` makes it.")
    return function


def _deploy(access: AwsAccess, job: Job, config: Config, there: Function | None, *, dry_run: bool) -> Change:
    name = function_name(job)
    if there is not None and not there.owned:
        return Change(KIND, name, "foreign")
    if job.execution.kind == "pyspark":
        raise NotRunnableError(
            f'job "{job.job_id}" is a Spark script, and a function of a script and its modules has no Spark. '
            "Name a function whose image has it in platform.lambda_function_name, set execution.script_type "
            "to python where the script needs no Spark, or run the job on glue, emr, emr_serverless or batch."
        )
    code = _checked(package(access, job, config, "lambda"), job)
    wanted = _wanted(access, job, there)
    sums = {"CodeSha256": base64.b64encode(hashlib.sha256(code.content).digest()).decode()}
    if there is None:
        if not dry_run:
            _create(access, job, config, code, wanted)
            _set_invocation(access, job, name)
        return Change(KIND, name, "create", differences({}, wanted))
    found = {
        *_differences(there, wanted, sums, tags_of(job)),
        *_invocation_differences(access, job, name),
    }
    if not found:
        return Change(KIND, name, "keep")
    if not dry_run:
        _update(access, job, config, there, code, wanted, sums)
        _set_invocation(access, job, name)
    return Change(KIND, name, "update", tuple(sorted(found)))


def owned(access: AwsAccess) -> tuple[Change, ...]:
    """All functions that carry our tag, as changes with the action `remove`."""
    client = access.client("resourcegroupstaggingapi")
    with calling("resourcegroupstaggingapi"):
        pages = client.get_paginator("get_resources").paginate(
            TagFilters=[{"Key": OWNER_TAG, "Values": ["owned"]}], ResourceTypeFilters=["lambda:function"]
        )
        arns = [item["ResourceARN"] for page in pages for item in page["ResourceTagMappingList"]]
    return tuple(Change(KIND, arn.rpartition(":")[2], "remove") for arn in sorted(arns))


def remove(access: AwsAccess, name: str) -> None:
    """Remove a function that carries our tag; no error where it is gone, and nothing where it is not ours."""
    there = describe(access, name)
    if there is None or not there.owned:
        return
    client = access.client("lambda")
    with _changing():
        client.delete_function(FunctionName=name)


def _checked(code: ScriptPackage, job: Job) -> ScriptPackage:
    if code.unzipped_bytes > UNZIPPED_BYTES:
        raise NotRunnableError(
            f'job "{job.job_id}": script and modules take {code.unzipped_bytes / 2**20:,.0f} MB unzipped, '
            f"and Lambda takes {UNZIPPED_BYTES / 2**20:.0f} MB. Take modules out of "
            "execution.python_modules, or run the job on batch or glue."
        )
    return code


def _wanted(access: AwsAccess, job: Job, there: Function | None) -> dict[str, Any]:
    """The configuration that the job asks for; what it leaves open stays as it is."""
    keys = job.platform
    if keys.iam_role is None and there is None:
        raise NotRunnableError(
            f'job "{job.job_id}": there is no Lambda function {function_name(job)} yet, and making it needs '
            "the role that the script runs as: set platform.iam_role, or platform.lambda_function_name to a "
            "function that exists."
        )
    wanted: dict[str, Any] = {
        "Runtime": f"python{keys.python_version or DEFAULT_PYTHON}",
        "Handler": f"{ENTRY_MODULE}.handler",
        "Timeout": min(max(math.ceil(job.execution.timeout_minutes * 60), 1), LONGEST_SECONDS),
        "Architectures": [keys.architecture or "x86_64"],
    }
    if keys.iam_role is not None:
        wanted["Role"] = role_arn(access, keys.iam_role)
    if keys.memory_mb is not None:
        wanted["MemorySize"] = keys.memory_mb
    return wanted


def _code(access: AwsAccess, config: Config, code: ScriptPackage) -> dict[str, Any]:
    if len(code.content) <= DIRECT_BYTES:
        return {"ZipFile": code.content}
    bucket, key = bucket_and_key(code.upload(access, config))
    return {"S3Bucket": bucket, "S3Key": key}


def _create(
    access: AwsAccess, job: Job, config: Config, code: ScriptPackage, wanted: Mapping[str, Any]
) -> None:
    client, name = access.client("lambda"), function_name(job)
    place = _code(access, config, code)
    with _changing():
        client.create_function(FunctionName=name, Code=place, Tags=tags_of(job), PackageType="Zip", **wanted)
        client.get_waiter("function_active_v2").wait(FunctionName=name)


def _differences(
    there: Function, wanted: Mapping[str, Any], sums: Mapping[str, str], tags: Mapping[str, str]
) -> Iterator[str]:
    yield from differences(there.configuration, wanted)
    if there.configuration.get("CodeSha256") != sums["CodeSha256"]:
        yield "code: changed"
    yield from (f"Tags.{line}" for line in differences(there.tags, tags))


def _update(
    access: AwsAccess,
    job: Job,
    config: Config,
    there: Function,
    code: ScriptPackage,
    wanted: Mapping[str, Any],
    sums: Mapping[str, str],
) -> None:
    """Code first, then the rest: Lambda takes one change at a time."""
    client, name = access.client("lambda"), there.name
    place = {"Architectures": wanted["Architectures"]}
    with _changing():
        if differences(there.configuration, {**sums, **place}):
            client.update_function_code(FunctionName=name, **_code(access, config, code), **place)
            client.get_waiter("function_updated_v2").wait(FunctionName=name)
        rest = {key: value for key, value in wanted.items() if key != "Architectures"}
        if differences(there.configuration, rest):
            client.update_function_configuration(FunctionName=name, **rest)
            client.get_waiter("function_updated_v2").wait(FunctionName=name)
        if differences(there.tags, tags_of(job)):
            client.tag_resource(Resource=there.configuration["FunctionArn"], Tags=tags_of(job))


def _invocation_wanted(job: Job) -> dict[str, int]:
    """A failed run is repeated by the driver, which knows of it; one that is too late is not started."""
    seconds = math.ceil(job.execution.timeout_minutes * 60)
    return {
        "MaximumRetryAttempts": 0,
        "MaximumEventAgeInSeconds": min(max(seconds, _EVENT_AGE[0]), _EVENT_AGE[1]),
    }


def _invocation_differences(access: AwsAccess, job: Job, name: str) -> tuple[str, ...]:
    found = differences(_invoke_config(access, name) or {}, _invocation_wanted(job))
    at_once = job.platform.concurrent_executions
    if at_once is None:
        return found
    client = access.client("lambda")
    with calling("lambda"):
        reserved = client.get_function_concurrency(FunctionName=name)
    return (*found, *differences(reserved, {"ReservedConcurrentExecutions": at_once}))


def _set_invocation(access: AwsAccess, job: Job, name: str) -> None:
    client, at_once = access.client("lambda"), job.platform.concurrent_executions
    with _changing():
        client.put_function_event_invoke_config(FunctionName=name, **_invocation_wanted(job))
        if at_once is not None:
            client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=at_once)


def _invoke_config(access: AwsAccess, name: str) -> dict[str, Any] | None:
    client = access.client("lambda")
    try:
        with calling("lambda", not_found=("ResourceNotFoundException",)):
            return client.get_function_event_invoke_config(FunctionName=name)
    except RunNotFoundError:
        return None


@contextmanager
def _changing() -> Iterator[None]:
    """Calls that Lambda refuses while another change of the function is under way, by another run perhaps."""
    from botocore.exceptions import ClientError

    with calling("lambda"):
        try:
            yield
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceConflictException":
                raise TransientError(f"The function is being changed by another one: {error}") from error
            raise
