"""Why one group of runs cost more than another: the difference, apart by cause, in dollars that add up.

The cost of the runs that succeeded is a product: runs × GB a run × hours a GB × DPU × dollars a DPU-hour. Its
change is split by the logarithmic mean Divisia index (Ang, "The LMDI approach to decomposition analysis: a
practical guide", Energy Policy 2005), which leaves no rest. What attempts without success cost is a term of
its own. Where a factor is not known of every run, it is told together with the one beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

from etl_platform.tracking.records import JobExecution

LEAST_USD = 1e-9
"""Below it a group of runs cost nothing: no service charges so little for a run."""


@dataclass(frozen=True)
class RunFigures:
    """One attempt, as far as its cost depends on it; None is unknown.

    Attributes:
        usd: What it cost.
        succeeded: Whether it is a run that counts, or an attempt that was paid for nothing.
        hours: From start to end.
        gb: Its input.
        dpu_hours: Billed by Glue.
    """

    execution_id: str
    platform: str | None
    usd: float | None
    succeeded: bool
    hours: float | None
    gb: float | None
    dpu_hours: float | None


@dataclass(frozen=True)
class Part:
    """One cause of a change.

    Attributes:
        cause: `runs`, `volume`, `duration`, `size`, `price`, `platform_and_price`, `volume_and_duration`,
            `cost_of_a_run`, or `retries`.
        usd: Its share of the change; all shares add up to the change.
        before: The factor before; in `unit`.
        after: The factor after.
    """

    cause: str
    usd: float
    before: float | None
    after: float | None
    unit: str


@dataclass(frozen=True)
class CostChange:
    """The change between two groups of runs.

    Attributes:
        before_usd: Known cost of the first group.
        after_usd: Known cost of the second.
        unpriced: Runs of unknown cost, which are left out.
        parts: Causes, the largest first; empty where a group has no priced run.
    """

    before_usd: float | None
    after_usd: float | None
    unpriced: int
    parts: tuple[Part, ...]

    @property
    def usd(self) -> float | None:
        """Dollars more (or, negative, less); None where a group has no known cost."""
        if self.before_usd is None or self.after_usd is None:
            return None
        return self.after_usd - self.before_usd


def figures_of(run: JobExecution) -> RunFigures:
    """The figures of a recorded run."""
    cost, metrics, work = run.cost_breakdown, run.execution_metrics, run.workload_characteristics
    gb = (metrics and (metrics.data_processed_gb or metrics.data_read_gb)) or (work and work.data_volume_gb)
    return RunFigures(
        execution_id=run.execution_id,
        platform=run.job_type,
        usd=cost.total_cost_usd if cost else None,
        succeeded=run.status == "success",
        hours=run.duration_seconds / 3600 if run.duration_seconds else None,
        gb=gb or None,
        dpu_hours=(cost.dpu_hours if cost else None) or None,
    )


def change(before: Sequence[RunFigures], after: Sequence[RunFigures]) -> CostChange:
    """Split the difference in cost of two groups of runs of one job by cause."""
    groups = [[one for one in group if one.usd is not None] for group in (before, after)]
    unpriced = len(before) + len(after) - sum(map(len, groups))
    sums = [_usd(group) if group else None for group in groups]
    if sums[0] is None or sums[1] is None:
        return CostChange(sums[0], sums[1], unpriced, ())
    useful = [[one for one in group if one.succeeded] for group in groups]
    wasted = [_usd([one for one in group if not one.succeeded]) for group in groups]
    parts = _split(useful[0], useful[1])
    if any(wasted):
        parts.append(Part("retries", wasted[1] - wasted[0], wasted[0], wasted[1], "USD without success"))
    parts.sort(key=lambda part: -abs(part.usd))
    return CostChange(sums[0], sums[1], unpriced, tuple(parts))


_Factor = tuple[str, str, float, float]
"""Cause, unit, before, after."""


def _split(before: Sequence[RunFigures], after: Sequence[RunFigures]) -> list[Part]:
    old, new = _usd(before), _usd(after)
    if old < LEAST_USD or new < LEAST_USD:
        # Without a cost on one side nothing can be said of a run's cost: the runs are new, or gone, or free.
        return [Part("runs", new - old, len(before), len(after), "successful runs")] if old or new else []
    weight = old if new == old else (new - old) / log(new / old)
    return [
        Part(cause, weight * log(second / first), first, second, unit)
        for cause, unit, first, second in _factors(before, after)
    ]


def _factors(before: Sequence[RunFigures], after: Sequence[RunFigures]) -> list[_Factor]:
    """Factors whose product is the cost of each group."""
    sides = (before, after)
    runs = [float(len(side)) for side in sides]
    usd = [_usd(side) for side in sides]
    hours, gb, dpu = (_known(sides, name) for name in ("hours", "gb", "dpu_hours"))
    found: list[_Factor] = [("runs", "successful runs", runs[0], runs[1])]
    if hours is None:
        return [*found, ("cost_of_a_run", "USD a run", *_ratio(usd, runs))]
    if gb is None:
        found.append(("volume_and_duration", "hours a run", *_ratio(hours, runs)))
    else:
        found.append(("volume", "GB a run", *_ratio(gb, runs)))
        found.append(("duration", "hours a GB", *_ratio(hours, gb)))
    if dpu is None:
        return [*found, ("platform_and_price", "USD an hour", *_ratio(usd, hours))]
    found.append(("size", "DPU", *_ratio(dpu, hours)))
    return [*found, ("price", "USD a DPU-hour", *_ratio(usd, dpu))]


def _known(sides: Sequence[Sequence[RunFigures]], name: str) -> list[float] | None:
    """Sums of a figure on both sides; None where it is not known of every run."""
    values = [[getattr(one, name) for one in side] for side in sides]
    return None if any(value is None for side in values for value in side) else [sum(side) for side in values]


def _ratio(over: Sequence[float], under: Sequence[float]) -> tuple[float, float]:
    return over[0] / under[0], over[1] / under[1]


def _usd(runs: Sequence[RunFigures]) -> float:
    return sum(one.usd or 0.0 for one in runs)
