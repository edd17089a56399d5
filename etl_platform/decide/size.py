"""How big a run can be on each platform."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache
from math import ceil
from typing import Any

from etl_platform.config.models.base import PlatformName
from etl_platform.config.models.job import Job
from etl_platform.config.models.platform import Platform, WorkerType
from etl_platform.decide.instances import INSTANCES
from etl_platform.decide.run_features import RunShape
from etl_platform.pricing.emr import EmrCluster, EmrServerlessWorkers, spot_workers
from etl_platform.pricing.functions import FargateUsage, LambdaUsage
from etl_platform.pricing.glue import DPU_PER_WORKER, GlueUsage
from etl_platform.pricing.quote import Usage

VCPU_PER_DPU, GB_PER_DPU, GB_PER_M_DPU = 4, 16, 32
"""A DPU is 4 vCPU and 16 GB, an M-DPU 4 vCPU and 32 GB (AWS Glue Developer Guide, "Worker types")."""

GLUE_LIMITS: dict[WorkerType, int] = {"G.1X": 299, "G.2X": 149}
"""Most workers of a run (AWS Glue API reference, `NumberOfWorkers`); two at least, one of them the driver."""

LEAST_GLUE_WORKERS = 2

GLUE_TYPES: tuple[WorkerType, ...] = ("G.1X", "G.2X", "G.4X", "G.8X")

FLEX_TYPES: tuple[WorkerType, ...] = ("G.1X", "G.2X")
"""Worker types that Flex runs on (AWS Glue Developer Guide, "Flex execution")."""

MOST_GLUE_WORKERS = 100
MOST_EMR_INSTANCES = 33
MOST_EXECUTORS = 64
"""Largest sizes that are looked at where the job sets no bound of its own: a choice of this project, no limit
of AWS. An account's quotas may be lower (Service Quotas of Glue, EC2 and EMR Serverless)."""

EVERY_COUNT_TO = 20
"""Up to here each number of workers is looked at; above it each next one is a quarter larger."""

LAMBDA_MEMORY_MB = (128, 256, 512, 1024, 1769, 3008, 5120, 10_240)
BATCH_VCPUS = (1, 2, 4, 8, 16)
"""Sizes that are compared where the job leaves the size open."""

BATCH_PROCESS_GB = ((1.0, 2.0), (1.0, 4.0), (1.0, 8.0), (2.0, 16.0), (4.0, 30.0), (8.0, 60.0), (16.0, 120.0))
"""vCPU and GB for a script of one process: the fewest vCPU with which Fargate gives so much memory."""

LAMBDA_MB_PER_VCPU = 1769
"""AWS Lambda Developer Guide, "Configure function memory": at 1,769 MB a function has one vCPU."""

BATCH_GB_PER_VCPU = 4.0
"""Middle of what Fargate allows, 2 to 8 GB a vCPU (Amazon ECS Developer Guide, "Task size")."""

EMR_TYPE = "m5.xlarge"
SERVERLESS_VCPU, SERVERLESS_GB = 4, 16.0
"""Where the job names none: the defaults of EMR and EMR Serverless (their user guides)."""


@dataclass(frozen=True)
class Size:
    """A size of a run on one platform.

    Attributes:
        platform: The platform.
        label: For people, such as `10 × G.1X`.
        machine: Kind of machine, as the runtime model tells them apart.
        nodes: Nodes that work; a driver that does not is left out.
        cores: Their vCPU.
        memory_gb: Their memory.
        keys: Keys of the job's `platform` section that ask for this size.
    """

    platform: PlatformName
    label: str
    machine: str
    nodes: float
    cores: float
    memory_gb: float
    keys: Mapping[str, Any] = field(default_factory=dict)

    def shape(self, data_gb: float, start_seconds: float, work_seconds: float) -> RunShape:
        """A run of this size on so much data, with the seconds that a cold start gives it."""
        # Glue and EMR Serverless keep the driver apart, and what has one node has no cluster.
        inside = self.platform == "emr"
        sizes = (data_gb, self.cores, self.nodes, self.memory_gb, self.machine)
        return RunShape(*sizes, start_seconds, work_seconds, inside)

    def record(self) -> dict[str, Any]:
        """What is stored of it, for later runs to learn from."""
        return {
            "label": self.label,
            "machine": self.machine,
            "nodes": self.nodes,
            "cores": self.cores,
            "memory_gb": self.memory_gb,
        }


