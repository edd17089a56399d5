"""How long a job takes that never ran: what its physics says, before there is a run to learn from."""

from dataclasses import dataclass

from etl_platform.config.models.base import PlatformName
from etl_platform.decide.size import Size
from etl_platform.workload.model import Complexity, Workload

START_SECONDS: dict[PlatformName, float] = {
    "glue": 60.0,
    "emr": 420.0,
    "emr_serverless": 120.0,
    "lambda": 1.0,
    "batch": 60.0,
    "local": 15.0,
}
"""From submission to the first line of the job; all rough, which the range of the estimate says.

- Glue: under a minute (AWS News Blog, "AWS Glue version 2.0").
- EMR: a new cluster, five to ten minutes (Amazon EMR Management Guide).
- EMR Serverless: one to two minutes without pre-initialized workers (EMR Serverless User Guide).
- Lambda: under a second for most (Lambda Developer Guide, "Execution environment lifecycle").
- Batch on Fargate: pulling the image and joining the network, up to a minute (AWS Containers Blog).
- Local: Spark's own start, measured for this project on two cores.
"""

START_AT_LEAST = 0.5
"""Share of START_SECONDS that no start is expected to go below: one minute of two on EMR Serverless."""

RUNNING_CLUSTER_SECONDS = 15.0
"""Start of a step on an EMR cluster that runs already: Spark's own start."""

BILLED_START: dict[PlatformName, bool] = {
    "glue": False,
    "emr": True,
    "emr_serverless": False,
    "lambda": True,
    "batch": True,
    "local": False,
}
"""Whether the start is billed: Glue and EMR Serverless bill from when workers run, EMR from the instances'
start, Lambda its initialization since August 2025, Fargate from the pull of the image (price pages)."""

SCAN_MB_PER_VCPU = 85.0
"""One S3 connection (Amazon S3 User Guide, "Performance guidelines": 85–90 MB/s a request)."""

COMPUTE_MB_PER_VCPU: dict[Complexity, float] = {"simple": 6.3, "moderate": 3.2, "complex": 1.6}
"""Input that a vCPU works through in a second, measured on EMR with text: simple as a filter (grep), complex
as a full sort, moderate between them (Will, Bader, Thamsen, IEEE Big Data 2020)."""

DISK_MB_PER_NODE = 125.0
"""Local disk of a node: gp3's baseline (Amazon EBS User Guide); shuffled data is written and read once."""

OPEN_FILE_MB = 4.0
"""What opening a file costs, as so much data: default of Spark's `spark.sql.files.openCostInBytes`."""

LEAST_CORES = 0.25
"""A fraction of a vCPU below which Lambda and Python shell do not go."""


@dataclass(frozen=True)
class Work:
    """What a job has to do, as far as its runtime depends on it.

    Attributes:
        volume_gb: Input; None: unknown.
        shuffle_gb: What joins and wide operations move at most.
        files: Input files.
        complexity: How much is done with each row.
    """

    volume_gb: float | None
    shuffle_gb: float
    files: int
    complexity: Complexity


def work_of(workload: Workload) -> Work:
    """The work of a job; what is unknown besides the volume adds nothing."""
    shuffle = (workload.shuffle_gb or 0.0) + (workload.wide_shuffle_gb_at_most or 0.0)
    return Work(workload.volume_gb, shuffle, workload.file_count or 0, workload.complexity)


def start_seconds(platform: PlatformName, running_cluster: bool) -> float:
    """Seconds from submission to the first line of the job."""
    if platform == "emr" and running_cluster:
        return RUNNING_CLUSTER_SECONDS
    return START_SECONDS[platform]


def estimate_seconds(work: Work, size: Size, running_cluster: bool = False) -> float | None:
    """Expected seconds of a first run; None where its input is unknown.

    start + (input + files × OPEN_FILE_MB) ÷ cores × (1 ÷ SCAN + 1 ÷ COMPUTE) + 2 × shuffle ÷ (nodes × DISK).
    It is right within a factor of about two; `runtime_model.OFFSET` says so to the model.
    """
    if work.volume_gb is None:
        return None
    input_mb = work.volume_gb * 1024 + work.files * OPEN_FILE_MB
    rate = 1 / (1 / SCAN_MB_PER_VCPU + 1 / COMPUTE_MB_PER_VCPU[work.complexity])
    scan = input_mb / (max(size.cores, LEAST_CORES) * rate)
    shuffle = 2 * work.shuffle_gb * 1024 / (size.nodes * DISK_MB_PER_NODE) if size.nodes > 1 else 0.0
    return start_seconds(size.platform, running_cluster) + scan + shuffle
