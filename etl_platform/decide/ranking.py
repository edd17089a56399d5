"""Which size or platform is better, by what the job is to be optimized for."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Literal

from etl_platform.config.models.job import Job
from etl_platform.config.project import Config

if TYPE_CHECKING:
    from etl_platform.decide.options import Figures
    from etl_platform.decide.size import Size

CERTAINTY = 0.95
"""Probability with which a choice is to meet the deadline."""

ALPHA = 0.5
"""`balanced` minimizes dollars × hours^ALPHA: a run may cost twice as much where it is four times as fast."""

SAME = 0.01
"""Scores that differ by less than this share are a tie; then what ran last is taken."""


@dataclass(frozen=True)
class Goal:
    """What a choice is to achieve.

    Attributes:
        priority: What is minimized.
        deadline_seconds: A run is to end within it; None: no deadline.
        budget_usd: Budget of a run; None: none.
        by_cost: False where the flag `enable_cost_optimization` is off: dollars do not count.
    """

    priority: Literal["cost", "speed", "balanced"]
    deadline_seconds: float | None
    budget_usd: float | None
    by_cost: bool = True


def goal_of(config: Config, job: Job) -> Goal:
    """The goal of a job: its priority, its budget, and the earlier of SLA and timeout."""
    limits = [job.execution.timeout_minutes, job.sla.max_duration_minutes]
    if job.workload.query_pattern == "streaming" or job.execution.schedule == "streaming":
        limits = []
    minutes = min((one for one in limits if one is not None), default=None)
    by_cost = config.settings.feature_flags.enable_cost_optimization
    return Goal(
        priority=job.cost.optimization_priority if by_cost else "speed",
        deadline_seconds=None if minutes is None else minutes * 60,
        budget_usd=job.cost.budget_per_run_usd if by_cost else None,
        by_cost=by_cost,
    )


def score(goal: Goal, figures: "Figures", charged: bool) -> tuple[float, ...]:
    """How good figures are; the lowest is the best.

    What does not meet the deadline with CERTAINTY comes after all that does, the likeliest first; for `speed`
    what is over the budget likewise. What is unknown comes last.
    """
    late = 0.0 if figures.on_time is None or figures.on_time >= CERTAINTY else 1.0 - figures.on_time
    usd = (inf if figures.usd is None else figures.usd) if charged else 0.0
    seconds = inf if figures.seconds is None else figures.seconds
    if goal.priority == "cost":
        return late, usd, seconds
    if goal.priority == "speed":
        over = goal.budget_usd is not None and usd > goal.budget_usd
        return late, float(over), seconds, usd
    return late, usd * (seconds / 3600) ** ALPHA if usd and usd < inf else usd, seconds


def better(goal: Goal, sized: "Sequence[tuple[Size, Figures, bool]]") -> "Size | None":
    """The best of some sizes of one platform; the smallest of equals. None of none."""
    if not sized:
        return None
    return min(sized, key=lambda one: (*score(goal, one[1], one[2]), one[0].cores))[0]


def tied(first: tuple[float, ...], second: tuple[float, ...]) -> bool:
    """Whether two scores differ too little to matter in the first figure that differs."""
    for one, other in zip(first, second, strict=True):
        if one == other:
            continue
        return (
            one not in (inf, -inf) and other not in (inf, -inf) and abs(one - other) <= SAME * max(one, other)
        )
    return True
