"""What `etl-platform doctor` looks at in the account, under the profile `aws`."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from etl_platform.config.project import Config
from etl_platform.platforms.aws_access import AwsAccess, calling
from etl_platform.platforms.errors import PlatformError, RunNotFoundError
from etl_platform.platforms.open import access_of
from etl_platform.platforms.permissions import used_platforms


class Look(NamedTuple):
    """What was found of one part of the account, in the words of `doctor.Finding`."""

    part: str
    state: Literal["works", "missing", "broken"]
    found: str
    advice: str = ""


def look_at_account(config: Config) -> Iterator[Look]:
    """The caller, the place for artifacts, and the roles that jobs run under."""
    access = access_of(config)
    who = _caller(access)
    yield who
    if who.state == "broken":
        return
    yield _artifacts(access, config)
    yield from _roles(access, config)


def _caller(access: AwsAccess) -> Look:
    try:
        client = access.client("sts")
        with calling("sts"):
            return Look("AWS account", "works", client.get_caller_identity()["Arn"])
    except PlatformError as error:
        return Look("AWS account", "broken", str(error), "Log in (`aws sso login`), or set AWS_PROFILE.")


def _artifacts(access: AwsAccess, config: Config) -> Look:
    uri = config.settings.artifacts.s3_uri
    if uri is None:
        advice = "Set global_settings.artifacts.s3_uri to an s3:// prefix that you may write."
        return Look("artifacts", "broken", "no place for scripts, logs and messages", advice)
    bucket = uri.removeprefix("s3://").partition("/")[0]
    client = access.client("s3")
    try:
        with calling("s3", not_found=("404", "NoSuchBucket")):
            client.head_bucket(Bucket=bucket)
    except RunNotFoundError:
        advice = f"aws s3 mb s3://{bucket}, or correct global_settings.artifacts.s3_uri."
        return Look("artifacts", "broken", f"there is no bucket {bucket}", advice)
    except PlatformError as error:
        return Look("artifacts", "broken", str(error), "`etl-platform iam` prints the policy.")
    return Look("artifacts", "works", uri)


def _roles(access: AwsAccess, config: Config) -> Iterator[Look]:
    keys = ("iam_role", "service_role", "job_flow_role", "execution_role_arn")
    named = {
        role: job.job_id
        for job in config.jobs
        if used_platforms(job)
        for key in keys
        if (role := getattr(job.platform, key)) is not None
    }
    for role, job_id in named.items():
        yield _role(access, role, job_id)


def _role(access: AwsAccess, role: str, job_id: str) -> Look:
    client = access.client("iam")
    try:
        with calling("iam", not_found=("NoSuchEntity",)):
            client.get_role(RoleName=role.rpartition("/")[2])
    except RunNotFoundError:
        advice = f"Make it; `etl-platform iam --role {role}` prints its policy."
        return Look("role", "broken", f'{role} of job "{job_id}" does not exist', advice)
    except PlatformError as error:
        return Look("role", "missing", f"whether {role} exists is unknown: {error}", "Grant iam:GetRole.")
    return Look("role", "works", role)
