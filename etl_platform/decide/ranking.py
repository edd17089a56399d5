"""Which size or platform is better, by what the job is to be optimized for."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, inf
from typing import TYPE_CHECKING, Literal

from etl_platform.config.models.job import Job
from etl_platform.config.project import Config

if TYPE_CHECKING:
    from etl_platform.decide.options import Figures
    from etl_platform.decide.size import Size

CERTAINTY = 0.95
"""Probability with which a choice is to meet the deadline."""

CHANCES = 10
"""Where nothing meets it with CERTAINTY, chances of being late within the same tenth are alike: a few percent
of probability, which a model of few runs cannot tell apart, would else decide for the dearest size."""

ALPHA = 0.5
"""`balanced` minimizes dollars × hours^ALPHA: a run may cost twice as much where it is four times as fast."""

SAME = 0.01
"""Figures that differ by less than this share are a tie: of equally probable or equally fast sizes the
cheapest is taken, of equally good platforms the one that ran last."""

NO_FASTER = 0.005
"""A size whose time differs by less than this share takes the same time."""


@dataclass(frozen=True)
class Goal:
    """What a choice is to achieve.

    Attributes:
        priority: What is minimized.
        deadline_seconds: A run is to end within it; None: no deadline.
        limit: What sets it, for people.
        budget_usd: Budget of a run; None: none.
        hard: Nothing over the budget is taken.
        by_cost: False where the flag `enable_cost_optimization` is off: dollars do not count.
    """

    priority: Literal["cost", "speed", "balanced"]
    deadline_seconds: float | None
    budget_usd: float | None
    by_cost: bool = True
    limit: str = "deadline"
    hard: bool = False


def goal_of(config: Config, job: Job) -> Goal:
    """The goal of a job: its priority, its budget, and the earlier of SLA and timeout."""
    timeout, promised = job.execution.timeout_minutes, job.sla.max_duration_minutes
    by_sla = promised is not None and promised <= timeout
    minutes = promised if by_sla else timeout
    if job.workload.query_pattern == "streaming" or job.execution.schedule == "streaming":
        minutes = None
    by_cost = config.settings.feature_flags.enable_cost_optimization
    budget, hard = job.cost.budget_per_run_usd, job.cost.hard_limit
    return Goal(
        priority=job.cost.optimization_priority if by_cost else "speed",
        deadline_seconds=None if minutes is None else minutes * 60,
        # A hard budget stands whatever is optimized.
        budget_usd=budget if by_cost or hard else None,
        by_cost=by_cost,
        limit="deadline" if by_sla else "time limit (`timeout_minutes`)",
        hard=hard and budget is not None,
    )


def ranked_usd(figures: "Figures", charged: bool) -> float:
    """Dollars to order by: those of another region where the own ones are unknown; infinite without any."""
    if not charged:
        return 0.0
    known = figures.usd_elsewhere if figures.usd is None else figures.usd
    return inf if known is None else known


def is_late(figures: "Figures") -> bool:
    """Whether a run is not sure to meet its limit of time."""
    return figures.on_time is not None and figures.on_time < CERTAINTY


def over_budget(goal: Goal, figures: "Figures", charged: bool) -> bool:
    """Whether a run is known to cost more than its budget."""
    return (
        charged and goal.budget_usd is not None and figures.usd is not None and figures.usd > goal.budget_usd
    )


def score(goal: Goal, figures: "Figures", charged: bool) -> tuple[float, ...]:
    """How good figures are; the lowest is the best.

    What is over a hard budget comes after all that is not, the cheapest first. Then what does not meet the
    deadline with CERTAINTY comes after all that does, the likeliest first (by CHANCES); for `speed`
    what is over the budget likewise. What is unknown comes last.
    """
    usd = ranked_usd(figures, charged)
    seconds = inf if figures.seconds is None else figures.seconds
    over = over_budget(goal, figures, charged)
    forbidden = usd if over and goal.hard else 0.0
    late = 0.0
    if figures.on_time is not None and is_late(figures):
        late = ceil(CHANCES * (1 - figures.on_time)) / CHANCES
    if goal.priority != "speed" and usd == inf:
        # Who asks for few dollars and cannot be told them is not given the fastest and dearest.
        return forbidden, late, inf, 0.0
    if goal.priority == "cost":
        return forbidden, late, usd, seconds
    if goal.priority == "speed":
        return forbidden, late, float(over), seconds, usd
    return forbidden, late, worth(goal, figures, charged), seconds


def worth(goal: Goal, figures: "Figures", charged: bool) -> float:
    """What the priority minimizes, without any limit."""
    usd = ranked_usd(figures, charged)
    seconds = inf if figures.seconds is None else figures.seconds
    if goal.priority == "cost":
        return usd
    if goal.priority == "speed":
        return seconds
    return usd * (seconds / 3600) ** ALPHA if 0 < usd < inf else usd


def best_of(goal: Goal, scores: Sequence[tuple[float, ...]]) -> list[int]:
    """Indexes of the best scores: of what is as likely in time, or for `speed` as fast, the cheapest."""
    loose = {"cost": {1}, "balanced": {1}, "speed": {1, 3}}[goal.priority]
    left = list(range(len(scores)))
    for place in range(len(scores[0])):
        least = min(scores[one][place] for one in left)
        most = least * (1 + SAME) if place in loose else least
        left = [one for one in left if scores[one][place] <= most]
    return left


def better(goal: Goal, sized: "Sequence[tuple[Size, Figures, bool]]") -> "Size | None":
    """The best of some sizes of one platform; the smallest of equals. None of none."""
    if not sized:
        return None
    sized = _of_use(sized)
    best = best_of(goal, [score(goal, figures, charged) for _, figures, charged in sized])
    return min((sized[one][0] for one in best), key=lambda size: (size.cores, size.memory_gb))


def _of_use(sized: "Sequence[tuple[Size, Figures, bool]]") -> "list[tuple[Size, Figures, bool]]":
    # A larger and dearer size that is no faster is of no use, however sure the model is of its time.
    kept: list[tuple[Size, Figures, bool]] = []
    least_seconds = least_usd = inf
    for size, figures, charged in sorted(sized, key=lambda one: (one[0].cores, one[0].memory_gb)):
        usd = ranked_usd(figures, charged)
        seconds = inf if figures.seconds is None else figures.seconds
        if kept and least_usd <= usd and least_seconds <= seconds * (1 + NO_FASTER):
            continue
        kept.append((size, figures, charged))
        if seconds <= least_seconds:
            least_seconds, least_usd = seconds, usd
    return kept


def tied(goal: Goal, first: tuple[float, ...], second: tuple[float, ...]) -> bool:
    """Whether two scores differ too little to matter."""
    # The seconds at the end of a score by dollars only order what costs the same.
    count = None if goal.priority == "speed" else -1
    return all(
        one == other or (inf not in (one, other) and abs(one - other) <= SAME * max(one, other))
        for one, other in zip(first[:count], second[:count], strict=True)
    )