def declared(job: Job, platform: PlatformName) -> Size | None:
    """The size that the job's own keys give for a platform; None where they leave it open."""
    keys = job.platform
    match platform:
        case "glue" if keys.dpu_count and is_one_process(job):
            return python_shell(1.0 if keys.dpu_count >= 1 else 0.0625)
        case "glue" if keys.dpu_count:
            worker_type = keys.worker_type or "G.1X"
            return glue(worker_type, round(keys.dpu_count / float(DPU_PER_WORKER[worker_type])))
        case "emr" if keys.instance_count:
            kind = keys.core_instance_type or keys.instance_type or EMR_TYPE
            return emr(kind, keys.instance_count, keys.instance_type)
        case "emr_serverless" if keys.max_executors and not is_one_process(job):
            return serverless(keys, keys.max_executors)
        case "lambda" if keys.memory_mb:
            return function(keys.memory_mb)
        case "batch" if keys.vcpus:
            memory = keys.memory_mb / 1024 if keys.memory_mb else keys.vcpus * BATCH_GB_PER_VCPU
            return container(keys.vcpus, memory)
        case "local":
            return this_machine()
    return None


def candidates(job: Job, platform: PlatformName) -> Iterator[Size]:
    """Sizes that may be compared on a platform, within the job's own bounds.

    A plain Python script is one process, which more workers, executors or vCPU do not make faster: it gets
    the smallest size of each platform, and only its memory differs.
    """
    keys, single = job.platform, is_one_process(job)
    match platform:
        case "glue" if single:
            yield python_shell(0.0625)
            yield python_shell(1.0)
        case "glue":
            yield from _glue_sizes(keys)
        case "emr":
            kind = keys.core_instance_type or keys.instance_type or EMR_TYPE
            if kind in INSTANCES:
                most = max(MOST_EMR_INSTANCES, keys.instance_count or 0)
                for instances in (1,) if single else _counts(2, most):
                    yield emr(kind, instances, keys.instance_type)
        case "emr_serverless":
            if single:
                yield serverless_driver(keys)
            else:
                for executors in _counts(1, keys.max_executors or MOST_EXECUTORS):
                    yield serverless(keys, executors)
        case "lambda":
            # Sail and Spark's client need a whole vCPU; plain Python runs in less.
            least = 0 if single else LAMBDA_MB_PER_VCPU
            yield from (function(memory_mb) for memory_mb in LAMBDA_MEMORY_MB if memory_mb >= least)
        case "batch" if single:
            yield from (container(vcpus, memory_gb) for vcpus, memory_gb in BATCH_PROCESS_GB)
        case "batch":
            for vcpus in BATCH_VCPUS:
                yield container(vcpus, vcpus * BATCH_GB_PER_VCPU)
        case "local":
            yield this_machine()


def is_one_process(job: Job) -> bool:
    """Whether the job is a plain Python script, which runs in one process on one machine."""
    return job.execution.kind == "python"


def as_one_process_uses(size: Size) -> Size:
    """What of a size one process can work with: one vCPU, whatever else there is."""
    cores = min(size.cores, 1.0)
    return replace(size, nodes=1, cores=cores, memory_gb=cores * BATCH_GB_PER_VCPU)


def _glue_sizes(keys: Platform) -> Iterator[Size]:
    usual = FLEX_TYPES if keys.execution_class == "flex" else GLUE_TYPES
    types: tuple[WorkerType, ...] = (keys.worker_type,) if keys.worker_type else usual
    for worker_type in types:
        each = float(DPU_PER_WORKER[worker_type])
        least = max(ceil((keys.min_dpu or 0) / each), LEAST_GLUE_WORKERS)
        most = int(keys.max_dpu / each) if keys.max_dpu else max(MOST_GLUE_WORKERS, least)
        most = min(most, GLUE_LIMITS.get(worker_type, most))
        for workers in _counts(least, most):
            yield glue(worker_type, workers)


