"""A run as others learn from it: what it was to do, what it ran on, how it ended; and how alike two are."""

from math import exp, log, sqrt
from typing import Literal

from pydantic import BaseModel, ConfigDict

from etl_platform.config.models.base import PlatformName
from etl_platform.config.models.job import Job
from etl_platform.decide.cold_start import Work
from etl_platform.decide.history import size_of_run
from etl_platform.decide.size import Size
from etl_platform.tracking.records import ErrorClass, JobExecution, Status
from etl_platform.workload.analyze import WIDE
from etl_platform.workload.model import Complexity, Workload

ONE_UNIT: dict[str, float] = {
    "data_gb": 4.0,
    "shuffle_gb": 4.0,
    "files": 10.0,
    "sources": 2.0,
    "joins": 2.0,
    "operations": 2.0,
    "complexity": 2.0,
}
"""Factor by which a trait of two runs differs where they are one unit apart. A convention of this project:
what moves the runtime most counts most."""

STEPS: dict[Complexity, float] = {"simple": 1.0, "moderate": 2.0, "complex": 4.0}

LEAST_GB = 2.0**-10
"""Sizes below a megabyte are alike."""


class Traits(BaseModel):
    """What a run has to do, as far as it can be compared with other jobs; None is unknown.

    Attributes:
        data_gb: Input.
        shuffle_gb: What joins and wide operations move at most.
        files: Input files.
        sources: Tables read.
        joins: Joins between them.
        operations: Aggregations, windows, sorts and the like in the script.
        complexity: Of the data flow.
        kind: Kind of script.
    """

    model_config = ConfigDict(frozen=True)

    data_gb: float | None = None
    shuffle_gb: float | None = None
    files: int | None = None
    sources: int
    joins: int | None = None
    operations: int | None = None
    complexity: Complexity
    kind: Literal["pyspark", "python", "sql"]

    def scaled(self) -> dict[str, float | None]:
        """Each trait in units that can be compared: its logarithm over that of ONE_UNIT."""
        sizes = {"data_gb": self.data_gb, "shuffle_gb": self.shuffle_gb}
        # One more, because a script without joins is one step, and not infinitely far, from one with a join.
        counts = {
            name: None if value is None else value + 1.0
            for name, value in (("files", self.files), ("joins", self.joins), ("operations", self.operations))
        }
        values = {
            **{name: None if value is None else max(value, LEAST_GB) for name, value in sizes.items()},
            **counts,
            "sources": max(self.sources, 1.0),
            "complexity": STEPS[self.complexity],
        }
        return {
            name: None if value is None else log(value) / log(ONE_UNIT[name])
            for name, value in values.items()
        }


class LearningVector(BaseModel):
    """One run: its traits, its machines and its outcome. It holds no data, no names of columns, no text.

    Attributes:
        size_label: Size for people.
        seconds: From start to end; None where nobody knows.
        estimated_seconds: What was expected before it ran.
    """

    model_config = ConfigDict(frozen=True)

    execution_id: str
    job_id: str
    timestamp: float
    traits: Traits
    platform: PlatformName | None = None
    machine: str | None = None
    size_label: str | None = None
    nodes: float | None = None
    cores: float | None = None
    memory_gb: float | None = None
    status: Status
    error_class: ErrorClass | None = None
    seconds: float | None = None
    usd: float | None = None
    estimated_seconds: float | None = None
    spilled_gb: float | None = None
    gc_seconds: float | None = None
    task_skew: float | None = None
    memory_mb_max: float | None = None
    quality_score: float | None = None

    @property
    def size(self) -> Size | None:
        """The size that it ran with; None: unknown."""
        if self.platform is None or self.machine is None:
            return None
        if self.nodes is None or self.cores is None or self.memory_gb is None:
            return None
        return Size(
            self.platform, self.size_label or "", self.machine, self.nodes, self.cores, self.memory_gb
        )

    @property
    def work(self) -> Work:
        """What it had to do, for a physical estimate."""
        return Work(
            self.traits.data_gb, self.traits.shuffle_gb or 0.0, self.traits.files or 0, self.traits.complexity
        )


def traits_of(job: Job, workload: Workload) -> Traits:
    """The traits of a job's next run."""
    shuffle = [one for one in (workload.shuffle_gb, workload.wide_shuffle_gb_at_most) if one is not None]
    analysed = bool(workload.roles)
    return Traits(
        data_gb=workload.volume_gb,
        shuffle_gb=sum(shuffle) if shuffle else None,
        files=workload.file_count,
        sources=len(job.data_sources),
        joins=len(workload.joins) if analysed else None,
        operations=sum(workload.operations.get(kind, 0) for kind in WIDE) if analysed else None,
        complexity=workload.complexity,
        kind=job.execution.kind,
    )


def vector_of(run: JobExecution, job: Job, workload: Workload) -> LearningVector:
    """A run that ended, with the traits that its job has now and the input that it had then."""
    traits, metrics, cost = traits_of(job, workload), run.execution_metrics, run.cost_breakdown
    then = run.workload_characteristics and run.workload_characteristics.data_volume_gb
    read = metrics and (metrics.data_processed_gb or metrics.data_read_gb)
    size = size_of_run(run, job)
    return LearningVector(
        execution_id=run.execution_id,
        job_id=run.job_name,
        timestamp=run.timestamp,
        traits=traits.model_copy(update={"data_gb": then or read or traits.data_gb}),
        platform=size.platform if size else None,
        machine=size.machine if size else None,
        size_label=size.label if size else None,
        nodes=size.nodes if size else None,
        cores=size.cores if size else None,
        memory_gb=size.memory_gb if size else None,
        status=run.status,
        error_class=run.error_details.error_class if run.error_details else None,
        seconds=run.duration_seconds or None,
        usd=cost.total_cost_usd if cost else None,
        estimated_seconds=run.platform_decision.estimated_seconds if run.platform_decision else None,
        spilled_gb=metrics.spilled_gb if metrics else None,
        gc_seconds=metrics.gc_seconds if metrics else None,
        task_skew=metrics.task_skew if metrics else None,
        memory_mb_max=metrics.memory_mb_max if metrics else None,
        quality_score=run.data_quality.overall_score if run.data_quality else None,
    )


def distance(one: Traits, other: Traits) -> float:
    """Root mean square of the differences of the traits that both know, in their units.

    A different kind of script is one unit apart. Logarithms make a factor count the same at any size, and
    units make gigabytes and joins weigh alike; on raw numbers only the largest would be seen.
    """
    first, second = one.scaled(), other.scaled()
    apart = [
        mine - theirs
        for name, mine in first.items()
        if mine is not None and (theirs := second[name]) is not None
    ]
    apart.append(float(one.kind != other.kind))
    return sqrt(sum(each * each for each in apart) / len(apart))


def similarity(one: Traits, other: Traits) -> float:
    """1 where two runs are alike, 0.8 at two thirds of a unit a trait, falling to 0."""
    return exp(-(distance(one, other) ** 2) / 2)
