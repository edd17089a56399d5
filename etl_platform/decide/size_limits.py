"""What the services take: a size beyond it is refused with its reason before anything is started."""

from etl_platform.config.container_sizes import CONTAINER_GB
from etl_platform.config.models.job import Job
from etl_platform.decide.size import FLEX_TYPES, Size, glue_limit, serverless_driver

LAMBDA_MB = (128, 10_240)
"""Least and most memory of a function (AWS Lambda Developer Guide, "Lambda quotas")."""


def beyond_service(size: Size, job: Job) -> str | None:
    """Why a service does not take a size at all; None where it does.

    Args:
        size: The size, as the job's own keys give it.
        job: For the keys that go with it.
    """
    match size.platform:
        case "glue" if size.machine != "glue python shell":
            return _glue(size, job)
        case "emr" if not size.cores:
            kind = size.keys["core_instance_type"]
            return (
                f"the vCPU and memory of instance type {kind} are not known here, so neither time nor cost "
                "can be told; take a type of the families m, r or c that is known, such as m5.xlarge"
            )
        case "emr_serverless":
            return _serverless(size, job)
        case "lambda":
            least, most = LAMBDA_MB
            memory_mb = size.keys["memory_mb"]
            if not least <= memory_mb <= most:
                return f"`platform.memory_mb` is {memory_mb:,}; Lambda takes {least} to {most:,} MB"
        case "batch":
            keys = ("platform.vcpus", "platform.memory_mb")
            return _container("Fargate", size.cores, size.memory_gb, keys, tuple(CONTAINER_GB))
    return None


def _glue(size: Size, job: Job) -> str | None:
    if reason := glue_limit(size):
        return reason
    if job.platform.execution_class == "flex" and size.keys["worker_type"] not in FLEX_TYPES:
        types = " and ".join(FLEX_TYPES)
        return (
            f"Flex runs on {types} workers only; set `platform.worker_type` to one of them, or "
            '`platform.execution_class` to "standard"'
        )
    return None


def _serverless(size: Size, job: Job) -> str | None:
    driver = serverless_driver(job.platform)
    workers = {"driver": (driver.cores, driver.memory_gb)}
    if "executor_cores" in size.keys:
        workers["executor"] = (size.keys["executor_cores"], size.keys["executor_memory_gb"])
    whole = tuple(vcpu for vcpu in CONTAINER_GB if vcpu >= 1)
    for who, (vcpu, memory_gb) in workers.items():
        names = (f"platform.{who}_cores", f"platform.{who}_memory_gb")
        if reason := _container("EMR Serverless", vcpu, memory_gb, names, whole):
            return reason
    return None


def _container(
    service: str, vcpu: float, memory_gb: float, keys: tuple[str, str], known: tuple[float, ...]
) -> str | None:
    if vcpu not in known:
        listed = ", ".join(f"{one:g}" for one in known)
        return f"`{keys[0]}` is {vcpu:g}; {service} has {listed} vCPU"
    allowed = CONTAINER_GB[vcpu]
    if memory_gb in allowed:
        return None
    step = allowed[1] - allowed[0]
    steps = f"{allowed[0]:g} to {allowed[-1]:g} GB in steps of {step:g}"
    if vcpu == min(CONTAINER_GB):
        steps = ", ".join(f"{one:g}" for one in allowed) + " GB"
    asked = f"{memory_gb * 1024:,.0f} MB" if keys[1].endswith("_mb") else f"{memory_gb:g} GB"
    return f"`{keys[1]}` is {asked}; with {vcpu:g} vCPU {service} has {steps}"
