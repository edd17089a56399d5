"""Runs whose cost does not fit the history of their own job."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from statistics import median

from etl_platform.pricing.history import FREE, CostPoint

THRESHOLD = 3.5
"""Modified z-score of an outlier (Iglewicz and Hoaglin, "How to Detect and Handle Outliers", 1993)."""

NORMAL_CONSISTENCY = 1.4826
"""MAD × this estimates the standard deviation of a normal distribution (the same source)."""

LEAST_SPREAD = 0.05
"""Least spread as a share of the median: where runs cost nearly the same, a few percent are no alarm."""

LEAST_HISTORY = 5
"""Earlier runs without which nothing is called unusual."""

WINDOW = 50
"""Latest earlier runs that count, so that a job that grew is held against what it is now."""


@dataclass(frozen=True)
class Anomaly:
    """A run that cost unusually much or little.

    Attributes:
        run: The run.
        usual_usd: Median of the earlier runs.
        spread_usd: Robust standard deviation of the earlier runs.
        score: Spreads from the median; negative where it cost less.
    """

    run: CostPoint
    usual_usd: float
    spread_usd: float
    score: float

    @property
    def sentence(self) -> str:
        """What is unusual, for people."""
        change = (self.run.usd or 0) / self.usual_usd - 1 if self.usual_usd else None
        percent = "" if change is None else f" ({change:+.0%})"
        return (
            f"{self.run.execution_id} cost ${self.run.usd:,.4f}{percent}; "
            f"the runs before it ${self.usual_usd:,.4f} ± {self.spread_usd:,.4f}"
        )


def usual_and_spread(costs: Collection[float]) -> tuple[float, float]:
    """Median and robust standard deviation of costs, at least one of them."""
    usual = median(costs)
    spread = NORMAL_CONSISTENCY * median(abs(cost - usual) for cost in costs)
    return usual, max(spread, LEAST_SPREAD * abs(usual))


def anomaly(run: CostPoint, earlier: Iterable[CostPoint]) -> Anomaly | None:
    """Whether a run's cost is unusual; None where it is not, or where that cannot be told.

    Args:
        run: The run to judge.
        earlier: Runs of the same job before it; those of unknown cost do not count, nor do those of this
            machine, which charges nothing.
    """
    if run.usd is None or run.platform == FREE:
        return None
    charged = (one for one in earlier if one.timestamp < run.timestamp and one.platform != FREE)
    past = sorted(charged, key=lambda one: one.timestamp)
    costs = [one.usd for one in past if one.usd is not None][-WINDOW:]
    if len(costs) < LEAST_HISTORY:
        return None
    usual, spread = usual_and_spread(costs)
    if spread == 0:
        return Anomaly(run, usual, spread, float("inf")) if run.usd else None
    score = (run.usd - usual) / spread
    return Anomaly(run, usual, spread, score) if abs(score) >= THRESHOLD else None


def anomalies(points: Iterable[CostPoint]) -> list[Anomaly]:
    """All unusual runs, each held against the earlier runs of its own job; newest first."""
    by_job: dict[str, list[CostPoint]] = {}
    for point in sorted(points, key=lambda one: one.timestamp):
        by_job.setdefault(point.job_id, []).append(point)
    found = (
        anomaly(run, runs[max(0, place - WINDOW * 2) : place])
        for runs in by_job.values()
        for place, run in enumerate(runs)
    )
    return sorted((one for one in found if one), key=lambda one: one.run.timestamp, reverse=True)
