"""Job queues and job definitions of AWS Batch: what runs may use, and the definition that is ours.

`platform.job_definition` names a definition that exists (name, `name:revision` or ARN), which is only used,
or it is the address of a container image, with a slash in it, such as
`123456789012.dkr.ecr.us-east-1.amazonaws.com/etl:7`. Then a definition with that image, named by the job id
and carrying our tag, is registered, and registered anew when something of it changes.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from etl_platform.config.container_sizes import CONTAINER_GB
from etl_platform.config.models.job import Job
from etl_platform.platforms.aws_access import AwsAccess, calling
from etl_platform.platforms.errors import NotRunnableError
from etl_platform.platforms.iam_role import role_arn
from etl_platform.platforms.ownership import Change, differences, is_owned, tags_of

KIND = "Batch job definition"

Capacity = Literal["fargate", "fargate_spot", "ec2", "ec2_spot", "mixed"]

_KINDS: dict[str, Capacity] = {
    "FARGATE": "fargate",
    "FARGATE_SPOT": "fargate_spot",
    "EC2": "ec2",
    "SPOT": "ec2_spot",
}

DEFAULT_SIZE = (1.0, 2048)
"""vCPU and MB of our definition where the job names none; a run's own size goes over it."""

SHORTEST_TIMEOUT_SECONDS = 60
"""Batch ends no attempt before (SubmitJob, `attemptDurationSeconds`)."""


@dataclass(frozen=True)
class Queue:
    """A job queue.

    Attributes:
        name: As the job names it.
        capacity: What its compute environments are made of.
    """

    name: str
    capacity: Capacity

    @property
    def on_fargate(self) -> bool:
        """Whether all its environments are Fargate."""
        return self.capacity in ("fargate", "fargate_spot")

    @property
    def on_spot(self) -> bool:
        """Whether AWS may take the machine back."""
        return self.capacity in ("fargate_spot", "ec2_spot", "mixed")


def describe_queue(access: AwsAccess, job: Job) -> Queue:
    """The queue that a job names.

    Raises:
        NotRunnableError: The job names none, there is none, or it is one of Kubernetes.
    """
    name = job.platform.job_queue
    if name is None:
        raise NotRunnableError(f'job "{job.job_id}": Batch needs a queue; set platform.job_queue.')
    client = access.client("batch")
    with calling("batch"):
        queues = client.describe_job_queues(jobQueues=[name])["jobQueues"]
        if not queues:
            raise NotRunnableError(
                f'job "{job.job_id}": there is no Batch queue {name}; correct platform.job_queue or make it.'
            )
        order = [item["computeEnvironment"] for item in queues[0].get("computeEnvironmentOrder", ())]
        found = client.describe_compute_environments(computeEnvironments=order)["computeEnvironments"]
    if any(environment.get("eksConfiguration") for environment in found):
        raise NotRunnableError(
            f'job "{job.job_id}": Batch queue {name} runs on Kubernetes; only Fargate and EC2 '
            "are supported: name a queue of such in platform.job_queue."
        )
    # An environment that Batch does not manage is made of EC2 instances.
    kinds: set[Capacity] = {
        _KINDS[environment.get("computeResources", {}).get("type", "EC2")] for environment in found
    }
    return Queue(name, kinds.pop() if len(kinds) == 1 else "mixed")


def image_of(job: Job) -> str | None:
    """The container image, where the job names one in place of a definition."""
    named = job.platform.job_definition
    return named if named and "/" in named and not named.startswith("arn:") else None


def usable_definition(access: AwsAccess, job: Job) -> Mapping[str, Any]:
    """The newest active revision of the definition that a job runs by.

    Raises:
        NotRunnableError: The job names none, there is none, or it is not one of a single container.
    """
    named = job.platform.job_definition
    if named is None:
        raise NotRunnableError(
            f'job "{job.job_id}": Batch needs a job definition; set platform.job_definition to its name, or '
            "to the address of a container image that has python3 and boto3."
        )
    name = job.job_id if image_of(job) else named
    found = _active(access, name)
    if found is None:
        raise NotRunnableError(
            f'job "{job.job_id}": Batch has no active job definition {name}; correct '
            "platform.job_definition, or set it to the address of a container image."
        )
    if not found.get("containerProperties"):
        raise NotRunnableError(
            f'job "{job.job_id}": Batch job definition {name} is not one of a single container '
            "(`containerProperties`), and only such can be given a script; name another one in "
            "platform.job_definition."
        )
    return found


def check_size(job: Job, queue: Queue) -> None:
    """Refuse a size that Fargate does not have.

    Raises:
        NotRunnableError: It does not; the message lists what it has.
    """
    keys = job.platform
    if not queue.on_fargate or keys.vcpus is None:
        return
    if keys.vcpus not in CONTAINER_GB:
        raise NotRunnableError(
            f'job "{job.job_id}": Fargate has no {keys.vcpus:g} vCPU; set platform.vcpus to one of '
            f"{', '.join(f'{size:g}' for size in CONTAINER_GB)}."
        )
    memory = [round(size * 1024) for size in CONTAINER_GB[keys.vcpus]]
    if keys.memory_mb is not None and keys.memory_mb not in memory:
        raise NotRunnableError(
            f'job "{job.job_id}": Fargate gives no {keys.memory_mb} MB to {keys.vcpus:g} vCPU; set '
            f"platform.memory_mb to one of {', '.join(map(str, memory))}."
        )


