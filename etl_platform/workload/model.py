"""The answer of the analysis: what a job is about to do."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, computed_field

from etl_platform.catalog.findings import Finding
from etl_platform.workload.joins import Join

RoleName = Literal["fact", "dimension", "lookup", "streaming_source", "reference"]
Complexity = Literal["simple", "moderate", "complex"]
StepKind = Literal["scan", "broadcast_join", "shuffle_join", "separate_scan"]


class Frozen(BaseModel):
    """What all parts share."""

    model_config = ConfigDict(frozen=True)


class Role(Frozen):
    """What a source is in the data flow."""

    source: str
    role: RoleName
    declared: bool
    reason: str


class Broadcast(Frozen):
    """Whether a source can be sent to every executor whole.

    Attributes:
        source: Its name.
        size_gb: As stored.
        memory_gb: As Spark would hold it: at least as stored, and rows times the width of their types.
        limit_gb: What it must stay under: 1 GB, or the share of the executors' memory that is left.
        chosen: It is broadcast.
        hinted: The script has a broadcast hint for it.
        reason: A sentence with both sizes.
    """

    source: str
    size_gb: float | None
    memory_gb: float | None
    limit_gb: float | None
    chosen: bool
    hinted: bool
    reason: str


class Step(Frozen):
    """One step of the join order.

    Attributes:
        source: The source that comes in.
        kind: `scan` begins; `separate_scan` begins again with a source that nothing connects.
        on: Conditions, such as `orders.customer_id = customers.customer_id`.
        guessed: Only names of columns tell of one of these conditions.
        size_gb: Size of the source.
        shuffle_gb: What this step moves between executors; None is unknown.
        shuffle_without_broadcast_gb: The same where nothing is broadcast.
        reason: Why it stands here.
    """

    source: str
    kind: StepKind
    on: tuple[str, ...] = ()
    guessed: bool = False
    size_gb: float | None
    shuffle_gb: float | None
    shuffle_without_broadcast_gb: float | None
    reason: str


class Shape(Frozen):
    """Sources that hang together: one alone, a star, a snowflake, or several facts that share dimensions."""

    kind: Literal["single", "star", "snowflake", "several_facts"]
    facts: tuple[str, ...]
    sources: tuple[str, ...]


class Workload(Frozen):
    """What a job is about to do; None is unknown.

    Attributes:
        job_id: The job.
        query_pattern: Batch, streaming or interactive.
        volume_gb: Input: declared, else the sum of the known sizes (of the partitions that filters keep).
        volume_from: How `volume_gb` came about.
        volume_unknown: Sources that `volume_gb` lacks, so that it is a lower bound.
        stream_gb_per_hour: Of streams, from events a second and their size.
        file_count: Input files, declared or the sum of the known counts.
        roles: One a source.
        joins: The graph.
        shapes: One a connected part of the graph.
        broadcasts: One a source that is joined to a larger one.
        order: Steps, the first to last.
        shuffle_gb: What all joins shuffle with the chosen broadcasts.
        shuffle_without_broadcasts_gb: The same where nothing is broadcast.
        broadcast_gb: What each executor receives whole.
        wide_shuffle_gb_at_most: What aggregations, windows, sorts and the like shuffle besides, at most.
        operations: Kind of operation in the script to how often it stands there.
        complexity: Declared or derived.
        complexity_reasons: Why.
        spark_conf: Spark settings that carry out the plan; empty where the job's keys switch that off.
        findings: What is worth changing.
        notes: What was left out of the analysis, and why.
    """

    job_id: str
    query_pattern: Literal["batch", "streaming", "interactive"]
    volume_gb: float | None
    volume_from: str
    volume_unknown: tuple[str, ...]
    stream_gb_per_hour: float | None
    file_count: int | None
    roles: tuple[Role, ...] = ()
    joins: tuple[Join, ...] = ()
    shapes: tuple[Shape, ...] = ()
    broadcasts: tuple[Broadcast, ...] = ()
    order: tuple[Step, ...] = ()
    shuffle_gb: float | None = None
    shuffle_without_broadcasts_gb: float | None = None
    broadcast_gb: float | None = None
    wide_shuffle_gb_at_most: float | None = None
    operations: dict[str, int] = {}
    complexity: Complexity
    complexity_reasons: tuple[str, ...]
    spark_conf: dict[str, str] = {}
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()

    @computed_field
    @property
    def volume_category(self) -> Literal["low", "medium", "high", "very_high"] | None:
        """The category of the records of runs: under 1, under 100, under 1,000 GB, or more."""
        if self.volume_gb is None:
            return None
        if self.volume_gb < 1:
            return "low"
        if self.volume_gb < 100:
            return "medium"
        return "high" if self.volume_gb < 1000 else "very_high"
