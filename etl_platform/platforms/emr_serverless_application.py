"""The EMR Serverless application that jobs without an `application_id` of their own run in."""

import hashlib
import re
from typing import Any

from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.platforms.aws_access import AwsAccess, calling
from etl_platform.platforms.errors import PlatformError
from etl_platform.platforms.ownership import OWNER_TAG, Change, differences, is_owned
from etl_platform.platforms.spark_submit import DEFAULT_RELEASE

KIND = "EMR Serverless application"

IDLE_MINUTES = 15
"""After that an idle application stops and costs nothing: EMR Serverless's own default."""

_ALIVE = ("CREATING", "CREATED", "STARTING", "STARTED", "STOPPING", "STOPPED")
_CHANGEABLE = ("CREATED", "STOPPED")


def application_name(job: Job, config: Config) -> str:
    """One application for each environment and release, such as `etl-platform-prod-emr-7.5.0`."""
    environment = re.sub(r"[^A-Za-z0-9._/#-]+", "-", config.settings.environment or "default")
    # At most 64 characters (EMR Serverless API reference, CreateApplication).
    return f"etl-platform-{environment[:30]}-{job.platform.release_label or DEFAULT_RELEASE}"[:64]


def application_id(access: AwsAccess, job: Job, config: Config) -> str:
    """The application of a job: the one that it names, else ours, which is made where it is not there.

    Raises:
        PlatformError: An application of that name is not ours.
    """
    if job.platform.application_id is not None:
        return job.platform.application_id
    name = application_name(job, config)
    found, before = _named(access, name)
    if found is None:
        return _create(access, job, config, before)
    if not is_owned(found["tags"]):
        raise PlatformError(
            f"The EMR Serverless application {name} ({found['applicationId']}) carries no tag {OWNER_TAG}, "
            f"so it is not ours. Name it as platform.application_id to run there all the same."
        )
    return found["applicationId"]


def deploy_application(access: AwsAccess, job: Job, config: Config, *, dry_run: bool) -> Change:
    """Make or update the application of a job."""
    if job.platform.application_id is not None:
        return Change(KIND, job.platform.application_id, "foreign")
    name = application_name(job, config)
    found, before = _named(access, name)
    if found is None:
        if not dry_run:
            _create(access, job, config, before)
        return Change(KIND, name, "create")
    if not is_owned(found["tags"]):
        return Change(KIND, name, "foreign")
    changed = differences(found, _behaviour())
    if not changed:
        return Change(KIND, name, "keep")
    if not dry_run:
        if found["state"] not in _CHANGEABLE:
            raise PlatformError(
                f"{KIND} {name} is {found['state']}, and only a stopped one can be changed. Stop it when no "
                "run needs it, then deploy again."
            )
        client = access.client("emr-serverless")
        with calling("emr-serverless"):
            client.update_application(applicationId=found["applicationId"], **_behaviour())
    return Change(KIND, name, "update", changed)


def owned_applications(access: AwsAccess) -> tuple[Change, ...]:
    """All applications that carry our tag, as changes that remove them."""
    return tuple(
        Change(KIND, found["name"], "remove")
        for one in _listed(access)
        if one["state"] in _ALIVE and is_owned((found := _described(access, one["id"]))["tags"])
    )


def remove_application(access: AwsAccess, name: str) -> None:
    """Stop and delete one of ours; no error where it is gone.

    Raises:
        PlatformError: It is still stopping, or not ours.
    """
    found, _ = _named(access, name)
    if found is None or not is_owned(found["tags"]):
        return
    client = access.client("emr-serverless")
    if found["state"] == "STARTED":
        with calling("emr-serverless"):
            client.stop_application(applicationId=found["applicationId"])
        found = _described(access, found["applicationId"])
    if found["state"] not in _CHANGEABLE:
        raise PlatformError(f"{KIND} {name} is {found['state']}; repeat the removal once it has stopped.")
    with calling("emr-serverless"):
        client.delete_application(applicationId=found["applicationId"])


def _create(access: AwsAccess, job: Job, config: Config, before: int) -> str:
    name = application_name(job, config)
    client = access.client("emr-serverless")
    with calling("emr-serverless"):
        made = client.create_application(
            name=name,
            releaseLabel=job.platform.release_label or DEFAULT_RELEASE,
            type="SPARK",
            # Runs that find none at the same moment make one; one that was removed is not meant.
            clientToken=hashlib.sha256(f"{name} {before}".encode()).hexdigest(),
            tags={OWNER_TAG: "owned"},
            **_behaviour(),
        )
    return made["applicationId"]


def _behaviour() -> dict[str, Any]:
    return {
        "autoStartConfiguration": {"enabled": True},
        "autoStopConfiguration": {"enabled": True, "idleTimeoutMinutes": IDLE_MINUTES},
    }


def _named(access: AwsAccess, name: str) -> tuple[dict[str, Any] | None, int]:
    """The living application of a name, and how many of that name were removed before."""
    named = [one for one in _listed(access) if one["name"] == name]
    alive = [one for one in named if one["state"] in _ALIVE]
    return (_described(access, alive[0]["id"]) if alive else None), len(named) - len(alive)


def _listed(access: AwsAccess) -> list[dict[str, Any]]:
    client = access.client("emr-serverless")
    with calling("emr-serverless"):
        pages = client.get_paginator("list_applications").paginate()
        return [one for page in pages for one in page["applications"]]


def _described(access: AwsAccess, application: str) -> dict[str, Any]:
    client = access.client("emr-serverless")
    with calling("emr-serverless"):
        found = client.get_application(applicationId=application)["application"]
    return {**found, "tags": found.get("tags", {})}