@cache
def _counts(least: int, most: int) -> tuple[int, ...]:
    """Numbers of workers: both bounds, each number up to EVERY_COUNT_TO, then steps of a quarter."""
    counts = set(range(least, min(EVERY_COUNT_TO, most) + 1)) | {
        one for one in (least, most) if least <= most
    }
    larger = EVERY_COUNT_TO * 1.25
    while larger < most:
        if larger > least:
            counts.add(round(larger))
        larger *= 1.25
    return tuple(sorted(counts))


def largest_looked_at(job: Job, size: Size) -> str | None:
    """What to set to have larger sizes looked at, where a size is the largest of its platform that was."""
    keys = job.platform
    match size.platform:
        case "glue" if size.machine != "glue python shell" and keys.max_dpu is None:
            workers = size.keys["dpu_count"] / float(DPU_PER_WORKER[size.keys["worker_type"]])
            most, what, key = MOST_GLUE_WORKERS, "workers", "platform.max_dpu"
        case "emr":
            workers, most = size.keys["instance_count"], MOST_EMR_INSTANCES
            what, key = "instances", "platform.instance_count"
        case "emr_serverless" if keys.max_executors is None:
            workers, most = size.keys["max_executors"], MOST_EXECUTORS
            what, key = "executors", "platform.max_executors"
        case _:
            return None
    if workers != most:
        return None
    return f"{most} {what} are the most that were looked at; set `{key}` higher to have more looked at."


@cache
def glue(worker_type: WorkerType, workers: int) -> Size:
    """A Glue Spark run; one worker is the driver."""
    each = float(DPU_PER_WORKER[worker_type])
    executors = max(workers - 1, 1)
    gb = GB_PER_M_DPU if worker_type.startswith("R.") else GB_PER_DPU
    return Size(
        platform="glue",
        label=f"{workers} × {worker_type}",
        machine=f"glue {worker_type}",
        nodes=executors,
        cores=executors * each * VCPU_PER_DPU,
        memory_gb=executors * each * gb,
        keys={"worker_type": worker_type, "dpu_count": workers * each},
    )


def glue_limit(size: Size) -> str | None:
    """Why Glue does not take so many workers; None where it does."""
    workers = size.keys["dpu_count"] / float(DPU_PER_WORKER[size.keys["worker_type"]])
    most = GLUE_LIMITS.get(size.keys["worker_type"])
    if workers < LEAST_GLUE_WORKERS:
        return f"{size.label}: Glue runs Spark on two workers at least; set `platform.dpu_count` higher"
    if most and workers > most:
        return f"{size.label}: Glue takes at most {most} workers of this type; take a larger `worker_type`"
    return None


@cache
def python_shell(dpu: float) -> Size:
    """A Glue Python shell: one process."""
    cores, memory = dpu * VCPU_PER_DPU, dpu * GB_PER_DPU
    return Size("glue", f"{dpu:g} DPU", "glue python shell", 1, cores, memory, {"dpu_count": dpu})


@cache
def emr(kind: str, instances: int, primary: str | None = None) -> Size:
    """An EMR cluster of a primary node and core nodes of one type; of one instance, which is both.

    Args:
        kind: EC2 type of the core nodes.
        instances: Nodes in all.
        primary: EC2 type of the primary node; None: as the others.
    """
    vcpu, memory = INSTANCES.get(kind, (0, 0.0))
    nodes = max(instances - 1, 1)
    first = primary or kind if instances > 1 else kind
    label = f"{instances} × {kind}" if first == kind else f"{first} + {nodes} × {kind}"
    keys = {"instance_type": first, "core_instance_type": kind, "instance_count": instances}
    return Size("emr", label, f"emr {kind}", nodes, nodes * vcpu, nodes * memory, keys)


def serverless(keys: Platform, executors: int) -> Size:
    """An EMR Serverless run of so many executors; the driver comes on top."""
    vcpu = keys.executor_cores or SERVERLESS_VCPU
    return _serverless(vcpu, keys.executor_memory_gb or vcpu * SERVERLESS_GB / SERVERLESS_VCPU, executors)