def requirements(job: Job) -> list[dict[str, str]]:
    """The size of a run as Batch takes it; empty where the definition's own counts."""
    keys = job.platform
    sizes = (("VCPU", keys.vcpus), ("MEMORY", keys.memory_mb))
    return [{"type": kind, "value": f"{value:g}"} for kind, value in sizes if value is not None]


def attempt_seconds(seconds: float) -> int:
    """A time limit as Batch takes it."""
    return max(SHORTEST_TIMEOUT_SECONDS, math.ceil(seconds))


def deploy(access: AwsAccess, job: Job, *, dry_run: bool) -> Change:
    """Register the job's own definition where something of it is new; one that exists otherwise is only used.

    Raises:
        NotRunnableError: A definition of that name exists and is not ours.
    """
    image = image_of(job)
    if image is None:
        return Change(KIND, usable_definition(access, job)["jobDefinitionName"], "foreign")
    wanted = _wanted(access, job, image, describe_queue(access, job))
    there = _active(access, job.job_id)
    if there is not None and not is_owned(there.get("tags", {})):
        raise NotRunnableError(
            f'job "{job.job_id}": Batch has a job definition {job.job_id} that is not ours. To use it, name '
            "it in platform.job_definition; else rename the job or the definition."
        )
    found = differences(there or {}, wanted)
    if there is not None and not found:
        return Change(KIND, job.job_id, "keep")
    if not dry_run:
        client = access.client("batch")
        with calling("batch"):
            client.register_job_definition(jobDefinitionName=job.job_id, **wanted)
    return Change(KIND, job.job_id, "create" if there is None else "update", found)


def owned(access: AwsAccess) -> tuple[Change, ...]:
    """All active definitions that carry our tag, as changes with the action `remove`."""
    client = access.client("batch")
    with calling("batch"):
        pages = client.get_paginator("describe_job_definitions").paginate(status="ACTIVE")
        found = [item for page in pages for item in page["jobDefinitions"]]
    names = {item["jobDefinitionName"] for item in found if is_owned(item.get("tags", {}))}
    return tuple(Change(KIND, name, "remove") for name in sorted(names))


def remove(access: AwsAccess, name: str) -> None:
    """Deregister all revisions of a definition that carry our tag; no error where there is none."""
    client = access.client("batch")
    with calling("batch"):
        pages = client.get_paginator("describe_job_definitions").paginate(
            jobDefinitionName=name, status="ACTIVE"
        )
        for item in [item for page in pages for item in page["jobDefinitions"]]:
            if is_owned(item.get("tags", {})):
                client.deregister_job_definition(jobDefinition=item["jobDefinitionArn"])


def _active(access: AwsAccess, name: str) -> Mapping[str, Any] | None:
    client = access.client("batch")
    exact = name.startswith("arn:") or re.search(r":\d+$", name)
    chosen = {"jobDefinitions": [name]} if exact else {"jobDefinitionName": name}
    with calling("batch"):
        pages = client.get_paginator("describe_job_definitions").paginate(status="ACTIVE", **chosen)
        found = [item for page in pages for item in page["jobDefinitions"]]
    return max(found, key=lambda item: item["revision"], default=None)


def _wanted(access: AwsAccess, job: Job, image: str, queue: Queue) -> dict[str, Any]:
    keys = job.platform
    vcpus, memory_mb = keys.vcpus or DEFAULT_SIZE[0], keys.memory_mb or DEFAULT_SIZE[1]
    container: dict[str, Any] = {
        "image": image,
        "resourceRequirements": [
            {"type": "VCPU", "value": f"{vcpus:g}"},
            {"type": "MEMORY", "value": f"{memory_mb:g}"},
        ],
    }
    if keys.iam_role is not None:
        container["jobRoleArn"] = role_arn(access, keys.iam_role)
    if queue.on_fargate:
        role = keys.execution_role_arn or container.get("jobRoleArn")
        if role is None:
            raise NotRunnableError(
                f'job "{job.job_id}": Fargate needs a role that pulls the image and writes logs: set '
                "platform.execution_role_arn, or platform.iam_role for both this and the script."
            )
        container["executionRoleArn"] = role
        if keys.architecture == "arm64":
            container["runtimePlatform"] = {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"}
    return {
        "type": "container",
        "platformCapabilities": ["FARGATE" if queue.on_fargate else "EC2"],
        "containerProperties": container,
        "timeout": {"attemptDurationSeconds": attempt_seconds(job.execution.timeout_minutes * 60)},
        "tags": tags_of(job),
        "propagateTags": True,
    }
