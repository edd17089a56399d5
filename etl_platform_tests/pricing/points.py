"""Builds runs of known cost."""

import datetime as dt

from etl_platform.pricing.history import CostPoint


def at(
    day: dt.date, usd: float | None, job: str = "orders", platform: str | None = "glue", **tags: str
) -> CostPoint:
    """A run of a day, at noon."""
    noon = dt.datetime.combine(day, dt.time(12), dt.timezone.utc).timestamp()
    return CostPoint(f"exec-{day:%Y%m%d}-{job}", job, platform, noon, usd, tags)


def daily(first: dt.date, costs, **how) -> list[CostPoint]:
    """One run a day."""
    return [at(first + dt.timedelta(days=n), usd, **how) for n, usd in enumerate(costs)]
