"""Dollars of a size by its time, for comparing many sizes: each is quoted three times, for any times."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from etl_platform.config.models.job import Job
from etl_platform.decide.size import Size, usage
from etl_platform.pricing.book import HOME_REGION, PriceBook, open_book
from etl_platform.pricing.quote import quote

_HOUR = 3600.0


@dataclass(frozen=True)
class _Rate:
    least_usd: float
    fixed_usd: float
    usd_per_second: float


class Rates:
    """What sizes cost a second, with the minimum that is billed.

    All platforms bill by time above a minimum, in steps of at most a second. Steps are left out here, so a
    figure may be off by the cost of a second: it is for comparing, what is shown is quoted.
    """

    def __init__(self, book: PriceBook):
        self._book = book
        self._known: dict[tuple[Any, ...], _Rate | None] = {}
        self._job: Job | None = None
        self._of_job: tuple[Any, ...] = ()

    @cached_property
    def elsewhere(self) -> "Rates | None":
        """The rates of the home region, for another one whose prices are unknown; None at home."""
        return None if self._book.region == HOME_REGION else Rates(open_book())

    def usd(self, size: Size, job: Job, billed_seconds: float) -> float | None:
        """Dollars of so many billed seconds; None where nobody bills it, or a price is unknown."""
        if job is not self._job:
            keys = job.platform
            # All of a job that `usage` reads.
            spot = job.cost.spot_instances
            self._job, self._of_job = (
                job,
                (keys.execution_class, keys.architecture, keys.driver_cores, spot.model_dump_json()),
            )
        key = (size.platform, size.label, self._of_job)
        if key not in self._known:
            self._known[key] = self._rate(size, job)
        rate = self._known[key]
        if rate is None:
            return None
        return max(rate.least_usd, rate.fixed_usd + rate.usd_per_second * billed_seconds)

    def _rate(self, size: Size, job: Job) -> _Rate | None:
        prices = [self._quoted(size, job, seconds) for seconds in (0.0, _HOUR, 2 * _HOUR)]
        known = [usd for usd in prices if usd is not None]
        if len(known) < len(prices):
            return None
        least, one, two = known
        a_second = (two - one) / _HOUR
        return _Rate(least, one - a_second * _HOUR, a_second)

    def _quoted(self, size: Size, job: Job, seconds: float) -> float | None:
        used = usage(size, job, seconds)
        return None if used is None else quote(self._book, used).total_usd