def serverless_driver(keys: Platform) -> Size:
    """An EMR Serverless run of a script that asks for no executors: its driver alone."""
    vcpu = keys.driver_cores or SERVERLESS_VCPU
    memory_gb = keys.driver_memory_gb or vcpu * SERVERLESS_GB / SERVERLESS_VCPU
    size = {"driver_cores": vcpu, "driver_memory_gb": memory_gb, "max_executors": 1}
    return Size(
        "emr_serverless", f"driver, {vcpu} vCPU, {memory_gb:g} GB", "emr_serverless", 1, vcpu, memory_gb, size
    )


@cache
def _serverless(vcpu: int, memory_gb: float, executors: int) -> Size:
    return Size(
        platform="emr_serverless",
        label=f"{executors} × {vcpu} vCPU, {memory_gb:g} GB",
        machine="emr_serverless",
        nodes=executors,
        cores=executors * vcpu,
        memory_gb=executors * memory_gb,
        keys={"executor_cores": vcpu, "executor_memory_gb": float(memory_gb), "max_executors": executors},
    )


@cache
def function(memory_mb: int) -> Size:
    """A Lambda invocation."""
    cores = memory_mb / LAMBDA_MB_PER_VCPU
    return Size("lambda", f"{memory_mb:,} MB", "lambda", 1, cores, memory_mb / 1024, {"memory_mb": memory_mb})


@cache
def container(vcpus: float, memory_gb: float) -> Size:
    """A Batch job on Fargate."""
    keys = {"vcpus": float(vcpus), "memory_mb": round(memory_gb * 1024)}
    return Size("batch", f"{vcpus:g} vCPU, {memory_gb:g} GB", "batch", 1, vcpus, memory_gb, keys)


@cache
def this_machine() -> Size:
    """The machine that this process runs on."""
    import os

    import psutil

    cores, memory = os.cpu_count() or 1, psutil.virtual_memory().total / 2**30
    return Size("local", f"this machine, {cores} cores", "local", 1, cores, memory)


def usage(size: Size, job: Job, billed_seconds: float) -> Usage | None:
    """What a run of that size and time would use; None for the local platform, which nobody bills.

    Args:
        size: The size.
        job: For execution class, processor and driver.
        billed_seconds: Time that is billed.
    """
    keys = job.platform
    time = Decimal(str(round(max(billed_seconds, 0.0), 3)))
    match size.platform:
        case "glue" if size.machine == "glue python shell":
            return GlueUsage(kind="python_shell", dpu=Decimal(str(size.keys["dpu_count"])), seconds=time)
        case "glue":
            worker_type: WorkerType = size.keys["worker_type"]
            flex = keys.execution_class == "flex" and worker_type in FLEX_TYPES
            return GlueUsage(
                dpu=Decimal(str(size.keys["dpu_count"])),
                worker_type=worker_type,
                seconds=time,
                execution_class="flex" if flex else "standard",
            )
        case "emr":
            instances = size.keys["instance_count"]
            return EmrCluster(
                primary_type=size.keys["instance_type"],
                worker_type=size.keys["core_instance_type"],
                workers=instances - 1,
                spot_workers=spot_workers(job.cost.spot_instances, instances),
                seconds=time,
            )
        case "emr_serverless" if "executor_cores" not in size.keys:
            return EmrServerlessWorkers(
                workers=1,
                vcpu=Decimal(str(size.cores)),
                memory_gb=Decimal(str(size.memory_gb)),
                seconds=time,
            )
        case "emr_serverless":
            # Driver and executors are billed alike by vCPU and GB: as so many executors.
            driver = (keys.driver_cores or SERVERLESS_VCPU) / size.keys["executor_cores"]
            return EmrServerlessWorkers(
                workers=size.keys["max_executors"] + max(round(driver), 1),
                vcpu=Decimal(str(size.keys["executor_cores"])),
                memory_gb=Decimal(str(size.keys["executor_memory_gb"])),
                seconds=time,
            )
        case "lambda":
            return LambdaUsage(
                duration_ms=time * 1000,
                memory_mb=size.keys["memory_mb"],
                architecture=keys.architecture or "x86_64",
            )
        case "batch":
            return FargateUsage(
                vcpu=Decimal(str(size.cores)),
                memory_gb=Decimal(str(size.memory_gb)),
                seconds=time,
                architecture=keys.architecture or "x86_64",
            )
        case "local":
            return None
