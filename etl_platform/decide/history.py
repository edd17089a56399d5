"""What a job's past runs tell: how long they took, where, on how much data, and for how much."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from pydantic import TypeAdapter

from etl_platform.config.models.base import PlatformName
from etl_platform.config.models.job import Job
from etl_platform.decide.size import Size, declared
from etl_platform.pricing.forecast import HISTORY_DAYS
from etl_platform.pricing.history import CostPoint, DayCost
from etl_platform.tracking.records import JobExecution
from etl_platform.tracking.store import TrackingStore

if TYPE_CHECKING:
    from etl_platform.decide.learning_vectors import LearningVector

PLATFORMS: tuple[PlatformName, ...] = get_args(PlatformName)

_NAME: TypeAdapter[PlatformName] = TypeAdapter(PlatformName)
_SIZE = TypeAdapter(Size)

LATEST = 60
"""Runs that count; more make the model slower and not better, and older ones say less of today."""


@dataclass(frozen=True)
class PastRun:
    """One successful run.

    Attributes:
        data_gb: Its input; None: unknown.
        seconds: From submission to end.
    """

    execution_id: str
    size: Size
    data_gb: float | None
    seconds: float


@dataclass(frozen=True)
class History:
    """The runs of one job, newest first.

    Attributes:
        runs: Successful runs whose time and size are known.
        last_platform: Where the last run ran.
        days: What the runs of each day cost, all runs of the days that a forecast looks at.
        borrowed: Runs of similar jobs, where the job itself has few.
    """

    runs: tuple[PastRun, ...] = ()
    last_platform: str | None = None
    days: tuple[DayCost, ...] = ()
    borrowed: tuple["LearningVector", ...] = ()


def history_of(store: TrackingStore, job: Job, today: dt.date) -> History:
    """Read the latest runs of a job, and what its days until `today` (UTC) have cost."""
    executions = store.executions(job.job_id, limit=LATEST).items
    return History(
        runs=tuple(run for one in executions if (run := _past_run(one, job))),
        last_platform=next((one.job_type for one in executions if one.job_type), None),
        days=_days(store, job, today),
    )


def _days(store: TrackingStore, job: Job, today: dt.date) -> tuple[DayCost, ...]:
    since = today - dt.timedelta(days=HISTORY_DAYS)
    return tuple(
        DayCost(
            dt.date.fromisoformat(one.date),
            one.total_executions,
            one.total_executions - one.priced_executions,
            one.total_cost_usd,
        )
        for one in store.cost_trend(job.job_id, since.isoformat(), today.isoformat())
    )


def cost_points(executions: Iterable[JobExecution]) -> list[CostPoint]:
    """The cost of each run that ended."""
    return [
        CostPoint(
            execution_id=one.execution_id,
            job_id=one.job_name,
            platform=one.job_type,
            timestamp=one.timestamp,
            usd=one.cost_breakdown.total_cost_usd if one.cost_breakdown else None,
            tags=one.tags,
        )
        for one in executions
        if one.status != "running"
    ]


def _past_run(one: JobExecution, job: Job) -> PastRun | None:
    if one.status != "success" or not one.duration_seconds or one.duration_seconds <= 0:
        return None
    size = size_of_run(one, job)
    if size is None:
        return None
    volume = one.workload_characteristics and one.workload_characteristics.data_volume_gb
    if volume is None and one.execution_metrics:
        volume = one.execution_metrics.data_read_gb
    return PastRun(one.execution_id, size, volume, one.duration_seconds)


def size_of_run(one: JobExecution, job: Job) -> Size | None:
    """The size that a run ran with: the one that was decided, else the one that the job declares."""
    if one.job_type not in PLATFORMS:
        return None
    platform = _NAME.validate_python(one.job_type)
    recorded = one.platform_decision and one.platform_decision.size
    # A run that was never decided ran with what the job declares.
    return _SIZE.validate_python({**recorded, "platform": platform}) if recorded else declared(job, platform)
