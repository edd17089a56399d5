"""How big a run can be on each platform."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from etl_platform.config.models.base import PlatformName
from etl_platform.config.models.job import Job
from etl_platform.config.models.platform import Platform, WorkerType
from etl_platform.decide.run_features import RunShape
from etl_platform.pricing.emr import EmrCluster, EmrServerlessWorkers, spot_workers
from etl_platform.pricing.functions import FargateUsage, LambdaUsage
from etl_platform.pricing.glue import DPU_PER_WORKER, GlueUsage
from etl_platform.pricing.quote import Usage

VCPU_PER_DPU, GB_PER_DPU, GB_PER_M_DPU = 4, 16, 32
"""A DPU is 4 vCPU and 16 GB, an M-DPU 4 vCPU and 32 GB (AWS Glue Developer Guide, "Worker types")."""

GLUE_LIMITS: dict[WorkerType, int] = {"G.1X": 299, "G.2X": 149}
"""Most workers of a run (AWS Glue API reference, `NumberOfWorkers`); two at least, one of them the driver."""

GLUE_WORKERS = (2, 3, 5, 10, 20, 50, 100)
GLUE_TYPES: tuple[WorkerType, ...] = ("G.1X", "G.2X", "G.4X", "G.8X")
EMR_CORE_NODES = (1, 2, 4, 8, 16, 32)
SERVERLESS_EXECUTORS = (1, 2, 4, 8, 16, 32, 64)
LAMBDA_MEMORY_MB = (512, 1024, 1769, 3008, 5120, 10_240)
BATCH_VCPUS = (1, 2, 4, 8, 16)
"""Sizes that are compared where the job leaves the size open."""

LAMBDA_MB_PER_VCPU = 1769
"""AWS Lambda Developer Guide, "Configure function memory": at 1,769 MB a function has one vCPU."""

BATCH_GB_PER_VCPU = 4.0
"""Middle of what Fargate allows, 2 to 8 GB a vCPU (Amazon ECS Developer Guide, "Task size")."""

INSTANCES: dict[str, tuple[int, float]] = {
    "m5.xlarge": (4, 16),
    "m5.2xlarge": (8, 32),
    "r5.xlarge": (4, 32),
    "c5.2xlarge": (8, 16),
    "m4.large": (2, 8),
    "m4.xlarge": (4, 16),
    "m4.2xlarge": (8, 32),
    "c4.large": (2, 3.75),
    "c4.xlarge": (4, 7.5),
    "c4.2xlarge": (8, 15),
    "r4.large": (2, 15.25),
    "r4.xlarge": (4, 30.5),
    "r4.2xlarge": (8, 61),
}
"""EC2 type to vCPU and GB of memory (Amazon EC2, "Instance types")."""

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

    def shape(self, data_gb: float) -> RunShape:
        """A run of this size on so much data."""
        return RunShape(data_gb, self.cores, self.nodes, self.memory_gb, self.machine)

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
        case "glue" if keys.dpu_count and job.execution.script_type == "python":
            return python_shell(1.0 if keys.dpu_count >= 1 else 0.0625)
        case "glue" if keys.dpu_count:
            worker_type = keys.worker_type or "G.1X"
            return glue(worker_type, round(keys.dpu_count / float(DPU_PER_WORKER[worker_type])))
        case "emr" if keys.instance_count:
            kind = keys.core_instance_type or keys.instance_type or EMR_TYPE
            return emr(kind, keys.instance_count, keys.instance_type)
        case "emr_serverless" if keys.max_executors:
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
    """Sizes that may be compared on a platform, within the job's `min_dpu` and `max_dpu`."""
    keys = job.platform
    match platform:
        case "glue" if job.execution.script_type == "python":
            yield python_shell(0.0625)
            yield python_shell(1.0)
        case "glue":
            types: tuple[WorkerType, ...] = (keys.worker_type,) if keys.worker_type else GLUE_TYPES
            for worker_type in types:
                for workers in GLUE_WORKERS:
                    dpu = workers * float(DPU_PER_WORKER[worker_type])
                    if (keys.min_dpu or 0) <= dpu <= (keys.max_dpu or float("inf")):
                        yield glue(worker_type, workers)
        case "emr":
            kind = keys.core_instance_type or keys.instance_type or EMR_TYPE
            if kind in INSTANCES:
                for nodes in EMR_CORE_NODES:
                    yield emr(kind, nodes + 1, keys.instance_type)
        case "emr_serverless":
            for executors in SERVERLESS_EXECUTORS:
                yield serverless(keys, executors)
        case "lambda":
            # Sail and Spark's client need a whole vCPU; plain Python runs in less.
            least = 0 if job.execution.script_type == "python" else LAMBDA_MB_PER_VCPU
            yield from (function(memory_mb) for memory_mb in LAMBDA_MEMORY_MB if memory_mb >= least)
        case "batch":
            for vcpus in BATCH_VCPUS:
                yield container(vcpus, vcpus * BATCH_GB_PER_VCPU)
        case "local":
            yield this_machine()


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
    if workers < 2:
        return f"{size.label}: Glue runs Spark on two workers at least; set `platform.dpu_count` higher"
    if most and workers > most:
        return f"{size.label}: Glue takes at most {most} workers of this type; take a larger `worker_type`"
    return None


def python_shell(dpu: float) -> Size:
    """A Glue Python shell: one process."""
    cores, memory = dpu * VCPU_PER_DPU, dpu * GB_PER_DPU
    return Size("glue", f"{dpu:g} DPU", "glue python shell", 1, cores, memory, {"dpu_count": dpu})


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
    memory = keys.executor_memory_gb or SERVERLESS_GB
    return Size(
        platform="emr_serverless",
        label=f"{executors} × {vcpu} vCPU, {memory:g} GB",
        machine="emr_serverless",
        nodes=executors,
        cores=executors * vcpu,
        memory_gb=executors * memory,
        keys={"executor_cores": vcpu, "executor_memory_gb": float(memory), "max_executors": executors},
    )


def function(memory_mb: int) -> Size:
    """A Lambda invocation."""
    cores = memory_mb / LAMBDA_MB_PER_VCPU
    return Size("lambda", f"{memory_mb:,} MB", "lambda", 1, cores, memory_mb / 1024, {"memory_mb": memory_mb})


def container(vcpus: float, memory_gb: float) -> Size:
    """A Batch job on Fargate."""
    keys = {"vcpus": float(vcpus), "memory_mb": round(memory_gb * 1024)}
    return Size("batch", f"{vcpus:g} vCPU, {memory_gb:g} GB", "batch", 1, vcpus, memory_gb, keys)


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
            flex = keys.execution_class == "flex" and worker_type in ("G.1X", "G.2X")
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
