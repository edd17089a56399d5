"""What a month will cost, from the days so far: weekday pattern and growth, with a range."""

import calendar
import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from etl_platform.pricing.anomaly import LEAST_HISTORY, LEAST_SPREAD, THRESHOLD, usual_and_spread
from etl_platform.pricing.history import DayCost, known_sum

if TYPE_CHECKING:
    import numpy as np

LEVEL = 0.9
"""Share of months that the range is meant to hold."""

LEAST_DAYS = 3
LEAST_DAYS_FOR_WEEKDAYS = 14
LEAST_DAYS_FOR_GROWTH = 21
"""Days of history from which a level, a weekday pattern and a trend are estimated."""

HISTORY_DAYS = 120
"""Days that count; what a job cost half a year ago says little of today."""

UNUSUAL_SHARE = 0.05
"""Most of the days that may be left out as unusual; what happens more often is how the job is."""

DAYS_A_MONTH = 365.25 / 12


@dataclass(frozen=True)
class Forecast:
    """The cost of one calendar month.

    Attributes:
        month: Such as `2026-11`.
        spent_usd: Known cost of the month's runs so far, see `spent_in_month`.
        expected_usd: Expected cost of the whole month; None where there is too little history.
        low_usd: Lower end of the range.
        high_usd: Upper end of the range.
        growth_monthly: 0.05 is 5 % a month; None where the history is too short to tell.
        days: Days of history that it rests on.
        notes: What it takes into account, and what weakens it.
    """

    month: str
    spent_usd: float | None
    expected_usd: float | None
    low_usd: float | None
    high_usd: float | None
    growth_monthly: float | None
    days: int
    notes: tuple[str, ...]


def forecast_month(costs: Iterable[DayCost], today: dt.date) -> Forecast:
    """Forecast the calendar month of a day.

    The daily sums of the whole days before it are explained by least squares with a level for each day of
    the week and a straight trend, as far as the history is long enough for them; single unusual days are left
    out. The rest of the month is the
    sum of the days to come, this one among them where it has cost less than expected so far; the range is the
    exact prediction interval of that sum (Draper and Smith, "Applied Regression Analysis").

    Args:
        costs: Days of one job or of many; runs of unknown cost are left out and noted.
        today: A day of the month, UTC; later days are ignored.
    """
    import numpy as np
    from scipy import stats

    past = [one for one in costs if one.day <= today]
    spent = spent_in_month(past, today)
    month = today.isoformat()[:7]
    notes: list[str] = []
    if unpriced := sum(one.unpriced for one in past):
        runs = sum(one.runs for one in past)
        notes.append(f"{unpriced} of {runs} runs have no known cost and are left out")
    by_day = {one.day: one.usd for one in past if one.usd is not None}
    first = max(min(by_day, default=today), today - dt.timedelta(days=HISTORY_DAYS))
    days = [first + dt.timedelta(days=n) for n in range((today - first).days)]
    if len(days) < LEAST_DAYS:
        notes.append(f"a forecast needs {LEAST_DAYS} whole days of history, there are {len(days)}")
        return Forecast(month, spent, None, None, None, None, len(days), tuple(notes))

    weekly, growing = len(days) >= LEAST_DAYS_FOR_WEEKDAYS, len(days) >= LEAST_DAYS_FOR_GROWTH
    notes.append("weekday pattern" if weekly else "no weekday pattern yet: under two weeks of history")
    notes.append("growth" if growing else "no growth yet: under three weeks of history")

    def design(some: list[dt.date]) -> "np.ndarray":
        weekdays = np.array([day.weekday() for day in some], int)
        levels = np.eye(7)[weekdays] if weekly else np.ones((len(some), 1))
        trend = (
            np.array([[(day - first).days] for day in some], float) if growing else np.empty((len(some), 0))
        )
        return np.hstack([levels, trend])

    spendings, matrix = np.array([by_day.get(day, 0.0) for day in days]), design(days)
    kept = _usual_days(spendings, matrix)
    if not kept.all():
        unusual = ", ".join(
            f"{day} (${usd:,.2f})" for day, usd, usual in zip(days, spendings, kept, strict=True) if not usual
        )
        notes.append(f"unusual days say nothing of those to come: {unusual}")
    spendings, matrix = spendings[kept], matrix[kept]
    inverse = np.linalg.pinv(matrix.T @ matrix)
    weights = inverse @ matrix.T @ spendings
    freedom = max(len(spendings) - matrix.shape[1], 1)
    variance = float(((spendings - matrix @ weights) ** 2).sum()) / freedom

    last = dt.date(today.year, today.month, calendar.monthrange(today.year, today.month)[1])
    left = [today + dt.timedelta(days=n) for n in range((last - today).days + 1)]
    ahead = np.maximum(design(left) @ weights, 0.0)
    # Of today only what is still expected beyond what was already spent is to come.
    ahead[0] = max(ahead[0] - by_day.get(today, 0.0), 0.0)
    together = design(left).sum(axis=0)
    spread = float(np.sqrt(variance * (len(left) + together @ inverse @ together)))
    half = float(stats.t.ppf(0.5 + LEVEL / 2, freedom)) * spread
    so_far = spent or 0.0
    expected = so_far + float(ahead.sum())
    mean = float(spendings.mean())
    growth = float(weights[-1]) * DAYS_A_MONTH / mean if growing and mean > 0 else None
    return Forecast(
        month=month,
        spent_usd=spent,
        expected_usd=expected,
        low_usd=max(expected - half, so_far),
        high_usd=expected + half,
        growth_monthly=growth,
        days=len(days),
        notes=tuple(notes),
    )


def spent_in_month(costs: Iterable[DayCost], today: dt.date) -> float | None:
    """Known cost of a day's calendar month: 0.0 without a run; None where the cost of none is known."""
    month = (today.year, today.month)
    its = [one for one in costs if (one.day.year, one.day.month) == month]
    return known_sum(one.usd for one in its) if any(one.runs for one in its) else 0.0


def _usual_days(spendings: "np.ndarray", matrix: "np.ndarray") -> "np.ndarray":
    """Which days the forecast may rest on: all but single ones that neither their weekday nor growth explain.

    The worst is taken out and the rest fitted anew, until none is left, or as many are out as UNUSUAL_SHARE
    allows. A day counts as unusual where it is among the days that cost anything, and its residual among the
    residuals: a job that seldom runs, or is dear on Mondays, is not unusual.

    Args:
        spendings: Dollars of each day.
        matrix: What explains them, a row a day.

    Returns:
        A truth value for each day.
    """
    import numpy as np

    kept = np.ones(len(spendings), bool)
    charged = spendings[spendings > 0]
    if len(charged) < LEAST_HISTORY:
        return kept
    usual, spread = usual_and_spread(charged.tolist())
    dear = np.abs(spendings - usual) >= THRESHOLD * spread
    dear &= spendings > 0
    for _ in range(int(UNUSUAL_SHARE * len(spendings))):
        weights = np.linalg.pinv(matrix[kept]) @ spendings[kept]
        residuals = np.abs(spendings - matrix @ weights)
        _, noise = usual_and_spread(residuals[kept].tolist())
        beyond = np.where(dear & kept, residuals, 0.0)
        worst = int(beyond.argmax())
        if beyond[worst] <= THRESHOLD * max(noise, LEAST_SPREAD * usual):
            break
        kept[worst] = False
    return kept
