"""What runs cost in the past: one point a run, and its sums."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from etl_platform.config.models.base import PlatformName

FREE: PlatformName = "local"
"""The platform that nobody bills."""


@dataclass(frozen=True)
class CostPoint:
    """One finished run.

    Attributes:
        execution_id: Its id.
        job_id: Its job.
        platform: Where it ran; None where it never came to a platform.
        timestamp: Its start, Unix seconds UTC.
        usd: What it cost; None where nobody knows.
        tags: The run's tags.
    """

    execution_id: str
    job_id: str
    platform: str | None
    timestamp: float
    usd: float | None
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def day(self) -> dt.date:
        """UTC day of its start."""
        return dt.datetime.fromtimestamp(self.timestamp, dt.timezone.utc).date()

    @property
    def month(self) -> str:
        """UTC month of its start, such as `2026-11`."""
        return self.day.isoformat()[:7]

    @property
    def charged(self) -> bool:
        """Whether anybody bills it: of a run on this machine at most the models that it asked."""
        return self.platform != FREE or self.usd is not None


@dataclass(frozen=True)
class DayCost:
    """The finished runs of one day.

    Attributes:
        day: UTC day of their starts.
        runs: All of them.
        unpriced: Those of unknown cost; they are not in `usd`.
        usd: Sum of the known costs; None where none is known.
    """

    day: dt.date
    runs: int
    unpriced: int
    usd: float | None


def days_of(points: Iterable[CostPoint]) -> list[DayCost]:
    """The runs of each day, oldest first."""
    days: dict[dt.date, list[float | None]] = defaultdict(list)
    for point in points:
        days[point.day].append(point.usd)
    return [
        DayCost(day, len(costs), costs.count(None), known_sum(costs)) for day, costs in sorted(days.items())
    ]


@dataclass(frozen=True)
class Total:
    """The runs of one group in one month.

    Attributes:
        runs: All of them.
        unpriced: Those of unknown cost; they are not in `usd`.
        usd: Sum of the known costs; None where none is known.
    """

    month: str
    group: str
    runs: int
    unpriced: int
    usd: float | None


def totals(points: Iterable[CostPoint], by: Literal["job", "platform"] | str) -> list[Total]:
    """Monthly totals.

    Args:
        points: The runs.
        by: `job`, `platform`, or `tag:NAME` for the values of a tag.

    Returns:
        Newest month first; in it the dearest group first.
    """
    groups: dict[tuple[str, str], list[float | None]] = defaultdict(list)
    for point in points:
        groups[point.month, _group(point, by)].append(point.usd)
    sums = [
        Total(
            month=month,
            group=group,
            runs=len(costs),
            unpriced=costs.count(None),
            usd=known_sum(costs),
        )
        for (month, group), costs in groups.items()
    ]
    sums.sort(key=lambda one: (-(one.usd or 0), one.group))
    return sorted(sums, key=lambda one: one.month, reverse=True)


def known_sum(costs: Iterable[float | None]) -> float | None:
    """The sum of the known costs; None where none is known."""
    known = [usd for usd in costs if usd is not None]
    return sum(known) if known else None


def _group(point: CostPoint, by: str) -> str:
    if by == "job":
        return point.job_id
    if by == "platform":
        return point.platform or "none"
    kind, _, name = by.partition(":")
    if kind != "tag" or not name:
        raise ValueError(f'group by job, platform or tag:NAME, not "{by}".')
    return point.tags.get(name, "none")
